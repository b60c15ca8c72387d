public import OrderEvents

// What an order is made of.

extension Order {
    /// How far one channel has told this order's story.
    public struct ChannelProgress: Equatable, Sendable {
        /// The channel.
        public var channel: String
        /// The number that comes next where numbers count by one; else the highest seen plus one.
        ///
        /// 0: none seen.
        public var nextSequence: Int64 = 0
        /// The latest event time this channel told.
        public var lastAt: Timestamp
        /// The channel's last status or milestone word.
        public var lastWord: String = ""
        /// The highest number that was parked behind a gap; 0: none.
        public var highestParked: Int64 = 0
        /// Numbers that were overruled because they did not come in time.
        public var skipped: [NumberRange] = []
    }

    /// The trace that an applied event named.
    public struct EventTrace: Equatable, Sendable {
        /// As the event named it.
        public var context: TraceContext
        /// The order's version with the event: what was delivered up to it has been told within the trace.
        public var version: Int64
    }

    /// Sequence numbers in a row.
    public struct NumberRange: Equatable, Sendable {
        /// The lowest.
        public var first: Int64
        /// The highest.
        public var last: Int64
    }

    /// A word that a channel told: a state of the path, or `cancelled`.
    struct ToldWord: Equatable, Sendable {
        /// Index into `channels`.
        var channel: Int16
        var word: CanonicalState
        /// When it was told to have happened first, and last.
        var first: Int64
        var last: Int64
        var flags: Flags = []

        struct Flags: OptionSet, Equatable, Sendable {
            let rawValue: UInt8
            /// The channel was no owner of the word's group: its word is a claim.
            static let claim = Flags(rawValue: 1)
            /// The channel was an owner of `order`: with this word the order has begun.
            static let begins = Flags(rawValue: 2)
            /// A cancellation of lines, not of all that is left.
            static let byLines = Flags(rawValue: 4)
            /// It waited until its time was up: what it waited for is overruled.
            static let waited = Flags(rawValue: 8)
            /// It took effect when it came: an end stays an end whatever is told late of the time before.
            static let accepted = Flags(rawValue: 16)
        }
    }

    /// The beginning or the end of a hold, as a channel told it.
    struct HoldMark: Equatable, Sendable {
        var at: Int64
        /// The channel's number of the telling; 0: none.
        var sequence: Int64
        /// Index into `channels`.
        var channel: Int16
        var isRelease: Bool
        /// Of a release that was applied because its time was up; of a beginning, told by no owner.
        var flags: Flags = []
        /// credit, fraud, payment, stock, address, manual, or empty: of a release, all of its channel's.
        var reason: String

        struct Flags: OptionSet, Equatable, Sendable {
            let rawValue: UInt8
            /// The channel was no owner of holds.
            static let claim = Flags(rawValue: 1)
            /// The order begins with it.
            static let begins = Flags(rawValue: 2)
            /// It waited for its hold until its time was up.
            static let waited = Flags(rawValue: 8)
        }
    }

    /// A reason why the order may not go on, or might not.
    public struct Hold: Equatable, Sendable {
        /// credit, fraud, payment, stock, address, manual, or empty.
        public var reason: String
        /// Who said so.
        public var channel: String
        /// Since when.
        public var since: Timestamp
        /// When it ended; nil while it is open.
        public var endedAt: Timestamp?
        /// Something left or was invoiced while it was open.
        public var isViolated = false
    }

    /// Who told what is true of the order as a whole.
    public struct TermsOrigins: Equatable, Sendable {
        /// Who told `currency`.
        public var currency = Origin.none
        /// Who told `total`.
        public var total = Origin.none
        /// Who told `customerRef`.
        public var customer = Origin.none
        /// Who told `customerName`.
        public var customerName = Origin.none
    }

    /// A warehouse that took part.
    public struct Warehouse: Equatable, Sendable {
        /// Its canonical code.
        public var code: String
        /// When it was first named.
        public var since: Int64
    }

    /// A line as the order's channel tells it.
    public struct Line: Equatable, Sendable {
        /// Line number within the order.
        public var line: String
        /// Article.
        public var sku: String
        /// Ordered.
        public var quantity: ExactDecimal?
        /// Price of one.
        public var unitPrice: ExactDecimal?
        /// The channel's tax code.
        public var tax: String
    }

    /// A quantity of a line within a shipment or an invoice.
    public struct LineAmount: Equatable, Sendable {
        /// Line number; empty: the fact names the article.
        public var line: String
        /// Article, when told.
        public var sku: String
        /// How much.
        public var quantity: ExactDecimal
    }

    /// Goods that left.
    public struct Shipment: Equatable, Sendable {
        /// Identity; the tracking number of a shipment whose sender gave it none.
        public var ref: String
        /// Whether `ref` is only the tracking number.
        public var isByTracking = false
        /// Carrier.
        public var carrier = ""
        /// Tracking number.
        public var tracking = ""
        /// Where it left from; empty: nobody said.
        public var warehouse = ""
        /// By line; empty: nobody said.
        public var lines: [LineAmount] = []
        /// When it was first told to have happened.
        public var at: Timestamp
        /// Who told carrier, tracking, warehouse and lines.
        public var by = ShipmentOrigins()
    }

    /// Who told a shipment's parts.
    public struct ShipmentOrigins: Equatable, Sendable {
        /// Who told `carrier`.
        public var carrier = Origin.none
        /// Who told `tracking`.
        public var tracking = Origin.none
        /// Who told `warehouse`.
        public var warehouse = Origin.none
        /// Who told `lines`.
        public var lines = Origin.none
    }

    /// A document of accounting.
    public struct Invoice: Equatable, Sendable {
        /// Identity.
        public var ref: String
        /// By line; empty: nobody said.
        public var lines: [LineAmount] = []
        /// When it was first told to have happened.
        public var at: Timestamp
        /// Who told `lines`.
        public var linesBy = Origin.none
    }

    /// Money.
    public struct Payment: Equatable, Sendable {
        /// Identity.
        public var ref: String
        /// authorized, captured, refunded or failed.
        public var status: PaymentStatus
        /// In the order's currency.
        public var amount: ExactDecimal?
        /// Who told `status`.
        public var statusBy = Origin.none
        /// Who told `amount`.
        public var amountBy = Origin.none

        /// When the status that counts happened.
        public var at: Timestamp { Timestamp(microseconds: statusBy.at) }
    }

    /// How much of a line a warehouse has for the order: a total at its time.
    public struct Allocation: Equatable, Sendable {
        /// Canonical code; empty: the event named none.
        public var warehouse: String
        /// Line number; empty: the fact names the article.
        public var line: String
        /// Article, when told.
        public var sku: String
        /// Set aside.
        public var quantity: ExactDecimal
        /// On backorder.
        public var backordered: ExactDecimal?
        /// When the backordered part is expected, as the event wrote it.
        public var expected: String
        /// Who told it.
        public var by = Origin.none
    }

    /// How much of a line will not be delivered: a total at its time.
    public struct Cancellation: Equatable, Sendable {
        /// Line number; empty: the fact names the article, or (with no article) the reason of the whole.
        public var line: String
        /// Article, when told.
        public var sku: String
        /// How much; 0 of a cancellation of all that is left, which only gives its reason.
        public var quantity: ExactDecimal
        /// Why, in the channel's words.
        public var reason: String
        /// Who told it.
        public var by = Origin.none
    }

    /// Another name of the order.
    public struct OtherName: Equatable, Hashable, Sendable {
        /// What is named.
        public var kind: ReferenceKind
        /// Who numbers; empty: the common number space.
        public var issuer: String
        /// The number.
        public var value: String

        /// Another name; see the properties.
        public init(kind: ReferenceKind, issuer: String, value: String) {
            self.kind = kind
            self.issuer = issuer
            self.value = value
        }
    }

    /// What a channel says whose word does not count for it.
    public struct Claim: Equatable, Sendable {
        /// What is claimed.
        ///
        /// Raw values are in documents.
        public enum Kind: String, CaseIterable, Sendable {
            case shipment, invoice, payment, milestone, lines, terms, allocation, cancellation
        }

        /// What is claimed.
        public var kind: Kind
        /// Index into `channels`.
        public var channel: Int16
        /// When it was told to have happened.
        public var at: Int64
        /// Identity of the fact, or digest of the value.
        public var key: String
    }
}

/// What an event tells besides its word.
///
/// Held behind a reference, because most events tell none of it.
public final class Facts: Sendable {
    /// Goods that left.
    ///
    /// `ref` or, without it, `tracking` is its identity.
    public struct Shipment: Equatable, Sendable {
        /// Identity given by its sender; empty: the tracking number identifies it.
        public var ref: Slice = .none
        /// Carrier.
        public var carrier: Slice = .none
        /// Tracking number.
        public var tracking: Slice = .none
        /// What left, by line.
        public var lines: [LineQuantity] = []
        /// A shipment without content.
        public init() {}
    }

    /// A document of accounting.
    ///
    /// `ref` is its identity.
    public struct Invoice: Equatable, Sendable {
        /// Identity.
        public var ref: Slice = .none
        /// What was invoiced, by line.
        public var lines: [LineQuantity] = []
        /// An invoice without content.
        public init() {}
    }

    /// Money.
    ///
    /// `ref` is its identity.
    public struct Payment: Equatable, Sendable {
        /// Identity.
        public var ref: Slice
        /// How far it went.
        public var status: PaymentStatus
        /// Amount in the order's currency.
        public var amount: ExactDecimal?
        /// A payment; see the properties.
        public init(ref: Slice, status: PaymentStatus, amount: ExactDecimal?) {
            self.ref = ref
            self.status = status
            self.amount = amount
        }
    }

    /// A reason why the order may not go on.
    public struct Hold: Equatable, Sendable {
        /// credit, fraud, payment, stock, address or manual; empty: the channel gave none.
        public var reason: Slice
        /// A hold for `reason`.
        public init(reason: Slice) { self.reason = reason }
    }

    /// Goods that will not be delivered.
    public struct Cancellation: Equatable, Sendable {
        /// Totals by line at the event's time; empty: all that is left.
        public var lines: [LineQuantity]
        /// Why, in the channel's words.
        public var reason: Slice
        /// A cancellation; see the properties.
        public init(lines: [LineQuantity], reason: Slice) {
            self.lines = lines
            self.reason = reason
        }
    }

    /// Other names of the order.
    public let references: [Reference]
    /// Totals by line at the event's time.
    public let allocation: [LineQuantity]
    /// Goods that left; nil: none.
    public let shipment: Shipment?
    /// Document of accounting; nil: none.
    public let invoice: Invoice?
    /// Money; nil: none.
    public let payment: Payment?
    /// Where a mapped channel tells several at once: those behind the first.
    public let moreShipments: [Shipment]
    /// Where a mapped channel tells several at once: those behind the first.
    public let moreInvoices: [Invoice]
    /// Where a mapped channel tells several at once: those behind the first.
    public let morePayments: [Payment]
    /// Reason of `on_hold`, or which hold a `release` ends.
    public let hold: Hold?
    /// Goods that will not be delivered.
    public let cancellation: Cancellation?

    /// What one event tells; see the properties.
    public init(
        references: [Reference] = [], allocation: [LineQuantity] = [], shipment: Shipment? = nil,
        invoice: Invoice? = nil, payment: Payment? = nil, hold: Hold? = nil, cancellation: Cancellation? = nil,
        moreShipments: [Shipment] = [], moreInvoices: [Invoice] = [], morePayments: [Payment] = []
    ) {
        self.references = references
        self.allocation = allocation
        self.shipment = shipment
        self.invoice = invoice
        self.payment = payment
        self.hold = hold
        self.cancellation = cancellation
        self.moreShipments = moreShipments
        self.moreInvoices = moreInvoices
        self.morePayments = morePayments
    }

    /// All shipments that the event tells.
    public var shipments: [Shipment] { (shipment.map { [$0] } ?? []) + moreShipments }
    /// All invoices that the event tells.
    public var invoices: [Invoice] { (invoice.map { [$0] } ?? []) + moreInvoices }
    /// All payments that the event tells.
    public var payments: [Payment] { (payment.map { [$0] } ?? []) + morePayments }

    /// Bytes of memory that the facts hold, for budgets.
    public var cost: Int {
        var quantities =
            allocation.count + (shipment?.lines.count ?? 0) + (invoice?.lines.count ?? 0)
            + (cancellation?.lines.count ?? 0)
        for shipment in moreShipments { quantities += shipment.lines.count }
        for invoice in moreInvoices { quantities += invoice.lines.count }
        return 320 + references.count * MemoryLayout<Reference>.stride
            + quantities * MemoryLayout<LineQuantity>.stride
            + moreShipments.count * MemoryLayout<Shipment>.stride + moreInvoices.count * MemoryLayout<Invoice>.stride
            + morePayments.count * MemoryLayout<Payment>.stride
    }
}

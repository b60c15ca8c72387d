public import OrderEvents
public import Orders
public import Postgres

/// Everything the store knows of one order, of one moment: what `sluice order` shows.
public struct OrderView: Sendable {
    /// One event of the order's history.
    public struct Entry: Sendable {
        /// What became of it: applied, stale, parked or rejected.
        public var outcome: Outcome
        /// The rule that decided; nil for a rejected event.
        public var disposition: Disposition?
        /// The word that it told; nil: a pure milestone.
        public var status: StatusWord?
        /// The milestone that it told.
        public var milestone: Milestone?
        /// The canonical state before; nil: not begun, or rejected.
        public var from: CanonicalState?
        /// The canonical state after.
        public var to: CanonicalState?
        /// Why it was flagged, parked or rejected.
        public var code: String?
        /// The refusal in words, for a rejected event.
        public var detail: String?
        /// The routing rule of the channel that took it; nil: none did.
        public var rule: String?
        /// The trace that its record named; nil: none.
        public var trace: TraceContext?
        /// Who told it.
        public var channel: String
        /// The channel's identity of it.
        public var eventID: String
        /// The warehouse that it named, or empty.
        public var warehouse: String
        /// The channel's number of it.
        public var sequence: Int64?
        /// The order's version afterwards; 0 for a rejected event.
        public var version: Int64
        /// When it happened, by the channel's clock.
        public var occurredAt: Timestamp
        /// When it was applied.
        public var recordedAt: Timestamp
        /// Where it was read: topic, partition, offset.
        public var topic: String
        /// The partition within the topic.
        public var partition: Int32
        /// The Kafka offset.
        public var offset: Int64
        /// Whether the row has left the journal for the archive.
        public var isArchived: Bool
        /// A parked event: when it went on, and what became of it then.
        public var releasedAt: Timestamp?
        /// What became of it when it went on.
        public var releasedOutcome: Outcome?
    }

    /// An event that waits.
    public struct Waiting: Sendable {
        /// What it waits for.
        public var code: String
        /// Who told it.
        public var channel: String
        /// The channel's identity of it.
        public var eventID: String
        /// The channel's number of it.
        public var sequence: Int64?
        /// Since when.
        public var since: Timestamp
        /// When it takes its fallback; nil: never, it waits until what it waits for comes.
        public var until: Timestamp?
    }

    /// The order's place in the backlog.
    public struct Standing: Sendable {
        /// Since when its delivery is behind.
        public var since: Timestamp
        /// When it is tried next, or until when somebody has it under a lease.
        public var dueAt: Timestamp
        /// When a visit began that has not been recorded yet.
        public var visitedAt: Timestamp?
        /// Tries since the last success.
        public var attempts: Int32
        /// 0 urgent, 1 usual, 2 whenever.
        public var priority: Int16
    }

    /// What the destination was last brought to.
    public struct Delivery: Sendable {
        /// When.
        public var confirmedAt: Timestamp
        /// The version; behind the order's while it is in the backlog.
        ///
        /// 0: not completely yet.
        public var version: Int64
        /// Odoo's id of the sales order.
        public var odooID: Int64?
        /// The canonical state that it shows.
        public var state: CanonicalState?
        /// The delivery's own record, JSON.
        public var document: [UInt8]
    }

    /// A business exception of the order.
    public struct Exception: Sendable {
        /// What it is.
        public var code: String
        /// info, warning or error.
        public var severity: String
        /// In words.
        public var detail: String
        /// How often it was met.
        public var count: Int64
        /// When it was met first.
        public var firstSeen: Timestamp
        /// When it was met last.
        public var lastSeen: Timestamp
        /// When it ended; nil: it is open.
        public var resolvedAt: Timestamp?
        /// Who or what ended it.
        public var resolvedBy: String?
    }

    /// The order's place among those whose verdict waits for a look at the destination.
    public struct Validation: Sendable {
        /// Since when.
        public var since: Timestamp
        /// When the destination is asked next.
        public var dueAt: Timestamp
        /// Tries so far.
        public var attempts: Int32
    }

    /// A name that events wait for, because no order goes by it yet.
    public struct AwaitedName: Sendable {
        /// The name.
        public var name: Order.OtherName
        /// How many events wait for it.
        public var events: Int64
        /// Since when the first of them waits.
        public var since: Timestamp?
        /// Who told them.
        public var channels: [String]
        /// What is open about it.
        public var exceptions: [Exception]
    }

    /// What goes by a reference.
    public struct Found: Sendable {
        /// Canonical references of orders.
        public var orders: [String]
        /// Names that only events know.
        public var awaited: [AwaitedName]
    }

    /// The legal entity.
    public var legalEntity: String
    /// The canonical reference.
    public var orderRef: String
    /// The canonical state; `revision` 0: only refused events named this order.
    public var order: Order
    /// When the order was last written.
    public var updatedAt: Timestamp?
    /// Its events as they were recorded, the newest `timelineLimit` of them, the oldest first.
    public var timeline: [Entry]
    /// Whether there are older events than those in `timeline`.
    public var isTimelineCut: Bool
    /// Records that told an event of `timeline` again.
    public var duplicates: Int64
    /// What waits now.
    public var waiting: [Waiting]
    /// Its place in the backlog; nil: the destination is up to date, or there is none.
    public var standing: Standing?
    /// What was delivered.
    public var delivery: Delivery?
    /// Its place among those that wait for a look at the destination; nil: it does not.
    public var validation: Validation?
    /// Exceptions, the open ones first.
    public var exceptions: [Exception]

    /// The most events that a view shows.
    public static let timelineLimit = 500

    /// What goes by `reference` in `legalEntity`.
    ///
    /// `reference` is a canonical reference, an alias of one, the value of any other reference, or `ISSUER/VALUE` of
    /// one. A canonical reference counts before all others, so more than one order comes back only for other names; at
    /// most 100. What nobody goes by yet may be what events wait for.
    public static func find(
        _ reference: String, legalEntity: String, _ connection: inout Connection
    ) throws(StoreError) -> Found {
        do {
            return try OrderViewReading.find(reference, legalEntity, &connection)
        } catch { throw StoreError("the order cannot be looked up", underlying: error) }
    }

    /// Reads an order by its canonical reference, in one snapshot; nil: nothing is known of it.
    public static func read(
        _ orderRef: String, legalEntity: String, _ connection: inout Connection
    ) throws(StoreError) -> OrderView? {
        do {
            _ = try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            let view = try OrderViewReading.read(orderRef, legalEntity, &connection)
            _ = try connection.execute("COMMIT")
            return view
        } catch {
            _ = try? connection.execute("ROLLBACK")
            if let error = error as? PostgresError { throw StoreError("the order cannot be read", underlying: error) }
            throw StoreError("the order's document in the store cannot be read")
        }
    }
}

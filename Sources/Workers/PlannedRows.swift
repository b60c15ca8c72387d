import OrderEvents
import Orders
import Partitioner

// What a plan is made of.

/// A taken idempotency key.
struct KnownKey: Sendable {
    var contentHash: UInt64
    var partition: Int32
    var offset: Int64
    var outcome: Outcome
}

/// An event that waits: from the store, or from this batch.
struct ParkedEvent: Sendable {
    var event: OrderEvent
    var code: ExceptionCode
    var warehouse: String
    var dueAt: Int64
    /// Its journal row is one of this batch's.
    var isNew: Bool
    /// It waited for a name, or at an alias, and waits at its order now.
    var isMoved = false
    /// Sequence in which it came, among those that are as new.
    var arrival: Int
}

/// An order that the batch touches.
struct WorkingOrder: Sendable {
    var entity: Int32
    var ref: String
    var hash: UInt64
    /// The batch's first item of this order; -1: none names it by its canonical reference.
    var firstItem = 0
    /// What holds `order`.
    var cell = OrderCell.empty
    /// Whether `order` is what the store holds, or is believed to hold (a new order that nobody looked up).
    var isLoaded = false
    /// Whether it comes from the memory, which misses it until it is put back.
    var isRecalled = false
    var isDirty = false
    /// How many of the order's names the store has, or will have when the batch is committed.
    var knownNames = 0
    var delivers = false
    /// Where the order stood before the batch in the flows that its legal entity makes promises for.
    var flowsBefore = FlowTimes()
    var parked: [ParkedEvent] = []
    /// The verdict that the store has.
    var verdictBefore = ValidationVerdict.pending
    /// The order whose alias this row is, as the store has it; empty: it is none.
    var aliasRef = ""
    /// The same as an index into the batch's orders; -1: none.
    var aliasOf = -1

    init(entity: Int32, ref: String, hash: UInt64, firstItem: Int = 0) {
        self.entity = entity
        self.ref = ref
        self.hash = hash
        self.firstItem = firstItem
    }

    /// An order that no event of the batch names by its canonical reference.
    init(entity: Int32, ref: String, _ settings: ApplySettings) {
        let bytes = Array(ref.utf8)
        let seed = StableHash.orderKeySeed(entity: settings.entityName(entity))
        self.init(
            entity: entity, ref: ref, hash: max(1, StableHash.hash(bytes.span, seed: seed)), firstItem: -1)
    }

    /// Takes the state that the store has.
    mutating func take(_ cell: OrderCell) {
        self.cell = cell
        verdictBefore = cell.value.validation.verdict
    }

    /// The order's state; read and changed in place.
    var order: Order {
        _read { yield cell.value }
        _modify { yield &cell.value }
    }
}

/// A row of the journal.
struct JournalRow: Sendable {
    var item: Int
    var evaluation: Evaluation
    var orderVersion: Int64
    var warehouse: String
    /// Index of its order, where the event does not name it by its canonical reference; -1: by its own words.
    var otherOrder = -1
}

/// A row of `rejected`.
struct RejectedRow: Sendable {
    var item: Int
    var code: ExceptionCode
    var detail: String
    /// As of `JournalRow`.
    var otherOrder = -1
}

/// A row of `parked`, new or going on.
struct ParkedRow: Sendable {
    /// Index of its order; -1: it waits for `name`.
    var order: Int
    var parked: ParkedEvent
    var releasedOutcome: Outcome?
    var name: Order.OtherName?
}

/// One exception of one order.
struct ExceptionKey: Hashable, Sendable {
    var entity: Int32
    /// The order, or `ReferenceKey.subject`; empty: it is about the legal entity.
    var ref: String
    var code: ExceptionCode
}

/// What is told about an exception that one batch raises.
struct RaisedException: Sendable {
    var detail: String
    /// How often the batch met it.
    var count: Int64 = 0

    mutating func met(_ detail: String) {
        self.detail = detail
        count += 1
    }
}

/// A transition that took effect, for metrics.
struct TransitionKey: Hashable, Sendable {
    var entity: Int32
    var from: CanonicalState?
    var to: CanonicalState?
    var disposition: Disposition

    /// All of it in one number: nearly every event is a transition.
    func hash(into hasher: inout Hasher) {
        let states = UInt64(from?.rawValue ?? 0) << 16 | UInt64(to?.rawValue ?? 0) << 8 | UInt64(disposition.rawValue)
        hasher.combine(UInt64(UInt32(bitPattern: entity)) << 32 | states)
    }
}

/// How long an order was in a state before it went on, by event time; for metrics.
struct StageTime: Sendable {
    var entity: Int32
    var from: CanonicalState
    var to: CanonicalState
    var seconds: Double
    /// The flow that it left, and how long it was in it.
    var left: (flow: Flow, microseconds: Int64)?
}

/// An item of the batch with what the plan needs to find its order and its key.
struct BatchEntry: Sendable {
    /// Index of the item.
    var item: Int
    /// Index of its order among the batch's, -1: none.
    var order: Int
    /// Hash of its idempotency key.
    var keyHash: UInt64
}

/// A position by the process's number of its partition.
struct SourcePlace: Hashable, Sendable {
    var partition: Int32
    var offset: Int64

    init(_ source: SourcePosition) {
        partition = source.partition
        offset = source.offset
    }
}

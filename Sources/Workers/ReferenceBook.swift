import OrderEvents
import Orders

// What one batch knows and changes of the names of orders. A value: `BatchPlan` decides with it, `ReferenceWriting`
// settles it with the store.

/// A name within its legal entity.
struct ReferenceKey: Hashable, Sendable {
    var entity: Int32
    var name: Order.OtherName

    init(entity: Int32, name: Order.OtherName) {
        self.entity = entity
        self.name = name
    }

    init(_ event: OrderEvent, _ reference: Reference) {
        entity = event.entity
        name = Order.OtherName(
            kind: reference.kind, issuer: event.text(reference.issuer), value: event.text(reference.value))
    }

    /// How exceptions about it are filed: `tracking dhl/00340434`; the space tells it from an order.
    var subject: String { "\(name.kind.name) \(name.qualified)" }
}

extension Order.OtherName {
    /// `ISSUER/VALUE`, or the value of the legal entity's common number space.
    var qualified: String { issuer.isEmpty ? value : "\(issuer)/\(value)" }
}

extension ReferenceKind {
    /// Whether several orders may go by the same name of this kind.
    var isShared: Bool {
        switch self {
        case .order, .wmsOrder, .odoo: false
        case .purchaseOrder, .shipment, .tracking, .invoice: true
        }
    }
}

/// What the store knows of a name, as far as a batch has asked.
struct StoredReference: Sendable {
    /// The order, as an index into the batch's; nil: none, or more than one.
    var order: Int?
    /// More than one order has it.
    var isAmbiguous = false
    /// How many events wait for it.
    var waiting = 0
}

/// An event that waited for a name, or at an alias, and whose order is known now.
struct FreedEvent: Sendable {
    /// Index of the order.
    var order: Int
    var parked: ParkedEvent
}

/// A waiting event that cannot be read.
struct UnreadableEvent: Sendable {
    /// Index of the order.
    var order: Int
    var channel: String
    var eventID: String
}

/// What a name says within a batch.
enum Meaning {
    case unknown
    case order(Int)
    case ambiguous
}

/// Names that one batch asks by, learns and waits for.
struct ReferenceBook: Sendable {
    /// What the store said about names that events of this batch ask by.
    var stored: [ReferenceKey: StoredReference] = [:]
    /// Orders that learned a name in this batch, by name.
    private(set) var taught: [ReferenceKey: [Int]] = [:]
    /// Names of `taught` by which an event of this batch found its order.
    private(set) var reliedOn: Set<ReferenceKey> = []
    /// Events of this batch that wait for a name.
    private(set) var waiting: [ReferenceKey: [ParkedEvent]] = [:]
    /// Names that were learned and are not settled with the store yet, in sequence.
    private(set) var unsettled: [(order: Int, name: Order.OtherName)] = []
    /// Names that events of this batch begin to wait for, not settled yet.
    private(set) var awaited: Set<ReferenceKey> = []
    /// Names that were an order's already while events waited for them: nobody is known to leave such, a store of an
    /// older program has them.
    var missed: [(key: ReferenceKey, order: Int)] = []
    /// Events that can go on, to be admitted next.
    var freed: [FreedEvent] = []
    /// Events whose journal rows were written under another reference, or none.
    var renamed: [FreedEvent] = []
    /// Rows of `orders` that became aliases while events waited there, and their orders.
    var moved: [(alias: Int, order: Int)] = []
    /// Waiting events that cannot be read (their channel is gone, say), to be moved to their order as they are.
    var unreadable: [UnreadableEvent] = []

    /// Whether the store has to be asked or told anything about names.
    var isSettled: Bool { unsettled.isEmpty && awaited.isEmpty && missed.isEmpty }

    /// Whose name it is, by the store and by what the batch taught so far.
    mutating func meaning(of key: ReferenceKey) -> Meaning {
        let known = stored[key]
        if known?.isAmbiguous == true { return .ambiguous }
        guard let taught = taught[key] else { return known?.order.map(Meaning.order) ?? .unknown }
        guard let order = known?.order ?? taught.first, taught.allSatisfy({ $0 == order }) else { return .ambiguous }
        reliedOn.insert(key)
        return .order(order)
    }

    /// The order that has this name already, by what is known so far, if it is another one.
    ///
    /// Only for kinds that are not shared.
    func otherOrder(with key: ReferenceKey, than order: Int) -> Bool {
        if let known = stored[key]?.order, known != order { return true }
        return taught[key]?.contains { $0 != order } ?? false
    }

    /// Notes that an order learned a name; gives the events of this batch that waited for it.
    mutating func learn(_ key: ReferenceKey, order: Int) -> [ParkedEvent] {
        taught[key, default: []].append(order)
        unsettled.append((order, key.name))
        guard let waited = waiting.removeValue(forKey: key) else { return [] }
        reliedOn.insert(key)
        awaited.remove(key)
        return waited
    }

    mutating func wait(_ event: ParkedEvent, for key: ReferenceKey) {
        waiting[key, default: []].append(event)
        awaited.insert(key)
    }

    /// How many events wait for the name.
    func countWaiting(for key: ReferenceKey) -> Int { (stored[key]?.waiting ?? 0) + (waiting[key]?.count ?? 0) }

    /// What is to be settled, which then counts as settled.
    mutating func takeUnsettled() -> (learned: [(order: Int, name: Order.OtherName)], awaited: Set<ReferenceKey>) {
        defer {
            unsettled = []
            awaited = []
        }
        return (unsettled, awaited)
    }
}

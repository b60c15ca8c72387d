/// An order that has events waiting or in flight.
struct OpenOrder: Sendable {
    /// Hash of the order key.
    var hash: UInt64
    /// The queue in which all of them wait.
    var queue: Int
    /// Events waiting or in flight.
    var open = 0
    /// The batch that has it; 0: none.
    var batch: UInt32 = 0
    /// Events in that batch.
    var inBatch = 0
    /// Events that left their queue while the order was in a batch, in their sequence.
    var blocked = Chain()
    /// Whether it is in its queue's chain of orders that may go on, and who follows there.
    var isReady = false
    var nextReady: Int32 = -1
}

/// The open orders, found by hash once per event and by index from then on.
struct OrderTable: Sendable {
    private var orders: [OpenOrder] = []
    private var free: [Int32] = []
    private var indexes: [UInt64: Int32] = [:]

    /// Up to so many places stay when no order is open.
    static let keptPlaces = 256

    /// How many places there are, taken and free.
    var places: Int { orders.count }

    /// Index of the order with this hash; a new one gets `queue`.
    mutating func index(of hash: UInt64, queue: Int) -> Int32 {
        if let known = indexes[hash] { return known }
        let index: Int32
        if let place = free.popLast() {
            index = place
            orders[Int(index)] = OpenOrder(hash: hash, queue: queue)
        } else {
            index = Int32(orders.count)
            orders.append(OpenOrder(hash: hash, queue: queue))
        }
        indexes[hash] = index
        return index
    }

    subscript(_ index: Int32) -> OpenOrder {
        get { orders[Int(index)] }
        _modify { yield &orders[Int(index)] }
    }

    /// Forgets an order that has no events left.
    mutating func close(_ index: Int32) {
        indexes.removeValue(forKey: orders[Int(index)].hash)
        free.append(index)
        if indexes.isEmpty, orders.count > Self.keptPlaces { self = OrderTable() }
    }

    /// All open orders.
    var all: some Sequence<OpenOrder> { indexes.values.lazy.map { [orders] in orders[Int($0)] } }
}

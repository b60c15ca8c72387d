import OrderEvents

// The memory of all events that wait. Queues are chains of indexes through one array, so that ten thousand lanes and
// the orders that wait for a batch in flight cost no memory of their own, and an event is moved twice: in, and out into
// its batch.

/// A first-in-first-out queue of pool indexes; the links are in the pool.
struct Chain: Sendable {
    var head: Int32 = -1
    var tail: Int32 = -1
    var count = 0
}

/// The events that wait, in chains.
struct EventPool: Sendable {
    /// What the queues need to know of an event.
    ///
    /// Apart from the events, because it is small and touched more often.
    private struct Link: Sendable {
        /// The next of its chain, or the next free place; -1: none.
        var next: Int32
        /// Index of its order; -1: none.
        var order: Int32
        var cost: Int
    }

    private var links: [Link] = []
    private var events: [Taken?] = []
    private var firstFree: Int32 = -1
    private var count = 0

    /// Up to so many places stay when the pool runs empty: a quiet process need not allocate for every event.
    static let keptPlaces = 256

    /// How many places there are, taken and free.
    var places: Int { events.count }

    /// Appends an event to `chain`.
    mutating func append(_ event: consuming Taken, order: Int32, cost: Int, to chain: inout Chain) {
        let index: Int32
        if firstFree >= 0 {
            index = firstFree
            firstFree = links[Int(index)].next
            links[Int(index)] = Link(next: -1, order: order, cost: cost)
            events[Int(index)] = consume event
        } else {
            index = Int32(events.count)
            links.append(Link(next: -1, order: order, cost: cost))
            events.append(consume event)
        }
        count += 1
        link(index, to: &chain)
    }

    /// Order of the first event of `chain`, -1: it has none; nil: the chain is empty.
    func firstOrder(of chain: Chain) -> Int32? { chain.head >= 0 ? links[Int(chain.head)].order : nil }

    /// Source partition of the first event of `chain`; nil: the chain is empty.
    func firstPartition(of chain: Chain) -> Int32? {
        chain.head >= 0 ? events[Int(chain.head)]?.source.partition : nil
    }

    /// When the first event of `chain` was polled.
    func oldest(of chain: Chain) -> Timestamp? {
        chain.head >= 0 ? events[Int(chain.head)]?.source.polledAt : nil
    }

    /// Events of `chain` from `partitions`.
    func count(of chain: Chain, from partitions: Set<Int32>) -> Int {
        var count = 0
        var index = chain.head
        while index >= 0 {
            if let event = events[Int(index)], partitions.contains(event.source.partition) { count += 1 }
            index = links[Int(index)].next
        }
        return count
    }

    /// Moves the first event of one chain to the end of another, in place.
    mutating func moveFirst(of chain: inout Chain, to other: inout Chain) {
        guard let index = unlinkFirst(&chain) else { return }
        links[Int(index)].next = -1
        link(index, to: &other)
    }

    /// Moves the first event of `chain` to the end of `items` and returns its cost; 0: the chain is empty.
    mutating func popFirst(of chain: inout Chain, into items: inout [Taken]) -> Int {
        guard let index = unlinkFirst(&chain) else { return 0 }
        let place = Int(index)
        if let event = events[place].take() { items.append(event) }
        links[place].next = firstFree
        let cost = links[place].cost
        firstFree = index
        count -= 1
        if count == 0, events.count > Self.keptPlaces { self = EventPool() }
        return cost
    }

    /// Removes the first event of `chain` and returns its cost; 0: the chain is empty.
    mutating func dropFirst(of chain: inout Chain) -> Int {
        var dropped: [Taken] = []
        return popFirst(of: &chain, into: &dropped)
    }

    private mutating func link(_ index: Int32, to chain: inout Chain) {
        if chain.tail >= 0 { links[Int(chain.tail)].next = index } else { chain.head = index }
        chain.tail = index
        chain.count += 1
    }

    private mutating func unlinkFirst(_ chain: inout Chain) -> Int32? {
        let index = chain.head
        guard index >= 0 else { return nil }
        chain.head = links[Int(index)].next
        if chain.head < 0 { chain.tail = -1 }
        chain.count -= 1
        return index
    }
}

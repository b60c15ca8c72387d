import OrderEvents

/// What waits in one lane with one priority.
struct WaitingQueue: Sendable {
    /// Events of orders in flight that a queue sets aside before it waits for them.
    static let maximumSetAside = 8192

    /// Index of its legal entity; 0: the lane of dead letters.
    let party: Int
    /// Events in the sequence in which they came.
    var waiting = Chain()
    /// Orders whose batch is complete and that have events set aside: they go first.
    var firstReady: Int32 = -1
    var lastReady: Int32 = -1
    /// Events set aside.
    var setAside = 0
    /// Whether it takes part in the turns.
    var isActive = false

    var events: Int { waiting.count + setAside }
    /// Whether a turn would move anything.
    var canGo: Bool { firstReady >= 0 || (waiting.count > 0 && setAside < Self.maximumSetAside) }
}

/// A batch being put together.
struct Assembly {
    let id: UInt32
    var items: [Taken] = []
    var orders: [Int32] = []
    var bytes = 0
    /// What the legal entities were charged for it.
    var charges: [(party: Int, cost: Int)] = []
    /// Events of legal entities that have nothing waiting beside them.
    private(set) var promptEvents = 0
    private let mostEvents: Int

    init(id: UInt32, mostEvents: Int) {
        self.id = id
        self.mostEvents = mostEvents
    }

    /// Whether nothing more goes in.
    ///
    /// Who keeps up waits for this batch alone, so beside those who do not it stays small: a full one takes four times
    /// as long. Where most keep up, as when very many wait with few events each, there is nobody to protect them from.
    func isFull(_ bounds: LaneBounds) -> Bool {
        if items.count >= mostEvents || bytes >= bounds.batchBytes { return true }
        return promptEvents > 0 && items.count >= bounds.promptBatchEvents && promptEvents < items.count / 4
    }

    /// `count` events in it are all that their legal entity has.
    mutating func notePrompt(_ count: Int) { promptEvents += count }

    mutating func charge(_ party: Int, _ cost: Int) {
        // A legal entity's lanes are served one after the other.
        if charges.last?.party == party {
            charges[charges.count - 1].cost += cost
        } else {
            charges.append((party, cost))
        }
    }
}

/// What the schedule remembers of a batch in flight.
struct Receipt: Sendable {
    var orders: [Int32]
    var events: Int
    var bytes: Int
    var charges: [(party: Int, cost: Int)]
    /// Whether the batch is large enough for its time to say something.
    var isTelling: Bool
}

/// Whether a backlog is full, with hysteresis.
///
/// Pure.
struct BacklogGate: Sendable {
    /// A full backlog stays full until it has fallen to this many hundredths of its limit.
    static let lowHundredths = 80

    /// So many orders make it full.
    let high: Int
    private(set) var isFull = false

    init(high: Int) { self.high = high }

    /// So many orders end it.
    var low: Int { high / 100 * Self.lowHundredths + high % 100 * Self.lowHundredths / 100 }

    /// Notes how many orders there are; returns whether that changed anything.
    mutating func observe(_ orders: Int) -> Bool {
        let wasFull = isFull
        isFull = orders >= high || (isFull && orders > low)
        return isFull != wasFull
    }
}

/// What events cost, in thousandths of a usual event.
///
/// When a batch is put together nobody knows how long it will take: events are charged by their memory, which grows
/// with their lines and facts. When its transaction has ended the time it took corrects the charge, in proportion:
/// within one transaction nobody can tell whose time it was.
struct WorkMeter: Sendable {
    /// A usual event.
    static let unit = 1000
    /// How much longer, or shorter, than usual a batch may have taken for its cost: what is beyond says more of the
    /// store than of the work.
    static let mostFactor = 4.0
    /// One in so many: how fast what is usual follows what happens.
    static let inertia = 16

    /// Bytes of a usual event, in 256ths.
    private var usualBytes = 0
    /// Microseconds for a thousandth of a usual event; 0: nothing was measured.
    private var usualTime = 0.0

    /// What an event of so many bytes costs.
    mutating func price(bytes: Int) -> Int {
        if usualBytes == 0 { usualBytes = max(1, bytes << 8) }
        let price = max(1, (bytes << 8) * Self.unit / usualBytes)
        usualBytes = max(1, usualBytes + ((bytes << 8) - usualBytes) / 256)
        return price
    }

    /// What has to be charged on top of each unit of a batch that was charged `cost` and took so many microseconds;
    /// negative: to be given back.
    mutating func correction(cost: Int, microseconds: Int64) -> Double {
        guard cost > 0, microseconds > 0 else { return 0 }
        let time = Double(microseconds) / Double(cost)
        guard usualTime > 0 else {
            usualTime = time
            return 0
        }
        let factor = min(max(time / usualTime, 1 / Self.mostFactor), Self.mostFactor)
        usualTime += usualTime * (factor - 1) / Double(Self.inertia)
        return factor - 1
    }
}

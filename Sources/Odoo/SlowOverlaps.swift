/// Which calls that move stock met each other on the same rows, told by how long they took.
///
/// Odoo hides such a conflict: it tries the later call up to five times, after random pauses of up to 2, 4, ...
/// seconds, and the client sees a long call and no error. So a call that another one overlapped on its rows, and that
/// took far longer than calls of its shape do when they are alone on theirs, has met it. A server that is slow for
/// everybody makes calls slow that are alone, too, and tells nothing. Pure.
struct SlowOverlaps: Equatable, Sendable {
    /// Shapes of calls that are remembered.
    static let shapes = 256
    /// Calls alone on their rows after which it is known how long their shape takes.
    static let known = 4
    /// A call that met another one takes more than so many times what is usual, and `more`.
    static let slow = 3.0
    /// Seconds beyond that.
    ///
    /// As recorded: single confirmations take 0.12 to 0.2 s, 0.5 s at most where four of them wait for two workers and
    /// want other products, and 1.6 to 13 s where they met.
    static let more = 0.25
    /// How much the latest call counts for what is usual.
    private static let weight = 0.125

    private struct Call: Equatable, Sendable {
        var rows: Set<String>
        var isOverlapped: Bool
    }

    private struct Usual: Equatable, Sendable {
        var seconds: Double
        var calls = 1
    }

    private var underWay: [Int: Call] = [:]
    private var usual: [String: Usual] = [:]
    private var next = 0

    /// A call on these rows goes out; gives its number.
    mutating func began(_ rows: Set<String>) -> Int {
        var isOverlapped = false
        for (number, call) in underWay where !call.rows.isDisjoint(with: rows) {
            underWay[number]?.isOverlapped = true
            isOverlapped = true
        }
        next += 1
        underWay[next] = Call(rows: rows, isOverlapped: isOverlapped)
        return next
    }

    /// The call has ended; says whether it met another one.
    ///
    /// - Parameters:
    ///   - number: as `began` gave it.
    ///   - shape: calls of one shape take about equally long; nil: it was not answered, and its time tells nothing.
    ///   - seconds: how long it took.
    /// - Returns: whether it met another one.
    mutating func ended(_ number: Int, shape: String?, seconds: Double) -> Bool {
        guard let call = underWay.removeValue(forKey: number), let shape else { return false }
        let known = usual[shape]
        let bound = (known?.seconds ?? 0) * Self.slow + Self.more
        if call.isOverlapped { return known?.calls ?? 0 >= Self.known && seconds > bound }
        guard var known else {
            if usual.count >= Self.shapes { usual.removeAll(keepingCapacity: true) }
            usual[shape] = Usual(seconds: seconds)
            return false
        }
        // One that met somebody who is not ours does not make waiting usual; a server that became slow does.
        known.seconds += (min(seconds, bound) - known.seconds) * max(Self.weight, 1 / Double(known.calls + 1))
        known.calls = min(known.calls + 1, Self.known)
        usual[shape] = known
        return false
    }

    /// The shape of a call: those of one differ in their records by less than two times.
    static func shape(_ operation: String, records: Int) -> String {
        "\(operation) \(Int.bitWidth - max(1, records).leadingZeroBitCount)"
    }
}

/// Told of the calls that a task makes.
struct CallWatch: Sendable {
    /// That of this task; nil: nobody wants to know.
    @TaskLocal static var current: CallWatch?

    /// A call goes out, after it waited for its turn.
    var began: @Sendable () -> Void
    /// It has ended.
    var ended: @Sendable (WatchedAPI.Ended) -> Void
}

/// Lets an event name into the log a few times per interval, and then tells how often it was kept out.
///
/// Pure: the time comes in. The table of names is bounded; names beyond it share one entry.
struct RepeatLimit {
    /// Most event names told apart.
    static let maximumNames = 256
    /// The name that all names beyond the table share.
    static let sharedName = "other"

    /// How often an event name was kept out of the log during an interval that is over.
    struct Suppressed: Equatable {
        var event: String
        var count: Int
    }

    private struct Window {
        var endsAt: Int64
        var passed = 0
        var suppressed = 0
    }

    private let linesPerInterval: Int
    private let interval: Int64
    private var windows: [String: Window] = [:]
    /// No window ends earlier, so most events need not look at the others.
    private var earliestEnd = Int64.max

    /// - Parameters:
    ///   - linesPerInterval: how many lines of one event name pass.
    ///   - interval: in milliseconds, from the first line on.
    init(linesPerInterval: Int, interval: Int64) {
        self.linesPerInterval = linesPerInterval
        self.interval = interval
    }

    /// Whether a line of this event may be written now.
    mutating func admits(_ event: String, at now: Int64) -> Bool {
        let name = windows[event] != nil || windows.count < Self.maximumNames ? event : Self.sharedName
        var window = windows[name] ?? Window(endsAt: now + interval)
        earliestEnd = min(earliestEnd, window.endsAt)
        let admitted = window.passed < linesPerInterval
        if admitted { window.passed += 1 } else { window.suppressed += 1 }
        windows[name] = window
        return admitted
    }

    /// Closes the windows that are over and returns those that kept something out, by name.
    ///
    /// Call it before `admits`. With `all`, every window closes: the process ends.
    mutating func closeWindows(at now: Int64, all: Bool = false) -> [Suppressed] {
        guard all || now >= earliestEnd else { return [] }
        var over: [Suppressed] = []
        var earliest = Int64.max
        for (name, window) in windows {
            if all || now >= window.endsAt {
                windows[name] = nil
                if window.suppressed > 0 { over.append(Suppressed(event: name, count: window.suppressed)) }
            } else {
                earliest = min(earliest, window.endsAt)
            }
        }
        earliestEnd = earliest
        return over.sorted { $0.event < $1.event }
    }
}

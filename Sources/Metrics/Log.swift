import Glibc
import Synchronization

/// The log of a process: one JSON object a line, `{"ts":…,"level":…,"event":…,` fields with dot keys `}`.
///
/// Event names are constants; data goes into fields, and never payloads, secrets or personal data. Any thread may log.
/// Logging never fails and never blocks for long: a line that cannot be written is counted. The executable must ignore
/// SIGPIPE, as a reader that went away would otherwise end the process.
public struct Log: Sendable {
    /// How many lines of one event name are written per interval.
    public struct Limits: Sendable {
        /// Lines of one event name that pass; the rest is counted and told at the interval's end.
        public var linesPerInterval: Int
        /// The interval in milliseconds.
        public var intervalMilliseconds: Int64

        /// The given limits.
        public init(linesPerInterval: Int = 20, intervalMilliseconds: Int64 = 10_000) {
            precondition(linesPerInterval > 0 && intervalMilliseconds > 0, "a log must let something through")
            self.linesPerInterval = linesPerInterval
            self.intervalMilliseconds = intervalMilliseconds
        }
    }

    /// What a clock reads.
    public struct Instant: Sendable {
        /// Milliseconds since the Unix epoch: what the line says.
        public var wall: Int64
        /// Milliseconds of a clock that is never set: what intervals are measured by.
        public var monotonic: Int64

        /// The given reading.
        public init(wall: Int64, monotonic: Int64) {
            self.wall = wall
            self.monotonic = monotonic
        }
    }

    /// The file descriptor of stderr.
    public static let standardError: Int32 = 2

    private let writer: LogWriter

    /// A log that writes to a file descriptor, which it borrows.
    public init(minimumLevel: LogLevel = .info, fileDescriptor: Int32 = Log.standardError, limits: Limits = Limits()) {
        self.init(minimumLevel: minimumLevel, limits: limits, sink: LogDescriptor(fileDescriptor).write)
    }

    /// A log that hands each line, newline included, to `sink`, which says whether it took it.
    ///
    /// - Parameters:
    ///   - minimumLevel: lines below it are left out.
    ///   - limits: how often one event name may repeat.
    ///   - clock: where the time comes from.
    ///   - sink: called on the logging thread, at times on several at once.
    public init(
        minimumLevel: LogLevel = .info, limits: Limits = Limits(),
        clock: @escaping @Sendable () -> Instant = Log.systemClock,
        sink: @escaping @Sendable ([UInt8]) -> Bool
    ) {
        writer = LogWriter(minimumLevel: minimumLevel, limits: limits, clock: clock, sink: sink)
    }

    /// The system's clocks.
    @Sendable public static func systemClock() -> Instant {
        Instant(wall: milliseconds(of: CLOCK_REALTIME), monotonic: milliseconds(of: CLOCK_MONOTONIC))
    }

    private static func milliseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Logs what a developer wants to know, per batch at most.
    public func debug(_ event: String, _ fields: [(String, LogValue)] = []) { writer.log(.debug, event, fields) }

    /// Logs a step in the life of the process or of a part.
    public func info(_ event: String, _ fields: [(String, LogValue)] = []) { writer.log(.info, event, fields) }

    /// Logs a degradation that heals by itself.
    public func warning(_ event: String, _ fields: [(String, LogValue)] = []) { writer.log(.warning, event, fields) }

    /// Logs that data is at risk: someone must act.
    public func error(_ event: String, _ fields: [(String, LogValue)] = []) { writer.log(.error, event, fields) }

    /// Tells what was suppressed so far, without waiting for an interval's end: call it when the process ends.
    public func flush() { writer.flush() }

    /// Shows the log's own counters as `sluice_log_lines_total`, `sluice_log_lines_suppressed_total` and
    /// `sluice_log_write_failures_total`.
    public func show(in registry: Registry) { writer.show(in: registry) }
}

/// The log's state, shared by all copies of a `Log`.
final class LogWriter: Sendable {
    private let minimumLevel: LogLevel
    private let clock: @Sendable () -> Log.Instant
    private let sink: @Sendable ([UInt8]) -> Bool
    private let limit: Mutex<RepeatLimit>
    private let lines = LogLevel.allCases.map { _ in Counter(refusals: nil) }
    private let suppressed = Counter(refusals: nil)
    private let failed = Counter(refusals: nil)

    init(
        minimumLevel: LogLevel, limits: Log.Limits, clock: @escaping @Sendable () -> Log.Instant,
        sink: @escaping @Sendable ([UInt8]) -> Bool
    ) {
        self.minimumLevel = minimumLevel
        self.clock = clock
        self.sink = sink
        limit = Mutex(
            RepeatLimit(linesPerInterval: limits.linesPerInterval, interval: limits.intervalMilliseconds))
    }

    func log(_ level: LogLevel, _ event: String, _ fields: [(String, LogValue)]) {
        guard level >= minimumLevel else { return }
        let now = clock()
        let (over, isAdmitted) = limit.withLock { limit in
            (limit.closeWindows(at: now.monotonic), limit.admits(event, at: now.monotonic))
        }
        tell(over, at: now)
        if isAdmitted {
            write(level, event, fields, at: now)
        } else {
            suppressed.add()
        }
    }

    func flush() {
        let now = clock()
        tell(limit.withLock { $0.closeWindows(at: now.monotonic, all: true) }, at: now)
    }

    func show(in registry: Registry) {
        let shown = registry.counter(
            "sluice_log_lines_total", help: "Lines of the log, by level; suppressed ones are not among them.",
            labels: ["level"])
        let shownSuppressed = registry.counter(
            "sluice_log_lines_suppressed_total", help: "Log lines left out because their event repeated too often."
        ).with()
        let shownFailed = registry.counter(
            "sluice_log_write_failures_total", help: "Log lines that could not be written."
        ).with()
        let pairs = zip(LogLevel.allCases, lines).map { (shown.with($0.name), $1) }
        registry.onScrape { [suppressed, failed] in
            for (counter, kept) in pairs { counter.raise(to: kept.value) }
            shownSuppressed.raise(to: suppressed.value)
            shownFailed.raise(to: failed.value)
        }
    }

    private func tell(_ over: [RepeatLimit.Suppressed], at now: Log.Instant) {
        for one in over {
            let fields: [(String, LogValue)] = [
                ("suppressed.event", .text(one.event)), ("suppressed.lines", .integer(one.count)),
            ]
            write(.warning, "log.suppressed", fields, at: now)
        }
    }

    private func write(_ level: LogLevel, _ event: String, _ fields: [(String, LogValue)], at now: Log.Instant) {
        let line = LogLine.render(milliseconds: now.wall, level: level, event: event, fields: fields)
        if sink(line) { lines[level.rawValue].add() } else { failed.add() }
    }
}

import Glibc
import Synchronization

/// How busy the threads of each kind are, and how long they wait for a core, read from /proc at each scrape.
final class ThreadMetrics: Sendable {
    /// What names of threads begin with; whatever else runs in the process is `other`.
    static let kinds = [
        "kafka-poll", "kafka-probe", "ledger", "worker", "parked", "care", "checks", "books", "delivery", "backlog",
        "validation", "dead-letters", "http", "rdk",
    ]
    /// Threads that are looked at; a process has some dozens.
    private static let maximumThreads = 2_000

    /// What is known of one thread, in nanoseconds.
    struct Times: Equatable {
        var running: UInt64
        var waiting: UInt64
    }

    private struct Kind {
        var threads: Gauge
        var running: ReadCounter
        var waiting: ReadCounter
        var sum = Times(running: 0, waiting: 0)
    }

    private struct Seen {
        var kind: String
        var times: Times
    }

    private struct State {
        var kinds: [String: Kind] = [:]
        var seen: [String: Seen] = [:]
    }

    private let threads: GaugeFamily
    private let running: ReadCounterFamily
    private let waiting: ReadCounterFamily
    private let state = Mutex(State())

    /// Registers the metrics; nil where the kernel does not keep these times.
    init?(in registry: Registry) {
        guard ProcFile.text("/proc/self/schedstat").flatMap(Self.times) != nil else { return nil }
        threads = registry.gauge("sluice_threads", help: "Threads by what they do.", labels: ["thread"])
        running = registry.readCounter(
            "sluice_thread_cpu_seconds_total", help: "CPU time of threads by what they do.", labels: ["thread"])
        waiting = registry.readCounter(
            "sluice_thread_wait_seconds_total",
            help: "Time in which threads could have run and waited for a core.", labels: ["thread"])
    }

    /// Reads /proc before every page.
    ///
    /// Of two pages at once, one reads: the other would take older times for a thread's that has the same number.
    func refreshAtScrape(of registry: Registry) {
        registry.onScrape { self.state.withLockIfAvailable { self.refresh(&$0) } }
    }

    private func refresh(_ state: inout State) {
        var now: [String: Seen] = [:]
        for task in ProcFile.names(in: "/proc/self/task").prefix(Self.maximumThreads) {
            // A thread may end between two looks.
            guard let times = ProcFile.text("/proc/self/task/\(task)/schedstat").flatMap(Self.times) else { continue }
            // A thread is asked for its name until it has one of ours, and when its number seems to be another's:
            // names are half of what a look at all threads costs, and a scrape waits for it.
            if let known = state.seen[task], known.kind != DrawnShape.other, known.times.running <= times.running {
                now[task] = Seen(kind: known.kind, times: times)
            } else if let name = ProcFile.text("/proc/self/task/\(task)/comm") {
                now[task] = Seen(kind: Self.kind(of: name), times: times)
            }
        }
        let counts = Dictionary(grouping: now.values, by: \.kind).mapValues(\.count)
        for (task, thread) in now {
            let (kind, times) = (thread.kind, thread.times)
            // A number that was given to another thread begins anew.
            var before = state.seen[task]?.times ?? Times(running: 0, waiting: 0)
            if before.running > times.running { before = Times(running: 0, waiting: 0) }
            var known = state.kinds[kind] ?? make(kind)
            known.sum.running += times.running - before.running
            known.sum.waiting += times.waiting - min(before.waiting, times.waiting)
            state.kinds[kind] = known
        }
        state.seen = now
        for (kind, known) in state.kinds {
            known.threads.set(Double(counts[kind] ?? 0))
            known.running.raise(to: Double(known.sum.running) / 1e9)
            known.waiting.raise(to: Double(known.sum.waiting) / 1e9)
        }
    }

    private func make(_ kind: String) -> Kind {
        Kind(threads: threads.with(kind), running: running.with(kind), waiting: waiting.with(kind))
    }

    /// What a thread of this name does.
    static func kind(of name: String) -> String { kinds.first { name.hasPrefix($0) } ?? DrawnShape.other }

    /// The first two numbers of a schedstat file.
    static func times(_ text: String) -> Times? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count >= 2, let running = UInt64(words[0]), let waiting = UInt64(words[1]) else { return nil }
        return Times(running: running, waiting: waiting)
    }
}

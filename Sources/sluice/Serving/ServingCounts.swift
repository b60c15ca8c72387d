import Foundation
import Metrics
import Synchronization

// Counts of what outlives a pipeline: each registry that comes with a reload shows them from the start of the process.

/// Requests by path and status.
final class RequestCounts: Sendable {
    private struct Key: Hashable {
        var path: String
        var status: Int
    }

    private let counts = Mutex<[Key: Int]>([:])
    private let refusedCount: Mutex<@Sendable () -> Int> = Mutex({ 0 })

    /// How many requests the server refused before anybody looked at their path.
    var refused: @Sendable () -> Int {
        get { refusedCount.withLock { $0 } }
        set { refusedCount.withLock { $0 = newValue } }
    }

    /// Paths come from the table of paths: their number is bounded.
    func count(_ path: String, _ status: Int) {
        counts.withLock { $0[Key(path: path, status: status), default: 0] += 1 }
    }

    func show(in registry: Registry) {
        let family = registry.counter(
            "sluice_http_requests_total", help: "HTTP requests answered.", labels: ["path", "status"])
        let refusals = registry.counter(
            "sluice_http_refused_total", help: "HTTP requests refused before their path was looked at.", labels: []
        ).with()
        registry.onScrape { [self] in
            for (key, count) in counts.withLock({ $0 }) { family.with(key.path, String(key.status)).raise(to: count) }
            refusals.raise(to: refused())
        }
    }
}

/// How often the configuration was read anew, and with which result.
final class ReloadCounts: Sendable {
    private struct State {
        var applied = 0
        var refused = 0
        /// Seconds since the Unix epoch.
        var lastSuccess = 0.0
        var isStarted = false
    }

    private let state = Mutex(State())

    /// The configuration took effect: at the start, which is no reload, and then by each reload.
    func succeeded() {
        state.withLock { state in
            if state.isStarted { state.applied += 1 }
            state.isStarted = true
            state.lastSuccess = Date().timeIntervalSince1970
        }
    }

    func refused() { state.withLock { $0.refused += 1 } }

    func show(in registry: Registry) {
        let family = registry.counter(
            "sluice_config_reloads_total", help: "How often the configuration was read anew, by result.",
            labels: ["result"])
        let (applied, refused) = (family.with("applied"), family.with("refused"))
        let last = registry.gauge(
            "sluice_config_last_reload_success_timestamp_seconds",
            help: "When the configuration that runs took effect, by the clock of this machine."
        ).with()
        registry.onScrape { [self] in
            let now = state.withLock { $0 }
            applied.raise(to: now.applied)
            refused.raise(to: now.refused)
            last.set(now.lastSuccess)
        }
    }
}

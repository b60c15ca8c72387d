import Dispatch
import Foundation
import Synchronization

/// SIGTERM and SIGINT as a flag that can be waited for, and SIGHUP as a wish.
///
/// A second SIGTERM ends the process at once, which is as safe as being killed.
final class TerminationSignals: Sendable {
    private let count = Atomic(0)
    private let wishes = Atomic(0)
    private let arrived = DispatchSemaphore(value: 0)
    // Safe: written once in init; kept only so that the sources live.
    private nonisolated(unsafe) var sources: [any DispatchSourceSignal]

    init() {
        // A queue of its own has a thread whenever it needs one. The global queues may have none left for long: visits
        // that wait for a destination hold them.
        let queue = DispatchQueue(label: "sluice.signals", qos: .userInteractive)
        signal(SIGPIPE, SIG_IGN)
        unsafe sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for source in unsafe sources {
            source.setEventHandler { @Sendable [weak self] in self?.received() }
            source.resume()
        }
        signal(SIGHUP, SIG_IGN)
        let hangUp = DispatchSource.makeSignalSource(signal: SIGHUP, queue: queue)
        unsafe sources.append(hangUp)
        hangUp.setEventHandler { @Sendable [weak self] in self?.wished() }
        hangUp.resume()
    }

    private func wished() {
        wishes.store(1, ordering: .relaxed)
        arrived.signal()
    }

    private func received() {
        if count.add(1, ordering: .relaxed).newValue > 1 { _exit(1) }
        arrived.signal()
    }

    /// Whether a signal has come.
    var isStopping: Bool { count.load(ordering: .relaxed) > 0 }

    /// Blocks until the end is asked for; calls `reload`, on the calling thread, each time that a new configuration is.
    ///
    /// Several wishes that come while one is answered are one.
    func wait(reload: () -> Void = {}) {
        while !isStopping {
            _ = arrived.wait(timeout: .now() + .seconds(3600))
            if !isStopping, wishes.exchange(0, ordering: .relaxed) > 0 { reload() }
        }
    }
}

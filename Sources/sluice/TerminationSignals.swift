import Dispatch
import Foundation
import Synchronization

/// SIGTERM and SIGINT as a flag that can be waited for.
///
/// A second signal ends the process at once, which is as safe as being killed.
final class TerminationSignals: Sendable {
    private let count = Atomic(0)
    private let arrived = DispatchSemaphore(value: 0)
    // Safe: written once in init; kept only so that the sources live.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    init() {
        signal(SIGPIPE, SIG_IGN)
        unsafe sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in unsafe sources {
            source.setEventHandler { @Sendable [weak self] in self?.received() }
            source.resume()
        }
    }

    private func received() {
        if count.add(1, ordering: .relaxed).newValue > 1 { _exit(1) }
        arrived.signal()
    }

    /// Whether a signal has come.
    var isStopping: Bool { count.load(ordering: .relaxed) > 0 }

    /// Blocks until a signal has come.
    func wait() {
        while !isStopping { _ = arrived.wait(timeout: .now() + .seconds(3600)) }
    }
}

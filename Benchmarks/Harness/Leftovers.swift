import Dispatch
import Foundation
import Synchronization

/// What has to be ended and removed, however the bench ends.
///
/// Kafka and PostgreSQL have watchdogs, and our other children die with this process by themselves; here they are
/// ended in good order, and waited for, when a signal comes half-way.
final class Leftovers: Sendable {
    static let shared = Leftovers()

    private struct State {
        var next = 0
        var actions: [(id: Int, run: @Sendable () -> Void)] = []
    }

    private let state = Mutex(State())
    private static let signals = Atomic(0)
    // Safe: written once, by `watchSignals`, before any thread is started; kept so that the sources live.
    private nonisolated(unsafe) static var sources: [any DispatchSourceSignal] = []

    /// Adds something to be ended; later ones are ended first.
    func add(_ run: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.next += 1
            state.actions.append((state.next, run))
            return state.next
        }
    }

    /// It has been ended.
    func remove(_ id: Int) { state.withLock { state in state.actions.removeAll { $0.id == id } } }

    /// Ends everything, the last first.
    func clean() {
        while let last = state.withLock({ $0.actions.popLast() }) { last.run() }
    }

    /// SIGINT, SIGTERM and SIGHUP clean up and end the process; a second one does not wait.
    static func watchSignals() {
        signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "bench-signals", attributes: .concurrent)
        unsafe sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                guard signals.add(1, ordering: .relaxed).newValue == 1 else { _exit(1) }
                FileHandle.standardError.write(Data("\nbench: stopped; cleaning up\n".utf8))
                shared.clean()
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    /// Waits for the end when a signal has come: what fails because its parts are ended under it is no failure.
    static func waitWhenStopping() {
        while signals.load(ordering: .relaxed) > 0 { sleep(1) }
    }
}

import Glibc
import Synchronization

/// What the server's threads share: it lives until the last of them ends.
final class ServerCore: Sendable {
    private static let acceptPause: Duration = .milliseconds(50)

    private let listener: Mutex<Listener?>
    private let wake: WakeSignal
    private let limits: HTTPLimits
    private let isPreferred: Bool
    private let handler: HTTPServer.Handler
    private let queue: ConnectionQueue
    private let hasStarted = Atomic<Bool>(false)
    private let accepted = Atomic<Int>(0)
    private let answered = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    private let lost = Atomic<Int>(0)

    init(
        _ listener: consuming Listener, wake: consuming WakeSignal, limits: HTTPLimits, isPreferred: Bool,
        handler: @escaping HTTPServer.Handler
    ) {
        self.listener = Mutex(consume listener)
        self.wake = wake
        self.limits = limits
        self.isPreferred = isPreferred
        self.handler = handler
        queue = ConnectionQueue(maximum: limits.connections)
    }

    var counts: HTTPServer.Counts {
        HTTPServer.Counts(
            accepted: accepted.load(ordering: .relaxed), answered: answered.load(ordering: .relaxed),
            refused: refused.load(ordering: .relaxed), lost: lost.load(ordering: .relaxed))
    }

    func start() {
        guard !hasStarted.exchange(true, ordering: .relaxed) else { return }
        queue.addAcceptor()
        if !start("http-accept", { [self] in acceptConnections() }) { queue.removeAcceptor() }
    }

    private func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        ServerThread.start(name: name, isPreferred: isPreferred, body)
    }

    @discardableResult func stop() -> Bool {
        _ = hasStarted.exchange(true, ordering: .relaxed)
        queue.stop()
        wake.raise()
        let ended = queue.awaitEnd(atMost: limits.stopTime)
        // Closed by the accepting thread, unless that never started.
        listener.withLock { $0 = nil }
        return ended
    }

    private func acceptConnections() {
        // This thread owns the listener, and its end closes it.
        if let listener = listener.withLock({ $0.take() }) {
            while queue.awaitRoom() { acceptOne(from: listener) }
        }
        queue.removeAcceptor()
    }

    private func acceptOne(from listener: borrowing Listener) {
        let minute = Deadline(after: .seconds(60))
        guard listener.socket.await(POLLIN, until: minute, wake: wake.descriptor) == .ready else { return }
        var isExhausted = false
        guard let descriptor = listener.accept(isExhausted: &isExhausted) else {
            if isExhausted { pause() }
            return
        }
        accepted.wrappingAdd(1, ordering: .relaxed)
        guard queue.put(descriptor) == .needsThread else { return }
        if !start("http-serve", { [self] in serveConnections() }) {
            if let back = queue.withdraw(descriptor) { close(back) }
            pause()
        }
    }

    /// The client stays in the backlog, so the listener stays readable: without a pause this would be a busy loop.
    private func pause() { wake.await(until: Deadline(after: Self.acceptPause)) }

    private func serveConnections() {
        while let descriptor = queue.take() {
            let socket = Socket(descriptor: descriptor)
            socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, to: 1)
            switch Conversation(socket, limits: limits, wake: wake.descriptor).run(handler) {
            case .answered: answered.wrappingAdd(1, ordering: .relaxed)
            case .refused: refused.wrappingAdd(1, ordering: .relaxed)
            case .lost: lost.wrappingAdd(1, ordering: .relaxed)
            }
            queue.finish()
        }
    }
}

internal import Dispatch
public import Postgres
internal import Store
internal import Synchronization

/// A bounded number of reader sessions of one store.
///
/// A store that is slow or away costs whoever asks for it about two seconds, and after that only one of them a second:
/// the others are told at once. So it takes no more than `sessions` of the server's threads.
public final class StorePool: Sendable {
    /// Sessions of one store at most.
    public static let sessions = 4
    /// How long a request waits for a session.
    static let patience: DispatchTimeInterval = .milliseconds(1000)
    /// How long nobody tries a store after it was found to be away.
    static let pause: Duration = .seconds(1)

    // Safe: between being taken and put back a session belongs to the one thread that took it.
    private final class Box: @unchecked Sendable {
        var session: ReaderSession
        init(_ session: consuming ReaderSession) { self.session = session }
    }

    private struct State: Sendable {
        var idle: [Box] = []
        var awayUntil: ContinuousClock.Instant?
        var isConfined: Bool?
    }

    /// The store's name.
    public let name: String
    private let settings: ConnectionSettings
    private let free = DispatchSemaphore(value: StorePool.sessions)
    private let state = Mutex(State())

    /// A pool that connects when it is asked first; `settings` are those of `ReaderSession.settings`.
    public init(name: String, settings: ConnectionSettings) {
        self.name = name
        self.settings = settings
    }

    /// Whether the sessions have the rights of readers only; nil: none was made yet.
    public var isConfined: Bool? { state.withLock { $0.isConfined } }

    /// Runs `body` with a session that sees what `sight` says.
    func read<R>(
        _ sight: ReaderSession.Sight, _ body: (inout Connection) throws -> R
    ) throws(Problem) -> R {
        if let until = state.withLock({ $0.awayUntil }), ContinuousClock.now < until { throw Problem.storeAway }
        guard free.wait(timeout: .now() + Self.patience) == .success else { throw Problem.busy }
        defer { free.signal() }
        let box: Box
        do {
            box = try take()
            try box.session.look(at: sight)
        } catch {
            state.withLock { $0.awayUntil = .now + Self.pause }
            throw Problem.storeAway
        }
        defer { if box.session.connection.isOpen { state.withLock { $0.idle.append(box) } } }
        do {
            return try body(&box.session.connection)
        } catch let problem as Problem {
            throw problem
        } catch {
            // An error within a transaction leaves it open.
            if box.session.connection.transactionStatus != .idle { box.session.connection.close() }
            throw Problem.storeAway
        }
    }

    private func take() throws(PostgresError) -> Box {
        if let box = state.withLock({ $0.idle.popLast() }) { return box }
        let box = Box(try ReaderSession(settings))
        state.withLock { [isConfined = box.session.isConfined] in $0.isConfined = isConfined }
        return box
    }
}

import Glibc

/// Accepted connections on their way to the threads that serve them, with a bound on both.
///
/// One mutex, two conditions: `work` for threads that wait for a connection, `change` for whoever waits until one is
/// over (the accepting thread at the limit, and `stop`). Nothing is called while the mutex is held.
@safe final class ConnectionQueue: Sendable {
    private struct State {
        var waiting: [Int32] = []
        /// Connections that wait or are served.
        var open = 0
        /// Threads that serve, wait for a connection, or are about to start.
        var servers = 0
        var isAccepting = false
        var isStopping = false
    }

    /// What to do with a connection that was put in.
    enum Placement {
        /// A thread that waited takes it.
        case taken
        /// A thread must be started for it, and is already counted.
        case needsThread
    }

    private let maximum: Int
    // Safe: each is allocated in init and freed in deinit, and `state` is touched only while `mutex` is held.
    nonisolated(unsafe) private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    nonisolated(unsafe) private let work: UnsafeMutablePointer<pthread_cond_t>
    nonisolated(unsafe) private let change: UnsafeMutablePointer<pthread_cond_t>
    // Safe: as above.
    nonisolated(unsafe) private var state = State()

    /// - Parameter maximum: most connections, and most threads.
    init(maximum: Int) {
        self.maximum = maximum
        unsafe mutex = .allocate(capacity: 1)
        unsafe work = .allocate(capacity: 1)
        unsafe change = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(work, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(change, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(work)
        unsafe pthread_cond_destroy(change)
        unsafe pthread_mutex_destroy(mutex)
        unsafe work.deallocate()
        unsafe change.deallocate()
        unsafe mutex.deallocate()
    }

    /// Waits until one more connection may be accepted; false when the server stops.
    func awaitRoom() -> Bool {
        lock()
        defer { unlock() }
        while unsafe state.open >= maximum && !state.isStopping { unsafe pthread_cond_wait(change, mutex) }
        return unsafe !state.isStopping
    }

    /// Hands a connection over.
    ///
    /// Only after `awaitRoom`.
    func put(_ descriptor: Int32) -> Placement {
        lock()
        defer { unlock() }
        unsafe state.open += 1
        unsafe state.waiting.append(descriptor)
        // A thread per open connection: one that serves none is waiting for one, or about to.
        if unsafe state.open <= state.servers {
            unsafe pthread_cond_signal(work)
            return .taken
        }
        unsafe state.servers += 1
        return .needsThread
    }

    /// Waits for a connection; nil when the server stops and the calling thread must end.
    func take() -> Int32? {
        lock()
        defer { unlock() }
        while unsafe state.waiting.isEmpty && !state.isStopping { unsafe pthread_cond_wait(work, mutex) }
        guard unsafe !state.waiting.isEmpty else {
            unsafe state.servers -= 1
            unsafe pthread_cond_broadcast(change)
            return nil
        }
        return unsafe state.waiting.removeFirst()
    }

    /// Counts the accepting thread among those that `awaitEnd` waits for.
    func addAcceptor() {
        lock()
        defer { unlock() }
        unsafe state.isAccepting = true
    }

    /// Tells that the accepting thread ended: it is the last that puts connections in.
    func removeAcceptor() {
        lock()
        defer { unlock() }
        unsafe state.isAccepting = false
        unsafe pthread_cond_broadcast(change)
    }

    /// Tells that a taken connection is closed.
    func finish() {
        lock()
        defer { unlock() }
        unsafe state.open -= 1
        unsafe pthread_cond_broadcast(change)
    }

    /// Takes a connection back that was put in, because no thread could be started for it; nil when one took it.
    func withdraw(_ descriptor: Int32) -> Int32? {
        lock()
        defer { unlock() }
        unsafe state.servers -= 1
        guard let index = unsafe state.waiting.firstIndex(of: descriptor) else { return nil }
        unsafe state.open -= 1
        unsafe state.waiting.remove(at: index)
        return descriptor
    }

    /// Lets every waiting thread end.
    func stop() {
        lock()
        defer { unlock() }
        unsafe state.isStopping = true
        unsafe pthread_cond_broadcast(work)
        unsafe pthread_cond_broadcast(change)
    }

    /// Waits until no thread is left, or for `duration`; says whether none is.
    func awaitEnd(atMost duration: Duration) -> Bool {
        var until = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &until)
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Int64(until.tv_nsec) + attoseconds / 1_000_000_000
        until.tv_sec += Int(seconds + nanoseconds / 1_000_000_000)
        until.tv_nsec = Int(nanoseconds % 1_000_000_000)
        lock()
        defer { unlock() }
        while unsafe state.servers > 0 || state.isAccepting {
            guard unsafe pthread_cond_timedwait(change, mutex, &until) != ETIMEDOUT else {
                return unsafe state.servers == 0 && !state.isAccepting
            }
        }
        return true
    }

    private func lock() { unsafe pthread_mutex_lock(mutex) }
    private func unlock() { unsafe pthread_mutex_unlock(mutex) }
}

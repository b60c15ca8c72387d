internal import Glibc

/// A value behind a lock with a condition: threads change it, and wait until it is as they need it.
///
/// `Synchronization.Mutex` cannot be waited on. Waits are bounded and use the monotonic clock.
/// Safe: the value is only touched while the mutex is held, and the mutex and the condition never move.
@safe public final class Monitor<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    /// A monitor of `value`.
    public init(_ value: sending Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Runs `body` with the value, without waking anybody: for reads, and changes that nobody waits for.
    public func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Runs `body` with the value and wakes every thread that waits.
    public func change<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer {
            unsafe pthread_cond_broadcast(condition)
            unsafe pthread_mutex_unlock(mutex)
        }
        return try body(&value)
    }

    /// Waits until `isReady` holds, at most `bound`.
    ///
    /// - Returns: whether it held.
    public func wait(within bound: Duration, until isReady: (inout Value) -> Bool) -> Bool {
        let end = monotonicDeadline(after: bound)
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        // A loop, because a wait may end without reason.
        while !isReady(&value) {
            var until = end
            if unsafe pthread_cond_timedwait(condition, mutex, &until) == ETIMEDOUT { return isReady(&value) }
        }
        return true
    }
}

/// The point `bound` from now on the monotonic clock; bounds beyond a year count as a year.
private func monotonicDeadline(after bound: Duration) -> timespec {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let (seconds, attoseconds) = bound.components
    let nanoseconds = now.tv_nsec + Int(max(0, attoseconds) / 1_000_000_000)
    let whole = Int(min(max(0, seconds), 31_536_000)) + nanoseconds / 1_000_000_000
    return timespec(tv_sec: now.tv_sec + whole, tv_nsec: nanoseconds % 1_000_000_000)
}

import Glibc

/// A point on the clock that is never set, in milliseconds.
struct Deadline {
    private let milliseconds: Int64

    /// The point this long from now.
    init(after duration: Duration) {
        let (seconds, attoseconds) = duration.components
        milliseconds = Self.now() + seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }

    /// What poll(2) may wait, at least 0.
    var remaining: Int32 { Int32(clamping: max(0, milliseconds - Self.now())) }

    private static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// An open socket, closed when its owner lets it go.
struct Socket: ~Copyable {
    /// What became of waiting or reading.
    enum Readiness {
        case ready, late, interrupted
    }

    let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Waits until the socket can be read or written, the deadline passes, or `wake` can be read.
    func await(_ events: Int32, until deadline: Deadline, wake: Int32?) -> Readiness {
        while true {
            var requests = (
                pollfd(fd: descriptor, events: Int16(events), revents: 0),
                pollfd(fd: wake ?? -1, events: Int16(POLLIN), revents: 0)
            )
            let count = unsafe withUnsafeMutableBytes(of: &requests) { bytes in
                unsafe poll(bytes.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, deadline.remaining)
            }
            if requests.1.revents != 0 { return .interrupted }
            if count > 0 { return .ready }
            if count == 0 { return .late }
            guard errno == EINTR else { return .ready }  // The read or write that follows says what is wrong.
        }
    }

    /// Reads what is there into `buffer`.
    ///
    /// Nil: nothing yet. 0: the client closed, or the connection broke.
    func read(into buffer: inout [UInt8]) -> Int? {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
            }
            if count >= 0 { return count }
            if errno == EINTR { continue }
            return errno == EAGAIN ? nil : 0
        }
    }

    /// Sends all bytes, or returns false when the deadline passes or the connection breaks.
    func write(_ bytes: [UInt8], until deadline: Deadline, moreFollows: Bool = false) -> Bool {
        let flags = Int32(MSG_NOSIGNAL) | (moreFollows ? Int32(MSG_MORE) : 0)
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe send(descriptor, all.baseAddress?.advanced(by: sent), all.count - sent, flags)
            }
            if count >= 0 {
                sent += count
                continue
            }
            if errno == EINTR { continue }
            guard errno == EAGAIN, self.await(POLLOUT, until: deadline, wake: nil) == .ready else { return false }
        }
        return true
    }

    /// Sets an integer option.
    func set(_ level: Int32, _ option: Int32, to value: Int32) {
        var value = value
        unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Makes closing send RST instead of FIN.
    func resetWhenClosed() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Tells the client that nothing more comes.
    func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }
}

/// A signal that, once raised, wakes every thread that waits in poll(2), for good.
struct WakeSignal: ~Copyable {
    private let watched: Socket
    private let raised: Socket

    /// Nil when the process is out of descriptors: see errno.
    init?() {
        var pair: (Int32, Int32) = (-1, -1)
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let result = unsafe withUnsafeMutableBytes(of: &pair) { bytes in
            unsafe socketpair(AF_UNIX, type, 0, bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
        }
        guard result == 0 else { return nil }
        watched = Socket(descriptor: pair.0)
        raised = Socket(descriptor: pair.1)
    }

    /// Readable once the signal is raised.
    var descriptor: Int32 { watched.descriptor }

    /// Raises the signal: the other end of the pair sees the end of the stream from now on.
    func raise() { raised.endWriting() }

    /// Waits until the signal is raised or the deadline passes.
    func await(until deadline: Deadline) { _ = watched.await(POLLIN, until: deadline, wake: nil) }
}

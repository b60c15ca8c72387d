import Glibc
import Synchronization

/// A file descriptor that takes log lines, each with one write(2), and never holds the process up for long.
///
/// The descriptor is borrowed: it is neither closed nor made non-blocking, which for stderr would change it for every
/// process that shares it. Instead poll(2) says whether a line fits before it is written. On a pipe "writable" means
/// that PIPE_BUF bytes fit, which is the longest line. When nobody reads, the first line waits up to `patience`, and
/// until the reader is back the lines after it do not wait at all.
final class LogDescriptor: Sendable {
    /// How long a line waits for a reader that has fallen behind, in milliseconds.
    static let patience: Int32 = 100
    private static let maximumInterruptions = 16

    private struct State {
        var isStalled = false
        var endsInsideLine = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Writes a whole line, or returns false.
    ///
    /// The lock is held across poll and write, against the rule, because between one thread's poll and its write
    /// another's line could fill the pipe, and then the write would block. It is held for `patience` at most.
    func write(_ line: [UInt8]) -> Bool {
        state.withLock { state in
            guard isWritable(within: state.isStalled ? 0 : Self.patience) else {
                state.isStalled = true
                return false
            }
            // A full disk may have taken half of the last line: this one starts on a line of its own.
            let bytes = state.endsInsideLine ? [UInt8(ascii: "\n")] + line : line
            let written = write(all: bytes)
            state.isStalled = written < 0 && errno == EAGAIN
            if written > 0 { state.endsInsideLine = written < bytes.count }
            return written == bytes.count
        }
    }

    private func isWritable(within milliseconds: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        for _ in 0..<Self.maximumInterruptions {
            let ready = unsafe poll(&request, 1, milliseconds)
            if ready < 0 && errno == EINTR { continue }
            // POLLERR too: write then says what is wrong, as EPIPE.
            return ready > 0
        }
        return false
    }

    private func write(all bytes: [UInt8]) -> Int {
        for _ in 0..<Self.maximumInterruptions {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            return written
        }
        return -1
    }
}

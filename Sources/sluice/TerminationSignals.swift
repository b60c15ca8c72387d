import Foundation
import Synchronization

// What the handler touches: it runs on whatever thread the signal meets, and may only store and write.
private let endings = Atomic(0)
private let wishes = Atomic(0)
private let wakeDescriptor = Atomic<Int32>(-1)

/// SIGTERM and SIGINT as a flag that can be waited for, and SIGHUP as a wish; one for the process.
///
/// A second SIGTERM ends the process at once, which is as safe as being killed. A handler and a pipe of its own: with
/// Dispatch's sources, which read signals from a descriptor, a SIGTERM had no effect now and then. Made on the main
/// thread, which lives as long as the process and so always takes the signals.
final class TerminationSignals: Sendable {
    private let woken: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // Without a pipe `wait` looks at the flags twice a second.
        _ = unsafe pipe(&ends)
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        woken = ends[0]
        wakeDescriptor.store(ends[1], ordering: .releasing)
        signal(SIGPIPE, SIG_IGN)
        // Whoever started this process may have had them blocked, which a program inherits.
        var open = sigset_t()
        unsafe sigemptyset(&open)
        for number in [SIGTERM, SIGINT, SIGHUP] {
            signal(number, received)
            unsafe sigaddset(&open, number)
        }
        unsafe pthread_sigmask(SIG_UNBLOCK, &open, nil)
    }

    /// Whether a signal has come.
    var isStopping: Bool { endings.load(ordering: .relaxed) > 0 }

    /// Blocks until the end is asked for; calls `reload`, on the calling thread, each time that a new configuration is,
    /// and `meanwhile` twice a second.
    ///
    /// Several wishes that come while one is answered are one.
    func wait(meanwhile: () -> Void = {}, reload: () -> Void = {}) {
        while !isStopping {
            var entry = pollfd(fd: woken, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&entry, 1, 500)
            var bytes: UInt64 = 0
            _ = unsafe read(woken, &bytes, 8)
            meanwhile()
            if !isStopping, wishes.exchange(0, ordering: .relaxed) > 0 { reload() }
        }
    }
}

private func received(_ number: Int32) {
    let before = errno
    defer { errno = before }
    if number == SIGHUP {
        wishes.store(1, ordering: .relaxed)
    } else if endings.add(1, ordering: .relaxed).newValue > 1 {
        _exit(1)
    }
    var byte: UInt8 = 0
    _ = unsafe write(wakeDescriptor.load(ordering: .acquiring), &byte, 1)
}

import Foundation
import Synchronization

/// A program in a process of its own, whose CPU time and memory are therefore its own.
///
/// It is started through `setpriv --pdeathsig`, so the kernel kills it when the thread that made it ends: it has to be
/// made on the main thread. It has a process group of its own, so a terminal's interrupt reaches only us.
final class MeasuredProcess: Sendable {
    let pid: pid_t
    private let status = Mutex<Int32?>(nil)
    private let leftover = Mutex(0)

    /// Starts `words`, its first a path; output and errors are appended to the file `log`.
    init(_ words: [String], environment: [String: String] = [:], log: String) throws(BenchError) {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var signals = sigset_t()
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var child: pid_t = 0
        let all = ["setpriv", "--pdeathsig", "KILL", "--"] + words
        let result = unsafe Self.withVector(all) { arguments in
            unsafe Self.withVector(variables) { variables in
                unsafe posix_spawnp(&child, all[0], &actions, &attributes, arguments, variables)
            }
        }
        guard result == 0 else { throw BenchError("\(words[0]) cannot be started: errno \(result)") }
        pid = child
        let id = Leftovers.shared.add { [pid] in
            kill(pid, SIGKILL)
            _ = waitpid(pid, nil, 0)
        }
        leftover.withLock { $0 = id }
    }

    deinit { _ = stop(within: .zero) }

    /// Whether it has not ended.
    var isRunning: Bool { exitStatus == nil }

    /// Its exit status, or 128 and the signal's number; nil while it runs.
    var exitStatus: Int32? {
        status.withLock { status in
            if let status { return status }
            var value: Int32 = 0
            guard unsafe waitpid(pid, &value, WNOHANG) != 0 else { return nil }
            let code = value & 0x7f == 0 ? (value >> 8) & 0xff : 128 + (value & 0x7f)
            status = code
            Leftovers.shared.remove(leftover.withLock { $0 })
            return code
        }
    }

    /// Waits for its end, at most `bound`.
    func wait(within bound: Duration) -> Int32? {
        let end = ContinuousClock.now + bound
        while exitStatus == nil, ContinuousClock.now < end { usleep(5000) }
        return exitStatus
    }

    /// SIGTERM, and SIGKILL after `bound`; returns its exit status.
    func stop(within bound: Duration) -> Int32 {
        if let exitStatus { return exitStatus }
        if bound > .zero {
            kill(pid, SIGTERM)
            if let status = wait(within: bound) { return status }
        }
        kill(pid, SIGKILL)
        return wait(within: .seconds(10)) ?? -1
    }

    /// CPU seconds that it has used, in user and in kernel mode; the kernel counts in hundredths.
    var cpuSeconds: Double { Self.cpuSeconds(of: pid) }

    /// The same of any process.
    static func cpuSeconds(of pid: pid_t) -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The most memory that it ever had resident, in MiB.
    var peakMiB: Double {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { return 0 }
        return kibibytes / 1024
    }

    /// Lends the words as C has them: pointers with a null at the end.
    private static func withVector<R>(
        _ words: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("a vector is never empty") }
            return unsafe body(base)
        }
    }
}

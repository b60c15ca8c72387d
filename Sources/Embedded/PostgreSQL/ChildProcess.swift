internal import Foundation

/// A child process, started with nothing of this process's but what is named.
///
/// Not `Foundation.Process`: that learns of the end through a socket which the child inherits, and a server that
/// `pg_ctl` leaves behind keeps the socket open, so `waitUntilExit` never returned (measured, Swift 6.3.1 on Linux).
struct ChildProcess: Sendable {
    private let id: pid_t

    /// Starts `words` in a session of its own, so that a terminal's signals pass it by, in the folder `/`.
    ///
    /// `input` becomes its standard input; `log`, appended to, its standard output and error; /dev/null where they are
    /// nil.
    init(
        _ words: [String], environment: [String: String], input: Int32? = nil, log: String? = nil
    ) throws(EmbeddedPostgreSQLError) {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        if let input {
            unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        for descriptor in Self.openDescriptors() where descriptor > 2 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // Signals that this process ignores or blocks are not ignored or blocked there.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(Self.newSession | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var id: pid_t = 0
        // `chdir` as a file action is a GNU extension that the module map does not show; a shell's `cd` is everywhere.
        let words = ["/bin/sh", "-c", "cd / && exec \"$@\"", "sh"] + words
        let status = unsafe Self.withVector(words) { arguments in
            unsafe Self.withVector(environment.map { "\($0.key)=\($0.value)" }) { variables in
                unsafe posix_spawn(&id, words[0], &actions, &attributes, arguments, variables)
            }
        }
        guard status == 0 else {
            throw EmbeddedPostgreSQLError(.systemFailed, "\(words[0]) could not be started: errno \(status)")
        }
        self.id = id
    }

    /// `POSIX_SPAWN_SETSID` of glibc and musl, which the module map does not show.
    private static let newSession: Int32 = 0x80

    /// What may be inherited.
    ///
    /// One that another thread closes meanwhile does no harm; one that it opens meanwhile is close-on-exec, if it was
    /// opened with care.
    private static func openDescriptors() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }
    }

    /// Waits for the end and reaps the child; to be called once.
    ///
    /// Gives the exit status, or 128 and the signal's number as a shell does.
    func wait() -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(id, &status, 0) < 0 {
            guard errno == EINTR else { return -1 }
        }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
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

internal import Glibc
internal import Synchronization

/// A program that ends when this process ends, however it ends.
///
/// Between us and the program stands a small shell script. Its standard input is a pipe that only we hold open: when we
/// close it, or die (even by SIGKILL), the script reads its end, sends SIGTERM to the program, SIGKILL after 10 s, and
/// removes the folder. No signal of ours and no reused process id is involved.
/// Safe: the descriptor is only used under the lock.
final class SupervisedProcess: Sendable {
    private struct State {
        var pipe: Int32
        var pid: pid_t
    }

    private let state: Mutex<State?>

    /// Waits for the end of its input or of the program, whichever is first; then ends the program and its folder.
    ///
    /// $1: the folder to remove; the rest: the program. The reader is a child of its own, because a shell cannot wait
    /// for input and for a child at once: it ends the script by a signal.
    private static let script = """
        folder=$1; shift
        "$@" >"$folder/console.log" 2>&1 </dev/null 3<&- &
        child=$!
        finish() {
          trap '' TERM
          kill "$reader" 2>/dev/null
          kill -TERM "$child" 2>/dev/null
          n=0
          while kill -0 "$child" 2>/dev/null && [ "$n" -lt 100 ]; do n=$((n + 1)); sleep 0.1; done
          kill -KILL "$child" 2>/dev/null
          wait "$child" 2>/dev/null
          rm -rf "$folder"
          exit 0
        }
        trap '' INT HUP PIPE
        trap finish TERM
        script=$$
        (while read -r line; do :; done; kill -TERM "$script" 2>/dev/null) <&3 3<&- &
        reader=$!
        exec 3<&-
        wait "$child"
        finish
        """

    /// Starts `command`, its first element a path, whose output goes to `console.log` in `folder`.
    init(_ command: [String], folder: String) throws(BrokerError) {
        var ends: [Int32] = [-1, -1]
        // A pair of sockets instead of a pipe, because it can be made close-on-exec in one step: another child of ours
        // that inherited our end would keep the program alive.
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw BrokerError("no pipe: error \(errno)") }
        defer { close(ends[0]) }
        let arguments = ["/bin/sh", "-c", Self.script, "supervisor", folder] + command
        guard let pid = Self.spawn(arguments, input: ends[0]) else {
            close(ends[1])
            throw BrokerError("cannot run /bin/sh: error \(errno)")
        }
        state = Mutex(State(pipe: ends[1], pid: pid))
    }

    deinit { stop() }

    /// Whether the program has not ended by itself.
    var isRunning: Bool {
        state.withLock { state in
            guard let pid = state?.pid else { return false }
            var status: Int32 = 0
            // 0: there is no change of state to report.
            if unsafe waitpid(pid, &status, WNOHANG) == 0 { return true }
            if let pipe = state?.pipe { close(pipe) }
            state = nil
            return false
        }
    }

    /// Ends the program and waits for it.
    func stop() {
        let ending = state.withLock { state in
            defer { state = nil }
            return state
        }
        guard let ending else { return }
        close(ending.pipe)
        var status: Int32 = 0
        while unsafe waitpid(ending.pid, &status, 0) < 0, errno == EINTR {}
    }

    /// Runs a program with descriptor 3 as its end of the pipe, in a process group of its own, so that the terminal's
    /// interrupt reaches us and not it.
    private static func spawn(_ arguments: [String], input: Int32) -> pid_t? {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 3)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var strings: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe strings.forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawn(&pid, arguments[0], &actions, &attributes, &strings, environ)
        return result == 0 ? pid : nil
    }
}

internal import Foundation
internal import Synchronization

/// A shell that outlives the process that made it by one moment: it stops the server and removes the folder.
///
/// It reads from a pipe whose other end only this process holds. The kernel closes that end however the process dies,
/// `kill -9` included; the shell then sees the end of its input and cleans up. It has a session of its own,
/// so a terminal's signals do not reach it. Only killing the shell too leaves the server behind.
final class PostgreSQLWatchdog: Sendable {
    private struct State {
        let process: ChildProcess
        let writeEnd: Int32
        var isRunning = true
    }

    private let state: Mutex<State>

    /// $1 is the folder, the rest the words that stop the server.
    private static let script = """
        read -r _
        folder=$1
        shift
        "$@" >/dev/null 2>&1
        case $folder in */sluice-postgres-*) rm -rf -- "$folder" ;; esac
        """

    init(folder: String, stop: [String]) throws(EmbeddedPostgreSQLError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            throw EmbeddedPostgreSQLError(.systemFailed, "no pipe for the watchdog: errno \(errno)")
        }
        // Or another child of this process would keep the pipe open after our death.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let words = ["/bin/sh", "-c", Self.script, "sluice-postgres-watchdog", folder] + stop
        do throws(EmbeddedPostgreSQLError) {
            let process = try ChildProcess(words, environment: PostgreSQLBinaries.environment, input: ends[0])
            close(ends[0])
            state = Mutex(State(process: process, writeEnd: ends[1]))
        } catch {
            for end in ends { close(end) }
            throw error
        }
    }

    deinit { dismiss() }

    /// Lets the watchdog do its work now and waits for it.
    ///
    /// Does nothing the second time.
    func dismiss() {
        state.withLock { state in
            guard state.isRunning else { return }
            state.isRunning = false
            close(state.writeEnd)
            _ = state.process.wait()
        }
    }
}

import Embedded
import Foundation
import Testing

/// A PostgreSQL all of whose processes stand still: it keeps its connections and answers nothing, as on a machine that
/// hangs.
struct Standstill {
    private let processes: [pid_t]

    init(_ cluster: EmbeddedPostgreSQL) throws {
        let text = try String(contentsOfFile: "\(cluster.folder)/data/postmaster.pid", encoding: .utf8)
        let first = try #require(pid_t(text.prefix { $0 != "\n" }))
        // Stopped first, it makes no more of them.
        kill(first, SIGSTOP)
        processes = [first] + Self.children(of: first)
        for process in processes { kill(process, SIGSTOP) }
    }

    /// They go on.
    func end() { for process in processes.reversed() { kill(process, SIGCONT) } }

    private static func children(of parent: pid_t) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { process in
            // The name in the middle may hold anything; behind it come the state and the parent.
            let line = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
            let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ")
            return fields.count > 2 && pid_t(fields[2]) == parent
        }
    }
}

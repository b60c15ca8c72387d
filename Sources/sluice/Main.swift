import Foundation

/// The command line: `sluice COMMAND …`.
///
/// Exit codes follow sysexits(3).
@main
struct Sluice {
    private static let commands:
        [(name: String, summary: String, run: @Sendable ([String]) throws(CommandFailure) -> Int32)] = [
            ("run", "the pipeline", RunCommand.run),
            ("check", "validates a configuration offline", CheckCommand.run),
            ("migrate", "applies the stores' migrations", MigrateCommand.run),
            ("demo", "all of it, embedded, with traffic; balances the books", DemoCommand.run),
            ("order", "everything about one order", OrderCommand.run),
            ("books", "the balance of what was consumed", BooksCommand.run),
            ("lifecycle", "the transition table", LifecycleCommand.run),
            ("audit", "who read or changed what", AuditCommand.run),
            ("token", "a new bearer token for the HTTP API", TokenCommand.run),
            ("dev", "the embedded parts one by one: broker, odoo, postgres, events", DevCommand.run),
        ]

    static func main() {
        var arguments = Array(CommandLine.arguments.dropFirst())
        guard let name = arguments.first, name != "--help", name != "-h", name != "help" else {
            Output.line(usage)
            exit(arguments.isEmpty ? CommandFailure.ExitCode.usage.rawValue : 0)
        }
        if name == "--version" {
            Output.line("sluice \(Version.text)")
            exit(0)
        }
        arguments.removeFirst()
        guard let command = commands.first(where: { $0.name == name }) else {
            Output.error("sluice: unknown command \(name)\n\n\(usage)")
            exit(CommandFailure.ExitCode.usage.rawValue)
        }
        do throws(CommandFailure) {
            exit(try command.run(arguments))
        } catch {
            Output.error("sluice \(name): \(error.message)")
            exit(error.code.rawValue)
        }
    }

    private static var usage: String {
        let width = commands.map(\.name.count).max() ?? 0
        let list = commands.map {
            "  \($0.name.padding(toLength: width + 2, withPad: " ", startingAt: 0))\($0.summary)"
        }
        return "usage: sluice COMMAND [--help] …\n\n" + list.joined(separator: "\n")
    }
}

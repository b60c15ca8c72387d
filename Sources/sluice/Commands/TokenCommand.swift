import Foundation
import OperatorAPI

/// `sluice token`: a new bearer token, and its line for the file of tokens.
enum TokenCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice token NAME [--role viewer|operator|admin] [--entities CODE/CODE] [--json]",
        help: """
            Makes a bearer token of 256 random bits for NAME and prints it, once, with the line that the file named by
            http.tokens gets: it holds the token's SHA-256 only. SIGHUP makes `sluice run` read the file anew.

              --role R       viewer (default) reads; operator also changes; admin also sees the audit trail
              --entities E   legal entities with / between them (default *: all)
            """,
        options: ["role", "entities"], flags: ["json"], words: 1...1)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        guard let role = Role(rawValue: arguments["role"] ?? Role.viewer.rawValue) else {
            throw CommandFailure(code: .usage, message: "--role takes viewer, operator or admin")
        }
        let name = arguments.words[0]
        let entities = arguments["entities"] ?? "*"
        let token = newToken()
        let digits = SHA256.hash(token.utf8).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
        let line = "\(name) \(role.rawValue) \(digits) \(entities)"
        do {
            let codes = entities == "*" ? [] : entities.split(separator: "/").map(String.init)
            _ = try Tokens(text: line, legalEntities: Set(codes))
        } catch {
            throw CommandFailure(code: .usage, message: error.reason)
        }
        if arguments.has("json") {
            Output.line(JSONText.render(["token": token, "line": line]))
        } else {
            Output.line("token  \(token)\nline   \(line)")
        }
        return 0
    }

    /// 256 bits of the system's randomness, as letters that need no quoting.
    private static func newToken() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return "slc_"
            + Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }
}

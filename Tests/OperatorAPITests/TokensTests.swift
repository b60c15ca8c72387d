import Store
import Testing

@testable import OperatorAPI

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

/// A line of a token file.
func tokenLine(_ name: String, _ role: String, _ token: String, _ entities: String) -> String {
    "\(name) \(role) \(hexadecimal(SHA256.hash(token.utf8))) \(entities)\n"
}

/// Who is accepted, and which files are.
@Suite struct TokensTests {
    private let known: Set<String> = ["ACME", "BRAVO"]

    @Test func aTokenIsItsHoldersWithRoleAndScope() throws {
        let text =
            "# who reads\n" + tokenLine("grafana", "viewer", "t-1", "*") + "\n"
            + tokenLine("desk", "operator", "t-2", "ACME/BRAVO") + tokenLine("boss", "admin", "t-3", "ACME  # note")
        let tokens = try Tokens(text: text, legalEntities: known)
        #expect(tokens.count == 3)
        #expect(
            tokens.caller(of: "t-1".utf8) == Caller(name: "grafana", role: .viewer, scope: .everything))
        #expect(
            tokens.caller(of: "t-2".utf8)
                == Caller(name: "desk", role: .operator, scope: .legalEntities(["ACME", "BRAVO"])))
        let boss = try #require(tokens.caller(of: "t-3".utf8))
        #expect(boss.role == .admin && boss.sees("ACME") && !boss.sees("BRAVO"))
        for wrong in ["", "t-4", "t-1 ", "T-1", "t-1\0", String(repeating: "t-1", count: 1000)] {
            #expect(tokens.caller(of: wrong.utf8) == nil)
        }
    }

    /// The hash itself is no token, nor is anything near it.
    @Test func noHashOpensAnything() throws {
        let tokens = try Tokens(text: tokenLine("a", "viewer", "t", "*"), legalEntities: [])
        #expect(tokens.caller(of: SHA256.hash("t".utf8)) == nil)
        #expect(tokens.caller(of: hexadecimal(SHA256.hash("t".utf8)).utf8) == nil)
    }

    @Test func everyOneOfAThousandIsFound() throws {
        let names = (0..<1000).map { "name-\($0)" }
        let text = names.map { tokenLine($0, "viewer", "token of \($0)", "*") }.joined()
        let tokens = try Tokens(text: text, legalEntities: [])
        for name in [names[0], names[499], names[999]] {
            #expect(tokens.caller(of: "token of \(name)".utf8)?.name == name)
        }
        #expect(throws: Tokens.Refusal.self) {
            _ = try Tokens(text: text + tokenLine("one-more", "viewer", "x", "*"), legalEntities: [])
        }
    }

    static let hash = String(repeating: "ab", count: 32)

    @Test(arguments: [
        ("a viewer \(hash)", "must be NAME ROLE SHA256 ENTITIES, such as `sluice token` prints it"),
        ("a viewer \(hash) * *", "must be NAME ROLE SHA256 ENTITIES, such as `sluice token` prints it"),
        ("a root \(hash) *", "the role must be viewer, operator or admin"),
        ("a viewer \(hash.dropLast()) *", "the hash must be 64 hexadecimal digits: the SHA-256 of the token"),
        ("a viewer secret-token-itself *", "the hash must be 64 hexadecimal digits: the SHA-256 of the token"),
        ("a viewer \(hash) ACNE", "names a legal entity that is not configured"),
        ("a viewer \(hash) ACME/", "names a legal entity that is not configured"),
        ("loopback viewer \(hash) *", "the name must be 1 to 64 bytes of ASCII, and no word of Sluice's"),
        ("a viewer \(hash) *\na viewer \(String(hash.reversed())) *", "the name is there twice"),
        ("a viewer \(hash) *\nb viewer \(hash) *", "the hash is there twice"),
    ])
    func aFileIsRefusedWithItsLineAndNothingOfIt(_ text: String, _ reason: String) {
        let refusal = #expect(throws: Tokens.Refusal.self) {
            _ = try Tokens(text: "# first\n" + text, legalEntities: known)
        }
        #expect(refusal?.reason == reason)
        #expect(refusal?.line == 1 + text.split(separator: "\n").count)
        #expect(refusal?.description.contains("secret-token-itself") == false)
    }

    @Test(
        arguments: [
            ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER   abc", "abc"), ("Bearer", nil), ("Bearer ", nil),
            ("Basic abc", nil), ("abc", nil), ("Bearerabc", nil), ("Bearer a b", "a b"), ("", nil),
        ] as [(String, String?)])
    func theFieldIsReadByItsScheme(_ field: String, _ token: String?) {
        #expect(Tokens.presented(field).map(String.init) == token)
    }
}

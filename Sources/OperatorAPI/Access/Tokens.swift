internal import Store

/// The bearer tokens that are accepted, by their hashes.
///
/// A file with one token a line: `NAME ROLE SHA256 ENTITIES`, where SHA256 is that of the token in hexadecimal and
/// ENTITIES is `*` or codes with `/` between them, which is in none of them. `#` begins a comment. A token itself is in
/// no file of the server's: who loses it gets another.
public struct Tokens: Sendable {
    /// Why a file is refused: its line and the reason, never what stands there.
    public struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// Counted from 1.
        public var line: Int
        /// In words.
        public var reason: String

        /// For people.
        public var description: String { "line \(line): \(reason)" }
    }

    private struct Entry: Sendable {
        var hash: [UInt8]
        var caller: Caller
    }

    /// The most tokens: each request is compared with all of them.
    public static let maximumTokens = 1_000
    /// The longest token that is looked at, in bytes.
    static let maximumTokenBytes = 512
    /// The longest name, in bytes.
    private static let maximumNameBytes = 64

    private var entries: [Entry] = []

    /// How many there are.
    public var count: Int { entries.count }
    /// Who has them.
    public var callers: [Caller] { entries.map(\.caller) }

    /// Reads the text of a file.
    ///
    /// `legalEntities`: those that are configured; another one is refused, because it is surely misspelt.
    public init(text: String, legalEntities: Set<String>) throws(Refusal) {
        var names: Set<String> = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
            guard !words.isEmpty else { continue }
            let entry = try Self.entry(words, legalEntities, line: index + 1)
            guard names.insert(entry.caller.name).inserted else {
                throw Refusal(line: index + 1, reason: "the name is there twice")
            }
            guard !entries.contains(where: { $0.hash == entry.hash }) else {
                throw Refusal(line: index + 1, reason: "the hash is there twice")
            }
            entries.append(entry)
            guard entries.count <= Self.maximumTokens else {
                throw Refusal(line: index + 1, reason: "there are more than \(Self.maximumTokens) tokens")
            }
        }
    }

    private static func entry(_ words: [String], _ known: Set<String>, line: Int) throws(Refusal) -> Entry {
        guard words.count == 4 else {
            throw Refusal(line: line, reason: "must be NAME ROLE SHA256 ENTITIES, such as `sluice token` prints it")
        }
        guard words[0].utf8.count <= maximumNameBytes, words[0].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            words[0] != Caller.loopback.name, !words[0].hasPrefix("command:")
        else { throw Refusal(line: line, reason: "the name must be 1 to 64 bytes of ASCII, and no word of Sluice's") }
        guard let role = Role(rawValue: words[1]) else {
            throw Refusal(line: line, reason: "the role must be viewer, operator or admin")
        }
        guard let hash = bytes(ofHexadecimal: words[2]), hash.count == 32 else {
            throw Refusal(line: line, reason: "the hash must be 64 hexadecimal digits: the SHA-256 of the token")
        }
        if words[3] == "*" { return Entry(hash: hash, caller: Caller(name: words[0], role: role, scope: .everything)) }
        let names = Set(words[3].split(separator: "/", omittingEmptySubsequences: false).map(String.init))
        guard names.isSubset(of: known) else {
            throw Refusal(line: line, reason: "names a legal entity that is not configured")
        }
        return Entry(hash: hash, caller: Caller(name: words[0], role: role, scope: .legalEntities(names)))
    }

    static func bytes(ofHexadecimal text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Whose token `presented` is; nil: nobody's.
    ///
    /// Compares the hash with every one that there is and every byte of each, so that the time tells nothing of where
    /// they begin to differ, nor which of them it was.
    public func caller(of presented: some Collection<UInt8>) -> Caller? {
        guard presented.count <= Self.maximumTokenBytes else { return nil }
        let hash = SHA256.hash(presented)
        var found = -1
        for (index, entry) in entries.enumerated() {
            var difference: UInt8 = 0
            for place in 0..<32 { difference |= hash[place] ^ entry.hash[place] }
            // All ones where the hashes are equal, else all zeros.
            let mask = (Int(difference) - 1) >> (Int.bitWidth - 1)
            found = (found & ~mask) | (index & mask)
        }
        return found >= 0 ? entries[found].caller : nil
    }

    /// The token that an Authorization field presents; nil: none by this scheme.
    static func presented(_ authorization: String) -> Substring? {
        let scheme = authorization.prefix { $0 != " " }
        guard scheme.lowercased() == "bearer" else { return nil }
        let token = authorization.dropFirst(scheme.count).drop { $0 == " " }
        return token.isEmpty ? nil : token
    }
}

/// How a file refers to a secret.
enum SecretShape {
    static let advice =
        "is a secret and never stands in a file; say { env: \"NAME\" } or { file: \"/path\" } where it is kept"
    static let keys = ["env", "file"]

    /// The reference that `node` is, or what is wrong with it and where, without repeating any value.
    static func read(_ node: ConfigNode) -> (reference: SecretReference?, fault: (at: SourceLocation, reason: String)?)
    {
        guard case .object(let members) = node.value else { return (nil, (node.at, advice)) }
        guard members.count == 1, let member = members.first, keys.contains(member.key) else {
            return (nil, (node.at, "must have exactly one of the keys env and file"))
        }
        guard let text = member.value.text, !text.isEmpty else {
            return (nil, (member.value.at, "\(member.key) must be a text that is not empty"))
        }
        if member.key == "env" {
            guard isVariableName(text) else {
                return (nil, (member.value.at, "env must be the name of an environment variable, not its value"))
            }
            return (.environment(text), nil)
        }
        guard text.hasPrefix("/"), !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            return (nil, (member.value.at, "file must be an absolute path"))
        }
        return (.file(text), nil)
    }

    private static func isVariableName(_ text: String) -> Bool {
        guard text.utf8.count <= 128, let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }
}

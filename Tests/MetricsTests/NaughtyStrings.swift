import Foundation

/// The naughty strings and our own control characters.
enum NaughtyStrings {
    /// Why they are missing, where they are.
    static let missing = "set SLUICE_CORPORA to the folder of naughty-strings.json"

    /// The public strings, or nil when SLUICE_CORPORA is not set.
    static let published: [String]? = {
        guard let folder = ProcessInfo.processInfo.environment["SLUICE_CORPORA"],
            let data = FileManager.default.contents(atPath: folder + "/naughty-strings.json")
        else { return nil }
        return try? JSONDecoder().decode([String].self, from: data)
    }()

    /// Every control character of Latin-1, separators, an emoji of many scalars, and long text.
    static let own: [String] =
        (0...0x9F).compactMap { Unicode.Scalar($0).map { "a\(Character($0))b" } }
        + [
            "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{202E}abc", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
            String(repeating: "\u{1F600}", count: 100), String(repeating: "\"", count: 300),
            String(repeating: "\u{0}", count: 300), "\\", "\\n", "\"}", "\"} 1\nfake_total 2",
        ]
}

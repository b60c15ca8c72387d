/// The words behind a command, read by its own list of options.
///
/// An unknown option is an error that names the nearest.
struct Arguments {
    /// What a command takes.
    struct Specification {
        /// `sluice NAME …` with its arguments.
        var synopsis: String
        /// What the command does, and what its options mean.
        var help: String
        /// Names of options with a value.
        var options: Set<String> = []
        /// Names of options without.
        var flags: Set<String> = []
        /// How many words without a name it takes.
        var words: ClosedRange<Int> = 0...0
    }

    private(set) var words: [String] = []
    private var values: [String: [String]] = [:]
    private var flags: Set<String> = []

    /// Reads `arguments`; nil: help was asked for and printed.
    init?(_ arguments: [String], _ specification: Specification) throws(CommandFailure) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            if word == "--help" || word == "-h" {
                Output.line("usage: \(specification.synopsis)\n\n\(specification.help)")
                return nil
            }
            guard word.hasPrefix("--") else {
                words.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
            let name = parts.first ?? ""
            if specification.flags.contains(name), parts.count == 1 {
                flags.insert(name)
            } else if specification.options.contains(name) {
                guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                    throw Self.failure("--\(name) needs a value", specification)
                }
                values[name, default: []].append(value)
            } else {
                throw Self.failure("unknown option --\(name)", specification)
            }
        }
        guard specification.words.contains(words.count) else {
            throw Self.failure(
                words.count < specification.words.lowerBound ? "an argument is missing" : "too many arguments",
                specification)
        }
    }

    private static func failure(_ reason: String, _ specification: Specification) -> CommandFailure {
        CommandFailure(code: .usage, message: "\(reason)\nusage: \(specification.synopsis)")
    }

    /// Whether a flag was given.
    func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// The value of an option; the last one where it was given more than once.
    subscript(option: String) -> String? { values[option]?.last }

    /// The values of an option that may be given more than once.
    func all(_ option: String) -> [String] { values[option] ?? [] }

    /// The value of an option that is a whole number.
    func number(_ option: String, _ range: ClosedRange<Int>, default value: Int) throws(CommandFailure) -> Int {
        guard let text = self[option] else { return value }
        guard let number = Int(text), range.contains(number) else {
            throw CommandFailure(
                code: .usage,
                message: "--\(option) takes a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

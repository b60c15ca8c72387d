/// One thing that is wrong with a configuration, and where.
public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The file as a person would name it: the given path and what lies below it.
    public var file: String
    /// The line, from 1.
    public var line: Int
    /// The column in characters, from 1; a tab counts as one.
    public var column: Int
    /// The key's path, such as `kafka.brokers[0]`; `(file)` where the file as a whole is meant.
    public var key: String
    /// What is wrong and, where that is known, what to write instead.
    ///
    /// Never a secret, never more than one line.
    public var reason: String

    /// `file:line: key: reason`, on one line.
    public var description: String { "\(printable(file, limit: 4096)):\(line): \(key): \(reason)" }

    /// The key of a problem with a file as a whole.
    static let wholeFile = "(file)"
}

/// A configuration that is refused, with everything that is wrong with it.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// The problems, ordered by file, line and column; never empty.
    public var problems: [Problem]
    /// How many more were found than are listed.
    public var omitted: Int

    /// One problem a line, as `sluice check` and `sluice run` print them.
    public var description: String {
        var lines = problems.map(\.description)
        if omitted > 0 { lines.append("... and \(omitted) more problems") }
        return lines.joined(separator: "\n")
    }
}

/// Problems while they are collected.
struct ProblemList {
    /// More problems of one file than this help nobody.
    static let maximumPerFile = 200

    /// How many files could not be parsed at all: what they would have declared is unknown.
    var unreadableFiles = 0
    private(set) var omitted = 0
    private var problems: [Problem] = []
    private var counts: [String: Int] = [:]
    private var fileOrder: [String: Int] = [:]

    var isEmpty: Bool { problems.isEmpty }

    /// Files sort in the order in which they were first named.
    mutating func order(_ file: String) {
        if fileOrder[file] == nil { fileOrder[file] = fileOrder.count }
    }

    mutating func add(_ file: String, _ at: SourceLocation, _ key: String, _ reason: String) {
        order(file)
        let count = counts[file, default: 0]
        guard count < Self.maximumPerFile else {
            omitted += 1
            return
        }
        counts[file] = count + 1
        problems.append(Problem(file: file, line: at.line, column: at.column, key: key, reason: reason))
    }

    /// A configuration without a problem can always be built; should that ever fail, it is said and not accepted.
    mutating func requireOne(file: String) {
        guard problems.isEmpty else { return }
        add(file, .start, Problem.wholeFile, "could not be understood; please report this as a defect of Sluice")
    }

    var sorted: [Problem] {
        problems.enumerated().sorted { one, other in
            let left = (fileOrder[one.element.file] ?? 0, one.element.line, one.element.column, one.offset)
            let right = (fileOrder[other.element.file] ?? 0, other.element.line, other.element.column, other.offset)
            return left < right
        }.map(\.element)
    }
}

/// `text` without control, format and line-breaking characters, so that a hostile key cannot forge a second line.
func printable(_ text: String, limit: Int = 80) -> String {
    if text.utf8.count <= limit, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
        guard count < limit else { return result + "..." }
        count += 1
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default:
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// `text` in quotes, printable.
func quoted(_ text: String) -> String { "\"\(printable(text))\"" }

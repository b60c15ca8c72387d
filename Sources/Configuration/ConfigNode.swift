/// A place in a file: line and column from 1, the column in characters.
struct SourceLocation: Equatable, Sendable {
    var line: Int
    var column: Int

    static let start = SourceLocation(line: 1, column: 1)
}

/// A value of a configuration file and where it begins.
struct ConfigNode: Equatable, Sendable {
    /// What the file says.
    enum Value: Equatable, Sendable {
        case null
        case flag(Bool)
        case number(ConfigNumber)
        case text(String)
        case list([ConfigNode])
        /// Members in the order of the file; keys are unique.
        case object([Member])
    }

    /// One key and its value.
    struct Member: Equatable, Sendable {
        var key: String
        var keyAt: SourceLocation
        var value: ConfigNode
    }

    var at: SourceLocation
    var value: Value

    /// What a person calls this kind of value.
    var kindName: String {
        switch value {
        case .null: "null"
        case .flag: "a flag"
        case .number: "a number"
        case .text: "a text"
        case .list: "a list"
        case .object: "an object"
        }
    }

    subscript(key: String) -> ConfigNode? { member(key)?.value }

    func member(_ key: String) -> Member? { members.first { $0.key == key } }

    var members: [Member] {
        if case .object(let members) = value { members } else { [] }
    }

    var elements: [ConfigNode] {
        if case .list(let elements) = value { elements } else { [] }
    }

    var text: String? {
        if case .text(let text) = value { text } else { nil }
    }

    var flag: Bool? {
        if case .flag(let flag) = value { flag } else { nil }
    }

    var number: ConfigNumber? {
        if case .number(let number) = value { number } else { nil }
    }

    var integer: Int64? { number?.integer }
    var duration: Duration? { text.flatMap(Quantities.duration) }
    var size: Int? { text.flatMap(Quantities.size) }
}

/// A number as JSON5 allows it.
struct ConfigNumber: Equatable, Sendable {
    /// The exact value, when it was written as an integer that 64 bits hold.
    var integer: Int64?
    /// The nearest value; may be infinite or NaN, which JSON5 can write.
    var value: Double

    static func == (one: Self, other: Self) -> Bool {
        one.integer == other.integer && one.value.bitPattern == other.value.bitPattern
    }
}

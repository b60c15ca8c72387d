/// The three kinds of file.
enum FileKind: String, CaseIterable, Sendable {
    case main = "sluice"
    case channel
    case entity

    /// The files of this kind, as the documentation names them.
    var fileName: String {
        switch self {
        case .main: "sluice.json5"
        case .channel: "channels/*.json5"
        case .entity: "entities/*.json5"
        }
    }

    /// Every key that a file of this kind may have.
    var keys: Shape {
        switch self {
        case .main: MainKeys.file
        case .channel: ChannelKeys.file
        case .entity: EntityKeys.file
        }
    }
}

/// What a value must look like.
///
/// One tree per kind of file is the only list of keys: the reader walks it, the JSON Schemas are printed from it.
indirect enum Shape: Sendable {
    /// An object with exactly these keys.
    case object([Key])
    /// An object whose keys are names; `minimum` of them at least.
    case map(TextRule, Shape, minimum: Int)
    /// A list of at least `minimum` elements.
    case list(Shape, minimum: Int)
    case text(TextRule)
    /// A text, or an object with exactly these keys.
    case textOr(TextRule, [Key])
    /// A text, a flag, an integer or null, or a list of such.
    case scalars
    /// One of these words.
    case word([String])
    case integer(ClosedRange<Int64>)
    /// A number, fractions allowed.
    case number(ClosedRange<Double>)
    case flag
    case duration(ClosedRange<Duration>)
    case size(ClosedRange<Int64>)
    /// `{ env: "NAME" }` or `{ file: "/path" }`.
    case secret
    /// A text that carries no secret, or a reference to one.
    case textOrSecret(TextRule)
    /// librdkafka's settings, by `KafkaOptions`.
    case kafkaOptions
    /// Documented, but its part is not built yet.
    case notBuilt
}

/// A documented key.
struct Key: Sendable {
    var name: String
    var shape: Shape
    var isRequired: Bool
    /// What it means, for editors.
    var about: String

    /// Which JSON Schema an editor should hold a file against.
    static let schema = Key("$schema", .text(.label), "For editors: where this schema is.")

    init(_ name: String, _ shape: Shape, required: Bool = false, _ about: String) {
        self.name = name
        self.shape = shape
        self.isRequired = required
        self.about = about
    }
}

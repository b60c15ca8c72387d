// The JSON Schemas of the three kinds of file, printed from the tables of keys, so that an editor completes and checks
// what the reader takes. A schema is a little laxer than the reader: it does not know what holds between keys and
// files.

/// Prints `deploy/schemas/*.schema.json`.
enum SchemaText {
    /// The schema of `kind` as the file has it, with a line break at the end.
    static func text(_ kind: FileKind) -> String {
        var members: [(String, SchemaValue)] = [
            ("$schema", .text("http://json-schema.org/draft-07/schema#")),
            ("title", .text("Sluice: \(kind.fileName)")),
        ]
        if case .object(let body) = schema(kind.keys) { members += body }
        return SchemaValue.object(members).rendered(indent: 0) + "\n"
    }

    private static func schema(_ shape: Shape) -> SchemaValue {
        switch shape {
        case .object(let keys): object(keys)
        case .map(let rule, let shape, let minimum):
            .object(
                [("type", .text("object")), ("minProperties", .number(Double(minimum)))]
                    + (rule.maximumNames.map { [("maxProperties", .number(Double($0)))] } ?? [])
                    + [("propertyNames", text(rule)), ("additionalProperties", schema(shape))])
        case .list(let shape, let minimum):
            .object([
                ("type", .text("array")), ("minItems", .number(Double(minimum))), ("items", schema(shape)),
            ])
        case .text(let rule): text(rule)
        case .textOr(let rule, let keys): .object([("anyOf", .list([text(rule), object(keys)]))])
        case .scalars:
            .object([("type", .list(["string", "boolean", "integer", "null", "array"].map(SchemaValue.text)))])
        case .word(let words): .object([("type", .text("string")), ("enum", .list(words.map(SchemaValue.text)))])
        case .integer(let range):
            .object(
                [("type", .text("integer")), ("minimum", .number(Double(range.lowerBound)))]
                    + (range.upperBound == .max ? [] : [("maximum", .number(Double(range.upperBound)))]))
        case .number(let range):
            .object([
                ("type", .text("number")), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ])
        case .flag: .object([("type", .text("boolean"))])
        case .duration: .object([("type", .text("string")), ("pattern", .text(Quantities.durationPattern))])
        case .size: .object([("type", .text("string")), ("pattern", .text(Quantities.sizePattern))])
        case .secret: secret
        case .textOrSecret(let rule): .object([("anyOf", .list([text(rule), secret]))])
        case .kafkaOptions: kafkaOptions
        case .notBuilt: .object([])
        }
    }

    private static func object(_ keys: [Key]) -> SchemaValue {
        let properties = keys.map { key -> (String, SchemaValue) in
            var about = key.about
            if case .notBuilt = key.shape { about += " (\(NotBuiltYet.reason))" }
            guard case .object(let members) = schema(key.shape) else { return (key.name, .object([])) }
            return (key.name, .object([("description", .text(about))] + members))
        }
        let required = keys.filter(\.isRequired).map { SchemaValue.text($0.name) }
        return .object(
            [("type", .text("object"))] + (required.isEmpty ? [] : [("required", .list(required))]) + [
                ("properties", .object(properties)), ("additionalProperties", .flag(false)),
            ])
    }

    private static func text(_ rule: TextRule) -> SchemaValue {
        .object(
            [("type", .text("string")), ("minLength", .number(1))]
                + (rule.pattern.map { [("pattern", .text($0))] } ?? []))
    }

    private static let secret = SchemaValue.object([
        ("type", .text("object")), ("minProperties", .number(1)), ("maxProperties", .number(1)),
        (
            "properties",
            .object([
                ("env", .object([("type", .text("string")), ("pattern", .text("^[A-Za-z_][A-Za-z0-9_]*$"))])),
                ("file", .object([("type", .text("string")), ("pattern", .text("^/"))])),
            ])
        ), ("additionalProperties", .flag(false)),
    ])

    private static var kafkaOptions: SchemaValue {
        let properties = KafkaOptions.allowed.sorted { $0.key < $1.key }.map { name, rule -> (String, SchemaValue) in
            switch rule.kind {
            case .secret: (name, secret)
            case .text, .flag, .integer, .word:
                (name, .object([("type", .list(["string", "integer", "boolean", "object"].map(SchemaValue.text)))]))
            }
        }
        return .object([
            ("type", .text("object")), ("properties", .object(properties)), ("additionalProperties", .flag(false)),
        ])
    }
}

/// A JSON value whose members keep their order.
indirect enum SchemaValue {
    case text(String)
    case number(Double)
    case flag(Bool)
    case list([SchemaValue])
    case object([(String, SchemaValue)])

    func rendered(indent: Int) -> String {
        let inner = String(repeating: " ", count: indent + 2)
        let outer = String(repeating: " ", count: indent)
        switch self {
        case .text(let text): return Self.escaped(text)
        case .number(let number): return Int64(exactly: number).map { String($0) } ?? String(number)
        case .flag(let flag): return flag ? "true" : "false"
        case .list(let values): return "[" + values.map { $0.rendered(indent: indent) }.joined(separator: ", ") + "]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            let lines = members.map { inner + Self.escaped($0.0) + ": " + $0.1.rendered(indent: indent + 2) }
            return "{\n" + lines.joined(separator: ",\n") + "\n" + outer + "}"
        }
    }

    /// The texts here are the tables' own: they hold no control characters.
    private static func escaped(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result + "\""
    }
}

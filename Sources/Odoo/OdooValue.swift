internal import Foundation

/// A JSON value as Odoo takes and gives it.
///
/// Odoo says `false` for every empty field, and gives a many-to-one as `[id, display name]`; the accessors know that.
/// Exact decimals travel as text (`load` takes text in every cell), never as `number`.
public indirect enum OdooValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([OdooValue])
    case object([String: OdooValue])

    /// The member `name` of an object; nil for any other value or when it is absent.
    public subscript(name: String) -> OdooValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    /// A whole number, also where it was written as `3.0`; nil for anything else.
    public var asInteger: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// A text; nil for anything else, thus also for Odoo's `false`.
    public var asText: String? {
        guard case .text(let value) = self else { return nil }
        return value
    }

    /// A truth value; nil for anything else.
    public var asBool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements of a list; nil for anything else.
    public var asList: [OdooValue]? {
        guard case .list(let elements) = self else { return nil }
        return elements
    }

    /// The id of a many-to-one (`[id, name]`) or a bare id; nil when it is empty.
    public var asRecordID: Int? {
        if let elements = asList { return elements.first?.asInteger }
        return asInteger
    }

    /// Whether an action method answered a window instead of acting: such a call has to be taken as not done.
    public var isWindowAction: Bool {
        self["type"]?.asText?.hasPrefix("ir.actions.") ?? false
    }
}

extension OdooValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// The text `value`.
    public init(stringLiteral value: String) { self = .text(value) }
    /// The number `value`.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// The truth value `value`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// The list of `elements`.
    public init(arrayLiteral elements: OdooValue...) { self = .list(elements) }
    /// The object of `elements`; of equal names the last one stays.
    public init(dictionaryLiteral elements: (String, OdooValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}

extension OdooValue: Codable {
    /// Reads any JSON value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([OdooValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: OdooValue].self))
        }
    }

    /// Writes the value as JSON.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension OdooValue {
    /// The value that `bytes` spell as JSON; nil when they do not.
    ///
    /// Nesting is bounded by Foundation at 512.
    static func parse(_ bytes: [UInt8]) -> OdooValue? {
        try? JSONDecoder().decode(OdooValue.self, from: Data(bytes))
    }

    /// The value as JSON; nil for a number that JSON cannot write (not a number, infinity).
    ///
    /// Names are in alphabetical sequence, so that equal calls are equal bytes.
    var json: [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { [UInt8]($0) }
    }
}

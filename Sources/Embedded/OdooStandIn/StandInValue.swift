internal import Foundation

/// A JSON value as the stand-in reads and writes it.
///
/// Not the client's type: a mistake made twice in one type would go unnoticed.
indirect enum StandInValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([StandInValue])
    case object([String: StandInValue])

    subscript(name: String) -> StandInValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    var asInteger: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    var asNumber: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    var asText: String? {
        guard case .text(let value) = self else { return nil }
        return value
    }

    var asList: [StandInValue]? {
        guard case .list(let value) = self else { return nil }
        return value
    }

    var isTrue: Bool {
        switch self {
        case .null, .bool(false), .integer(0), .text(""): false
        case .list(let elements): !elements.isEmpty
        case .object(let members): !members.isEmpty
        default: true
        }
    }

    static func parse(_ bytes: [UInt8]) -> StandInValue? {
        try? JSONDecoder().decode(StandInValue.self, from: Data(bytes))
    }

    /// The value as JSON with its names in alphabetical sequence.
    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension StandInValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
}

extension StandInValue: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode([StandInValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: StandInValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
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

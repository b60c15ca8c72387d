import Foundation
import Testing

@testable import Configuration

/// The committed JSON Schemas say what the reader's tables of keys say, and nothing is built by halves.
@Suite struct SchemaTests {
    private func path(_ kind: FileKind) -> String { "\(Repository.root)/deploy/schemas/\(kind.rawValue).schema.json" }

    @Test(arguments: FileKind.allCases) func theCommittedSchemaIsThePrintedOne(_ kind: FileKind) throws {
        let text = SchemaText.text(kind)
        if ProcessInfo.processInfo.environment["SLUICE_WRITE_SCHEMAS"] != nil {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path(kind)))
        }
        let committed = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path(kind))), as: UTF8.self)
        #expect(committed == text, "print it anew with SLUICE_WRITE_SCHEMAS=1 swift test --filter SchemaTests")
    }

    @Test(arguments: FileKind.allCases) func theSchemaHasTheReadersKeysAndRequirements(_ kind: FileKind) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path(kind)))
        let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        compare(kind.keys, schema, kind.rawValue)
    }

    /// Walks table and schema together; the schema is read by a reader that is not ours.
    private func compare(_ shape: Shape, _ schema: [String: Any], _ path: String) {
        switch shape {
        case .object(let keys):
            let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
            #expect(Set(properties.keys) == Set(keys.map(\.name)), "\(path)")
            #expect(keys.count == Set(keys.map(\.name)).count, "\(path): a key is listed twice")
            #expect(
                Set(schema["required"] as? [String] ?? []) == Set(keys.filter(\.isRequired).map(\.name)), "\(path)")
            #expect(schema["additionalProperties"] as? Bool == false, "\(path)")
            for key in keys { compare(key.shape, properties[key.name] ?? [:], "\(path).\(key.name)") }
        case .map(_, let shape, let minimum):
            #expect(schema["minProperties"] as? Int == minimum, "\(path)")
            compare(shape, schema["additionalProperties"] as? [String: Any] ?? [:], path + ".*")
        case .list(let shape, let minimum):
            #expect(schema["minItems"] as? Int == minimum, "\(path)")
            compare(shape, schema["items"] as? [String: Any] ?? [:], path + "[]")
        case .word(let words): #expect(schema["enum"] as? [String] == words, "\(path)")
        case .integer(let range):
            #expect(schema["minimum"] as? Int64 == range.lowerBound, "\(path)")
            #expect((schema["maximum"] as? Int64 ?? .max) == range.upperBound, "\(path)")
        case .number(let range): #expect(schema["maximum"] as? Double == range.upperBound, "\(path)")
        case .kafkaOptions:
            let properties = schema["properties"] as? [String: Any] ?? [:]
            #expect(Set(properties.keys) == Set(KafkaOptions.allowed.keys), "\(path)")
        case .notBuilt:
            let about = schema["description"] as? String ?? ""
            #expect(about.hasSuffix("(not built yet)") && schema["type"] == nil, "\(path)")
        case .flag: #expect(schema["type"] as? String == "boolean", "\(path)")
        case .textOr(_, let keys):
            let choices = schema["anyOf"] as? [[String: Any]] ?? []
            #expect(choices.first?["type"] as? String == "string" && choices.count == 2, "\(path)")
            compare(.object(keys), choices.last ?? [:], path)
        case .scalars: #expect((schema["type"] as? [String])?.count == 5, "\(path)")
        case .textOrSecret: #expect((schema["anyOf"] as? [Any])?.count == 2, "\(path)")
        case .secret: #expect(schema["maxProperties"] as? Int == 1, "\(path)")
        case .text, .duration, .size: #expect(schema["type"] as? String == "string", "\(path)")
        }
    }

    @Test func theListOfWhatIsNotBuiltIsWhatTheTablesRefuse() {
        for kind in FileKind.allCases {
            let rows = NotBuiltYet.rows.filter { $0.file == kind }
            var refused: Set<String> = []
            var words: [String: [String]] = [:]
            collect(kind.keys, "", &refused, &words)
            #expect(Set(rows.filter { $0.value == nil }.map(\.path)) == refused, "\(kind)")
            for row in rows {
                guard let value = row.value else { continue }
                #expect(words[row.path]?.contains(value) == false, "\(row.path): \(value) is either built or not")
            }
        }
    }

    private func collect(
        _ shape: Shape, _ path: String, _ refused: inout Set<String>, _ words: inout [String: [String]]
    ) {
        switch shape {
        case .object(let keys):
            for key in keys { collect(key.shape, path.isEmpty ? key.name : "\(path).\(key.name)", &refused, &words) }
        case .textOr(_, let keys): collect(.object(keys), path, &refused, &words)
        case .map(_, let shape, _): collect(shape, path + ".*", &refused, &words)
        case .list(let shape, _): collect(shape, path + "[]", &refused, &words)
        case .word(let list): words[path] = list
        case .notBuilt: refused.insert(path)
        default: break
        }
    }

    @Test func everyRefusedLibrarySettingIsOffTheAllowList() {
        for name in KafkaOptions.refused.keys { #expect(KafkaOptions.allowed[name] == nil, "\(name)") }
    }
}

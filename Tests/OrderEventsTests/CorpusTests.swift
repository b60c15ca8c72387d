import Foundation
import OrderEvents
import Testing

/// Goal: the public collection of JSON documents is judged as decided, file by file.
///
/// `y_` files have to be read and `n_` files refused, except where our rules differ, which the tables say; what the RFC
/// leaves open (`i_`, and the transformations) is decided here.
@Suite(
    .enabled(
        if: ProcessInfo.processInfo.environment["SLUICE_CORPORA"] != nil,
        "set SLUICE_CORPORA to a folder with json/test_parsing and json/test_transform"))
struct CorpusTests {
    private static let folder = ProcessInfo.processInfo.environment["SLUICE_CORPORA"] ?? ""

    private static func documents(_ name: String) throws -> [(name: String, error: JSONError?)] {
        let path = folder + "/json/" + name
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".json") }.sorted()
        return try names.map {
            let data = try Data(contentsOf: URL(fileURLWithPath: path + "/" + $0))
            return ($0, JSONReaderTests.judge([UInt8](data)))
        }
    }

    /// What a strict reader has to read and ours refuses, with the reason.
    private static let ours: [String: JSONError.Reason] = [
        "y_object_duplicated_key.json": .duplicateKey,
        "y_object_duplicated_key_and_value.json": .duplicateKey,
        "y_object_escaped_null_in_key.json": .nul,
        "y_string_null_escape.json": .nul,
    ]

    @Test func whatHasToBeReadIsRead() throws {
        let documents = try Self.documents("test_parsing").filter { $0.name.hasPrefix("y_") }
        #expect(documents.count == 95)
        for document in documents { #expect(document.error?.reason == Self.ours[document.name], "\(document.name)") }
    }

    @Test func whatHasToBeRefusedIsRefused() throws {
        let documents = try Self.documents("test_parsing").filter { $0.name.hasPrefix("n_") }
        #expect(documents.count == 188)
        for document in documents { #expect(document.error != nil, "\(document.name)") }
    }

    @Test func whatIsOpenIsDecided() throws {
        let documents = try Self.documents("test_parsing").filter { $0.name.hasPrefix("i_") }
        #expect(Set(documents.map(\.name)) == Set(OpenCases.parsing.map(\.key)))
        for document in documents {
            let decided = OpenCases.parsing[document.name] ?? nil
            #expect(document.error?.reason == decided, "\(document.name)")
        }
    }

    @Test func transformationsAreDecided() throws {
        let documents = try Self.documents("test_transform")
        #expect(Set(documents.map(\.name)) == Set(OpenCases.transforming.map(\.key)))
        for document in documents {
            let decided = OpenCases.transforming[document.name] ?? nil
            #expect(document.error?.reason == decided, "\(document.name)")
        }
    }

    /// As records of a channel, all of them end as dead letters with a reason: none is an event, none a trap.
    @Test func everyDocumentEndsAsADeadLetter() throws {
        let decoder = EventDecoder(ChannelFormat(name: "portal", index: 0, kind: .canonical))
        for folder in ["test_parsing", "test_transform"] {
            let path = Self.folder + "/json/" + folder
            for name in try FileManager.default.contentsOfDirectory(atPath: path) {
                let value = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
                guard case .deadLetter(let letter) = decoder.decode(value: value, key: nil, source: Fixture.source)
                else {
                    Issue.record("\(name) is an event")
                    continue
                }
                #expect(!letter.detail.isEmpty)
                #expect(letter.payload == value)
            }
        }
    }
}

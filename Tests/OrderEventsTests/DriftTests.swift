import OrderEvents
import Testing

/// Goal: a change of a channel's documents is seen; what was always so, or is data, is not told.
@Suite struct DriftTests {
    private static func look(_ table: inout DriftTable, _ text: String) -> [DriftTable.Finding] {
        let bytes = Array(text.utf8)
        return table.look(at: bytes.span)
    }

    /// A table that has seen `texts` often enough to judge.
    private static func taught(_ texts: [String], known: [String] = []) -> DriftTable {
        var table = DriftTable(known: known)
        for index in 0..<DriftTable.learningDocuments { #expect(look(&table, texts[index % texts.count]).isEmpty) }
        return table
    }

    @Test func newMembersAndOtherKindsAreFound() {
        var table = Self.taught([#"{"a":1,"b":{"c":"x"},"l":[{"q":"1"},{"q":2}],"n":null}"#])
        #expect(!table.isLearning)
        #expect(Self.look(&table, #"{"a":2,"b":{"c":"y"},"l":[]}"#).isEmpty)
        let findings = Self.look(
            &table, #"{"a":"1","b":{"c":"x","d":{"e":1}},"l":[{"q":true},{"q":false}],"n":5,"z":0}"#)
        #expect(
            findings.map { "\($0.kind.rawValue) \($0.pointer) \($0.isNew)" } == [
                "changed_type /a true", "unknown_field /b/d true", "changed_type /l/*/q true", "unknown_field /z true",
            ])
        // Counted each time, told once.
        #expect(Self.look(&table, #"{"z":0}"#).map(\.isNew) == [false])
        // Nothing but null had been seen: the first value is no change.
        #expect(Self.look(&table, #"{"n":5}"#).isEmpty)
    }

    @Test func whatTheMappingNamesIsKnownFromTheStart() throws {
        let format = ChannelFormat(name: "own", index: 0, kind: .mapped(try MappedFactsTests.mapping()))
        var table = Self.taught(["{}"], known: format.knownPlaces)
        let text = MappedFactsTests.full
        // Its values are of several kinds; its members are all mapped.
        #expect(Self.look(&table, text).allSatisfy { $0.kind == .changedType })
        let event = try Fixture.event(Fixture.full)
        var canonical = Self.taught(["{}"], known: ChannelFormat(name: "c", index: 0, kind: .canonical).knownPlaces)
        #expect(canonical.look(at: event.bytes.span.extracting(0..<event.payloadCount)).isEmpty)
    }

    @Test func namesThatAreDataAreNotTold() {
        var table = Self.taught([#"{"m":{}}"#])
        let findings = Self.look(&table, #"{"m":{"jane@example.com":1,"4711":2,"a b":3,"ok_1":4}}"#)
        #expect(findings.map(\.pointer) == ["/m/?", "/m/ok_1"])
        #expect(table.met(.changedType, at: "/items/12/qty").pointer == "/items/*/qty")
        #expect(table.met(.unmappedWord, at: "values.warehouse").isNew)
        #expect(!table.met(.unmappedWord, at: "values.warehouse").isNew)
    }

    @Test func anythingIsBounded() {
        // Documents that make up names: the table stops, and judges their unknown names no more.
        var table = DriftTable()
        for index in 0..<DriftTable.learningDocuments {
            let members = (0..<60).map { "\"k\(index * 60 + $0)\":1" }.joined(separator: ",")
            #expect(Self.look(&table, "{" + members + "}").isEmpty)
        }
        #expect(Self.look(&table, #"{"new":1}"#).isEmpty)
        // An object with very many members is a table of data.
        let wide = "{" + (0..<200).map { "\"w\($0)\":1" }.joined(separator: ",") + "}"
        var other = Self.taught([wide])
        #expect(Self.look(&other, wide.replacingOccurrence(of: "\"w199\"", with: "\"x199\"")).isEmpty)
        var told = Self.taught(["{}"])
        var new = 0
        for index in 0..<500 { new += Self.look(&told, "{\"f\(index)\":1}").filter(\.isNew).count }
        #expect(new == DriftTable.maximumTold)
    }
}

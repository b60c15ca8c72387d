import Foundation
import Testing

/// The documented list of what is called in Odoo is what the sources call, neither more nor less.
@Suite struct OdooRightsTests {
    @Test func everyCallToOdooIsInTheOperatorsDocument() throws {
        let called = Self.calls(
            in: SourceTree.sources.filter { $0.path.hasPrefix("Sources/Odoo/") }.map {
                $0.lines.joined(separator: "\n")
            }.joined(separator: "\n"))
        // The list is not empty for a wrong reason.
        #expect(called.count > 25 && called.isSuperset(of: ["sale.order/load", "account.move/action_post"]))
        let document = try #require(SourceTree.files.first { $0.path == "docs/OPERATIONS.md" })
        let told = Self.documented(in: document.lines)
        #expect(called.subtracting(told).sorted() == [], "called, and not in docs/OPERATIONS.md under Rights, Odoo")
        #expect(told.subtracting(called).sorted() == [], "in docs/OPERATIONS.md, and called by nobody")
    }

    @Test func callsAreFoundHoweverTheyAreMade() {
        let text = #"""
            OdooCall("a.one", "read", ids: [1])
            OdooCall(
                "a.two", "write", ids: ids,
            CodeLookup(model: "a.three", field: "name", codes: names)
            case .tax: "a.four"
            await load(inputs, "a.five", fields)
            try await move("a.six/action_go", picking, lane)
            "order_line/product_id/.id" "partner_id/.id" "\(model)/load" "load.refused"
            """#
        #expect(
            Self.calls(in: text) == [
                "a.one/read", "a.two/write", "a.three/search_read", "a.four/search_read", "a.five/load",
                "a.six/action_go",
            ])
    }

    /// `model/method` of every call, by the ways in which the sources name them.
    static func calls(in text: String) -> Set<String> {
        var calls = Set(text.matches(of: /OdooCall\(\s*"([a-z_.]+)",\s*"([a-z_]+)"/).map { "\($0.1)/\($0.2)" })
        calls.formUnion(text.matches(of: /"([a-z_]+(?:\.[a-z_]+)+\/[a-z_]+)"/).map { String($0.1) })
        // Codes are looked up in one way.
        calls.formUnion(text.matches(of: /model: "([a-z_.]+)"/).map { "\($0.1)/search_read" })
        calls.formUnion(text.matches(of: /case \.[a-z]+: "([a-z_]+\.[a-z_]+)"/).map { "\($0.1)/search_read" })
        calls.formUnion(text.matches(of: /load\(\s*[a-z]+, "([a-z_.]+)"/).map { "\($0.1)/load" })
        return calls
    }

    /// The same of the table under Rights, Odoo.
    static func documented(in lines: [String]) -> Set<String> {
        var calls: Set<String> = []
        let section = lines.drop { $0 != "### Odoo" }.dropFirst().prefix { !$0.hasPrefix("#") }
        for line in section {
            let cells = line.split(separator: "|").map(String.init)
            guard cells.count == 3, let model = cells[0].firstMatch(of: /^ `([a-z_.]+)` $/) else { continue }
            for method in cells[1].matches(of: /`([a-z_]+)`/) { calls.insert("\(model.1)/\(method.1)") }
        }
        return calls
    }
}

import Embedded
import Foundation
import FoundationNetworking
import Testing

/// Goal: the stand-in answers what real Odoo 19 answered.
///
/// Method: the recorded exchanges of each scenario are sent to a stand-in whose masters have the recorded ids; ids that
/// calls create are translated. Compared are status, exception, blamed rows, and the shape of every answer; never
/// texts, ids or times.
@Suite struct OdooStandInRecordingsTests {
    static let scenarios = [
        "access-errors", "auth", "business-errors", "cancel", "chatter", "create-errors", "load-blame",
        "load-companies", "load-idempotent", "load-insert-or-ignore", "load-one-bad-row", "lookup", "malformed",
        "repeat-actions", "version",
    ]

    @Test(arguments: scenarios) func answersAsRecorded(scenario: String) async throws {
        let exchanges = try Self.exchanges().filter { $0["scenario"] as? String == scenario }
        try #require(!exchanges.isEmpty)
        let standIn = try RecordedOdoo()
        defer { standIn.remove() }
        var ids: [Int: Int] = [:]
        for exchange in exchanges {
            let label = exchange["label"] as? String ?? ""
            let (status, answer) = try await standIn.send(exchange, ids)
            #expect(status == exchange["status"] as? Int, "\(scenario): \(label)")
            guard exchange["html"] as? Bool == false else { continue }
            let recorded = exchange["answer"] ?? NSNull()
            Self.learn(recorded, answer, &ids)
            let difference = Self.difference(recorded, answer, at: "")
            #expect(difference == nil, "\(scenario): \(label): \(difference ?? "")")
        }
    }

    @Test func theRecordingsCoverEveryScenarioNamedHere() throws {
        let named = Set(try Self.exchanges().compactMap { $0["scenario"] as? String })
        #expect(named == Set(Self.scenarios))
    }

    private static func exchanges() throws -> [[String: Any]] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/odoo/json2-exchanges.json")
        return try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]])
    }

    /// Pairs the ids that a call created there with those that it created here.
    private static func learn(_ recorded: Any, _ answer: Any, _ ids: inout [Int: Int]) {
        let theirs = (recorded as? [Int]) ?? ((recorded as? [String: Any])?["ids"] as? [Int]) ?? []
        let ours = (answer as? [Int]) ?? ((answer as? [String: Any])?["ids"] as? [Int]) ?? []
        for (a, b) in zip(theirs, ours) { ids[a] = b }
    }

    /// Where two answers differ in kind, or in what decides: exception names, blamed rows, states, external references.
    private static func difference(_ recorded: Any, _ answer: Any, at path: String) -> String? {
        switch (recorded, answer) {
        case (let a as [String: Any], let b as [String: Any]):
            // Members named by a record's id: of theirs here, of ours there.
            if let key = a.keys.first, Int(key) != nil { return a.count == b.count ? nil : "\(path): other count" }
            let missing = a.keys.filter { b[$0] == nil }
            if !missing.isEmpty { return "\(path): lacks \(missing.sorted())" }
            let extra = b.keys.filter { a[$0] == nil && $0 != "debug" && $0 != "moreinfo" }
            if !extra.isEmpty { return "\(path): has \(extra.sorted()) besides" }
            for (name, value) in a {
                if let found = difference(value, b[name] ?? NSNull(), at: "\(path)/\(name)") { return found }
            }
            return nil
        case (let a as [Any], let b as [Any]):
            let isRows = a.contains { $0 is [String: Any] } || b.contains { $0 is [String: Any] }
            if isRows && a.count != b.count { return "\(path): \(b.count) instead of \(a.count)" }
            for (index, pair) in zip(a, b).enumerated() {
                if let found = difference(pair.0, pair.1, at: "\(path)/\(index)") { return found }
            }
            return nil
        case (let a as String, let b as String):
            let decides = ["name", "state", "client_order_ref", "field", "type", "ref", "default_code", "code"]
            let word = path.split(separator: "/").last.map(String.init) ?? ""
            let isException = path == "/name" && a.contains("exceptions.") || a.contains("psycopg2")
            let compared = decides.contains(word) && (word != "name" || isException)
            return compared && a != b ? "\(path): \(b) instead of \(a)" : nil
        case (let a as NSNumber, let b as NSNumber):
            let word = path.split(separator: "/").last.map(String.init) ?? ""
            let decides = ["record", "from", "to", "amount_total"].contains(word)
            return decides && a.doubleValue != b.doubleValue ? "\(path): \(b) instead of \(a)" : nil
        case (is NSNull, is NSNull): return nil
        default: return "\(path): \(type(of: answer)) instead of \(type(of: recorded))"
        }
    }
}

/// A stand-in with the masters of the recorded database, at their recorded ids.
final class RecordedOdoo: Sendable {
    let standIn: OdooStandIn
    private let folder: String
    private let session = URLSession(configuration: .ephemeral)

    init() throws {
        folder = NSTemporaryDirectory() + "stand-in-\(UUID().uuidString)"
        standIn = try OdooStandIn(Self.settings(folder: folder))
        standIn.start()
    }

    func remove() {
        standIn.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func settings(folder: String) -> OdooStandInSettings {
        typealias Master = OdooStandInSettings.Master
        func numbered(_ prefix: String, _ numbers: ClosedRange<Int>) -> [Master] {
            numbers.map { number in
                let digits = String(repeating: "0", count: 4 - String(number).count) + String(number)
                return Master(code: prefix + digits, name: "\(prefix)\(digits) name")
            }
        }
        let products =
            [Master(code: "SHIPPING", name: "Shipping")] + numbered("SKU-", 1...20)
            + [
                Master(code: "SKU-SCARCE", name: "Scarce"), Master(code: "SKU-NOSTOCK", name: "No stock"),
                Master(code: "SVC-GIFT", name: "Gift"), Master(code: "SKU-DEONLY", name: "DE", company: "ACME-DE"),
                Master(code: "SKU-FRONLY", name: "FR", company: "ACME-FR"),
            ]
        let partners =
            numbered("OWN-", 1...6) + numbered("CUST-", 1...60)
            + [
                Master(code: "CUST-DEONLY", name: "DE", company: "ACME-DE"),
                Master(code: "CUST-FRONLY", name: "FR", company: "ACME-FR"),
            ]
        return OdooStandInSettings(
            database: "wire19", folder: folder, companies: ["ACME-DE", "ACME-FR"],
            warehouses: [
                .init(code: "DEBER", name: "DE Berlin", company: "ACME-DE"),
                .init(code: "DEHAM", name: "DE Hamburg", company: "ACME-DE"),
                .init(code: "FRPAR", name: "FR Paris", company: "ACME-FR"),
                .init(code: "FRLYO", name: "FR Lyon", company: "ACME-FR"),
            ],
            products: products, partners: partners,
            taxes: ["ACME-DE", "ACME-FR"].flatMap { company in
                [
                    .init(name: "15%", amount: 15, company: company),
                    .init(name: "0% Exports", amount: 0, company: company),
                ]
            },
            carriers: [
                Master(code: "", name: "Standard delivery"), Master(code: "", name: "Standard shipping"),
            ],
            users: [.init(key: "FAKEKEY-API")])
    }

    /// Sends a recorded request with its order ids translated; gives status and parsed answer.
    func send(_ exchange: [String: Any], _ ids: [Int: Int]) async throws -> (Int, Any) {
        let path = try #require(exchange["path"] as? String)
        var request = URLRequest(url: try #require(URL(string: standIn.url + path)))
        request.httpMethod = exchange["method"] as? String
        for (name, value) in exchange["headers"] as? [String: String] ?? [:] {
            request.setValue(value, forHTTPHeaderField: name)
        }
        if let raw = exchange["body_raw"] as? String {
            request.httpBody = Data(raw.utf8)
        } else if request.httpMethod != "GET", var body = exchange["body"] as? [String: Any] {
            if let given = body["ids"] as? [Int] { body["ids"] = given.map { ids[$0] ?? $0 } }
            body["domain"] = (body["domain"] as? [Any]).map { $0.map { Self.translated($0, ids) } }
            request.httpBody = try JSONSerialization.data(withJSONObject: body)
        }
        let (data, response) = try await session.data(for: request)
        let status = try #require(response as? HTTPURLResponse).statusCode
        return (status, (try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)) ?? data)
    }

    private static func translated(_ term: Any, _ ids: [Int: Int]) -> Any {
        guard let parts = term as? [Any], parts.count == 3, let field = parts[0] as? String,
            field == "id" || field == "res_id"
        else { return term }
        if let id = parts[2] as? Int { return [field, parts[1], ids[id] ?? id] }
        if let list = parts[2] as? [Int] { return [field, parts[1], list.map { ids[$0] ?? $0 }] }
        return term
    }
}

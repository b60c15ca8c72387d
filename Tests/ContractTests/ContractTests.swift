import Embedded
import Foundation
import Odoo
import Testing

/// Goal: the stand-in says what real Odoo servers said, and no where they said no; and so does the server that
/// `SLUICE_ODOO_URL` names.
///
/// Method: recorded calls go out through the client. Compared is what decides: exception names, states, quantities,
/// which records. Masters are named by their codes, what a scenario creates by a number of its own; ids are never
/// compared. `scripts/odoo-contract.py` makes the fixture.
@Suite(.serialized) struct ContractTests {
    /// Recorded against 18 over `/jsonrpc`, against 19 over `/json/2`.
    @Test(arguments: Contract.all) func theStandInKeepsTheContract(contract: Contract) async throws {
        let standIn = try ContractOdoo(release: contract.release)
        defer { standIn.remove() }
        try await ContractRun(contract, standIn.api).run()
    }

    @Test(
        .enabled(if: RealOdoo.settings != nil, "needs SLUICE_ODOO_URL, _DATABASE, _LOGIN and _KEY"),
        arguments: Contract.all)
    func aRealServerKeepsTheContract(contract: Contract) async throws {
        let api = try #require(RealOdoo.api)
        // What was recorded of the other release is no promise of this one.
        guard try await RealOdoo.release(api) >= 19 ? contract.release >= 19 : contract.release < 19 else { return }
        try await ContractRun(contract, api).run()
    }

    @Test func everyMethodThatTheClientCallsIsInTheContract() {
        let called = Set(Contract.all.flatMap(\.steps).map { "\($0.model)/\($0.method)" })
        for operation in [
            "sale.order/load", "sale.order/read", "sale.order/write", "sale.order/action_confirm",
            "sale.order/action_cancel", "sale.order/action_lock", "sale.order/action_unlock", "sale.order/message_post",
            "stock.picking/write", "stock.picking/button_validate", "stock.picking/action_assign",
            "stock.picking/do_unreserve", "stock.move/search_read", "sale.advance.payment.inv/create",
            "sale.advance.payment.inv/create_invoices", "account.move/action_post", "account.move/read",
            "crm.tag/create",
        ] { #expect(called.contains(operation), "\(operation)") }
    }
}

/// One scenario of the fixture.
struct Contract: Decodable, Sendable, CustomTestStringConvertible {
    struct Step: Decodable, Sendable {
        var label: String
        var model: String
        var method: String
        var ids: [OdooValue]?
        var arguments: [String: OdooValue]?
        var context: [String: OdooValue]?
        var answer: OdooValue?
        var failure: String?
    }

    var release: Int
    var name: String
    var steps: [Step]

    var testDescription: String { "\(release) \(name)" }

    static let all: [Contract] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/odoo/contract.json")
        guard let data = try? Data(contentsOf: file) else { return [] }
        return (try? JSONDecoder().decode([Contract].self, from: data)) ?? []
    }()
}

/// A scenario, sent to a server.
struct ContractRun {
    private let contract: Contract
    private let api: any OdooAPI
    /// Makes references of orders, and external ids, those of this run.
    private let mark = UUID().uuidString.prefix(8)
    private var known: [String: Int] = [:]

    init(_ contract: Contract, _ api: any OdooAPI) {
        self.contract = contract
        self.api = api
    }

    func run() async throws {
        try #require(!contract.steps.isEmpty)
        var run = self
        for (number, step) in contract.steps.enumerated() { try await run.take(step, number) }
    }

    private mutating func take(_ step: Contract.Step, _ number: Int) async throws {
        let place = Comment(rawValue: "\(contract.release) \(contract.name), step \(number): \(step.label)")
        let ids = try await known(step.ids.map(OdooValue.list))?.asList?.compactMap(\.asInteger)
        var arguments = step.arguments ?? [:]
        let data = arguments.removeValue(forKey: "data")?.asList
        arguments = try await members(arguments)
        if let data {
            // The cells of `load` are texts, its ids too.
            var rows: [OdooValue] = []
            for row in data { rows.append(try await cells(row.asList ?? [])) }
            arguments["data"] = .list(rows)
        }
        let call = OdooCall(
            step.model, step.method, ids: ids, arguments: arguments, context: try await members(step.context ?? [:]))
        do throws(OdooFailure) {
            let answer = try await api.call(call)
            guard step.failure == nil else {
                Issue.record("\(place): \(step.failure ?? "") is missing")
                return
            }
            let difference = compare(step.answer ?? .null, answer, "")
            #expect(difference == nil, "\(place): \(difference ?? "")")
        } catch {
            #expect(error.name == step.failure, "\(place): \(error)")
        }
    }

    // MARK: Names

    private mutating func members(_ values: [String: OdooValue]) async throws -> [String: OdooValue] {
        var out: [String: OdooValue] = [:]
        for (name, value) in values { out[name] = try await known(value) }
        return out
    }

    /// `value` with this server's ids for names.
    private mutating func known(_ value: OdooValue?) async throws -> OdooValue? {
        switch value {
        case .text(let text) where text.hasPrefix("$"): return .integer(try await id(text))
        case .list(let elements):
            var out: [OdooValue] = []
            for element in elements { if let one = try await known(element) { out.append(one) } }
            return .list(out)
        case .object(let members): return .object(try await self.members(members))
        case .text(let text): return .text(marked(text))
        default: return value
        }
    }

    /// A row of a `load`.
    private mutating func cells(_ row: [OdooValue]) async throws -> OdooValue {
        var out: [OdooValue] = []
        for cell in row {
            guard let text = cell.asText, text.hasPrefix("$") else {
                out.append(.text(marked(cell.asText ?? "")))
                continue
            }
            out.append(.text(String(try await id(text))))
        }
        return .list(out)
    }

    /// External ids and references of orders belong to this run.
    private func marked(_ text: String) -> String {
        text.hasPrefix("sluice.order_") ? "sluice.order_\(mark)_" + text.dropFirst("sluice.order_".count) : text
    }

    private mutating func id(_ name: String) async throws -> Int {
        if let id = known[name] { return id }
        let parts = name.dropFirst().split(separator: ":", maxSplits: 1).map(String.init)
        try #require(parts.count == 2 && parts[0] != "new", "\(contract.name): \(name) was not created")
        let fields = [
            "res.partner": "ref", "product.product": "default_code", "stock.warehouse": "code", "res.company": "name",
            "delivery.carrier": "name",
        ]
        let field = try #require(fields[parts[0]])
        let rows = try await api.call(
            OdooCall(
                parts[0], "search_read",
                arguments: ["domain": [[.text(field), "=", .text(parts[1])]], "fields": [.text(field)], "limit": 2]))
        let id = try #require(rows.asList?.first?["id"]?.asInteger, "this Odoo has no \(name)")
        known[name] = id
        return id
    }

    // MARK: Comparing

    /// Where `answer` differs from what was recorded; nil: nowhere.
    private mutating func compare(_ recorded: OdooValue, _ answer: OdooValue, _ path: String) -> String? {
        switch recorded {
        case .text(let name) where name.hasPrefix("$"):
            guard let id = answer.asRecordID else { return "\(path): \(answer) is no record" }
            if let other = known[name] { return other == id ? nil : "\(path): another record than \(name)" }
            if name.hasPrefix("$new:") { known[name] = id }
            return nil
        case .object(let members):
            if let window = members["window"] {
                return answer.isWindowAction && answer["res_model"] == window ? nil : "\(path): no window \(window)"
            }
            if let blamed = members["blamed"] {
                let found = Set((answer["messages"]?.asList ?? []).compactMap { $0["record"]?.asInteger })
                if found.sorted().map(OdooValue.integer) != blamed.asList {
                    return "\(path): blames \(found.sorted()) instead of \(blamed): \(answer)"
                }
                return compare(members["ids"] ?? false, answer["ids"] ?? false, path + "/ids")
            }
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                guard let other = answer[name] else { return "\(path): lacks \(name)" }
                if name == "backorder_id" {
                    if (value == true) != (other.asRecordID != nil) { return "\(path)/backorder_id: \(other)" }
                } else if let found = compare(value, other, "\(path)/\(name)") {
                    return found
                }
            }
            return nil
        case .list(let elements):
            // One record is answered as its number by one protocol, as a list by the other.
            if elements.count == 1, answer.asInteger != nil { return compare(elements[0], answer, path) }
            guard let others = answer.asList, others.count == elements.count else {
                return "\(path): \(answer) instead of \(elements.count)"
            }
            for (index, pair) in zip(elements, others).enumerated() {
                if let found = compare(pair.0, pair.1, "\(path)/\(index)") { return found }
            }
            return nil
        case .integer(let number): return answer.asNumber == Double(number) ? nil : "\(path): \(answer)"
        case .number(let number): return answer.asNumber == number ? nil : "\(path): \(answer)"
        default: return recorded == answer ? nil : "\(path): \(answer) instead of \(recorded)"
        }
    }
}

extension OdooValue {
    fileprivate var asNumber: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

/// The server of `SLUICE_ODOO_URL`, `_DATABASE`, `_LOGIN` and `_KEY`.
enum RealOdoo {
    static let settings: [String]? = {
        let variables = ProcessInfo.processInfo.environment
        let values = ["URL", "DATABASE", "LOGIN", "KEY"].compactMap { variables["SLUICE_ODOO_\($0)"] }
        return values.count == 4 && values.allSatisfy { !$0.isEmpty } ? values : nil
    }()

    static let api: (any OdooAPI)? = settings.map {
        OdooInterface.auto.api(url: $0[0], database: $0[1], login: $0[2], key: $0[3], exchange: HTTPExchange())
    }

    static func release(_ api: any OdooAPI) async throws -> Int {
        DetectedAPI.major(try await api.version()) ?? 0
    }
}

/// A stand-in with the masters that the recorded databases had.
final class ContractOdoo: Sendable {
    private let standIn: OdooStandIn
    private let folder = NSTemporaryDirectory() + "contract-\(UUID().uuidString)"
    let api: any OdooAPI

    init(release: Int) throws {
        typealias Master = OdooStandInSettings.Master
        var settings = OdooStandInSettings(
            folder: folder, companies: ["ACME-DE", "ACME-FR"],
            warehouses: [
                .init(code: "DEBER", name: "DE Berlin", company: "ACME-DE"),
                .init(code: "DEHAM", name: "DE Hamburg", company: "ACME-DE"),
                .init(code: "FRPAR", name: "FR Paris", company: "ACME-FR"),
            ],
            products: (1...5).map { Master(code: "SKU-000\($0)", name: "Widget") } + [
                Master(code: "SKU-SCARCE", name: "Scarce", stock: 5),
                Master(code: "SKU-NOSTOCK", name: "None", stock: 0),
            ],
            partners: [Master(code: "CUST-0001", name: "A. Customer")],
            carriers: [Master(code: "", name: "Standard shipping")], users: [.init(key: "KEY")])
        settings.release = release
        standIn = try OdooStandIn(settings)
        standIn.start()
        let interface: OdooInterface = release < 19 ? .jsonrpc : .json2
        api = interface.api(url: standIn.url, database: "standin", login: "api", key: "KEY", exchange: HTTPExchange())
    }

    func remove() {
        standIn.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

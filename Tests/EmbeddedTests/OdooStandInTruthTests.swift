import Foundation
import FoundationNetworking
import Testing

@testable import Embedded

/// Goal: what the stand-in answered stays true: over restarts, torn journals, lost and late answers.
@Suite struct OdooStandInTruthTests {
    @Test func aRestartKeepsEverythingThatWasAnswered() async throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var standIn = try Self.start(folder)
        let first = try await Self.load(standIn, "T-1")
        #expect(try await Self.call(standIn, "action_confirm", "{\"ids\":[\(first)]}").0 == 200)
        #expect(
            try await Self.call(
                standIn, "message_post", "{\"ids\":[\(first)],\"body\":\"x\",\"message_type\":\"comment\"}"
            ).0 == 200)
        let before = standIn.ordersJSON()
        standIn.stop()
        standIn = try Self.start(folder)
        #expect(standIn.ordersJSON() == before)
        #expect(try await Self.load(standIn, "T-1") == first)
        #expect(try await Self.load(standIn, "T-2") > first)
        standIn.stop()
    }

    /// Every prefix of the journal is what a crash may leave: it opens, with whole transactions only.
    @Test func aJournalTornAtAnyByteOpensWithWholeTransactions() async throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let standIn = try Self.start(folder)
        for number in 1...3 { _ = try await Self.load(standIn, "T-\(number)") }
        standIn.stop()
        let path = folder + "/odoo-stand-in.journal"
        let whole = try #require(FileManager.default.contents(atPath: path))
        for length in stride(from: 0, through: whole.count, by: 7) {
            try Data(whole.prefix(length)).write(to: URL(filePath: path))
            let desk = try StandInDesk(Self.settings(folder))
            let orders = try #require(desk.orders().asList)
            #expect(orders.count == whole.prefix(length).count { $0 == 0x0A }, "at byte \(length)")
            #expect(orders.allSatisfy { $0["lines"]?.asList?.count == 1 && $0["external_id"]?.asText != nil })
        }
    }

    @Test func damageInTheMiddleIsRefusedAndNotOverwritten() async throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let standIn = try Self.start(folder)
        for number in 1...2 { _ = try await Self.load(standIn, "T-\(number)") }
        standIn.stop()
        let path = folder + "/odoo-stand-in.journal"
        var bytes = try #require(FileManager.default.contents(atPath: path))
        bytes[10] = 0x21
        try bytes.write(to: URL(filePath: path))
        #expect(throws: OdooStandInError.self) { try StandInDesk(Self.settings(folder)) }
        #expect(FileManager.default.contents(atPath: path) == bytes)
    }

    @Test func aLostAnswerIsWorkDoneAndADroppedOneIsNot() async throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let standIn = try Self.start(folder)
        defer { standIn.stop() }
        try standIn.instruct(#"{"faults":[{"kind":"lose_answer","next":1},{"kind":"drop","next":1}]}"#)
        await #expect(throws: URLError.self) { try await Self.load(standIn, "LOST") }
        await #expect(throws: URLError.self) { try await Self.load(standIn, "DROPPED") }
        #expect(standIn.ordersJSON().contains("\"client_order_ref\":\"LOST\""))
        #expect(!standIn.ordersJSON().contains("DROPPED"))
        // The rules are used up.
        #expect(try await Self.load(standIn, "DROPPED") > 0)
    }

    /// Also the call that waits for a worker meanwhile.
    @Test func whatHangsEndsAsSoonAsOtherFaultsAreTold() async throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = Self.settings(folder)
        settings.workers = 1
        let standIn = try OdooStandIn(settings)
        standIn.start()
        defer { standIn.stop() }
        try standIn.instruct(#"{"faults":[{"kind":"slow","milliseconds":3600000}]}"#)
        let calls = (0..<2).map { number in Task { try await Self.load(standIn, "HUNG-\(number)") } }
        while standIn.calls()["sale.order/load"] != 2 { await Task.yield() }
        #expect(standIn.ordersJSON() == "[]")
        try standIn.instruct("{}")
        for call in calls { #expect(try await call.value > 0) }
        #expect(try await Self.load(standIn, "AFTER") > 0)
    }

    @Test func aToldFailureHasItsStatusAndName() async throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let standIn = try Self.start(folder)
        defer { standIn.stop() }
        try standIn.instruct(
            #"{"faults":[{"kind":"fail","method":"sale.order/load","next":1,"status":409,"name":"odoo.exceptions.LockError"}]}"#
        )
        let (status, body) = try await Self.call(standIn, "load", #"{"fields":["id"],"data":[["sluice.x"]]}"#)
        #expect(status == 409)
        #expect(
            (try JSONSerialization.jsonObject(with: body) as? [String: Any])?["name"] as? String
                == "odoo.exceptions.LockError")
    }

    @Test func badInstructionsChangeNothing() throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let standIn = try Self.start(folder)
        defer { standIn.stop() }
        for text in ["", "[]", #"{"faults":[{"kind":"no_such"}]}"#, #"{"faults":{}}"#] {
            #expect(throws: OdooStandInError.self) { try standIn.instruct(text) }
        }
    }

    /// Goal: a share of 5 % is 5 %, and the same seed gives the same calls.
    @Test func sharesAreKeptAndSeeded() {
        func met(_ seed: UInt64) -> [Bool] {
            var plan = StandInFaultPlan(seed: seed)
            plan.replace([StandInFault(kind: .drop, share: 0.05)])
            return (0..<20_000).map { _ in plan.meet("sale.order/load") != nil }
        }
        let count = met(1).count { $0 }
        #expect(count > 800 && count < 1200)
        #expect(met(1) == met(1) && met(1) != met(2))
    }

    @Test func recordedLatencyFollowsTheMeasurements() {
        let profile = StandInLatency.recorded(dividedBy: 1)
        #expect((80...110).contains(profile.milliseconds("sale.order/load", records: 1)))
        #expect((800...1000).contains(profile.milliseconds("sale.order/load", records: 50)))
        #expect((140...200).contains(profile.milliseconds("sale.order/action_confirm", records: 1)))
        let twentieth = StandInLatency.recorded(dividedBy: 20).milliseconds("sale.order/load", records: 50)
        #expect(twentieth == profile.milliseconds("sale.order/load", records: 50) / 20)
    }

    private static func folder() -> String { NSTemporaryDirectory() + "truth-\(UUID().uuidString)" }

    private static func settings(_ folder: String) -> OdooStandInSettings {
        OdooStandInSettings(
            folder: folder, companies: ["A"], warehouses: [.init(code: "W", name: "W", company: "A")],
            products: [.init(code: "P", name: "P")], partners: [.init(code: "C", name: "C")], users: [.init(key: "KEY")]
        )
    }

    private static func start(_ folder: String) throws -> OdooStandIn {
        let standIn = try OdooStandIn(settings(folder))
        standIn.start()
        return standIn
    }

    private static func call(_ standIn: OdooStandIn, _ method: String, _ body: String) async throws -> (Int, Data) {
        var request = URLRequest(url: try #require(URL(string: "\(standIn.url)/json/2/sale.order/\(method)")))
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("bearer KEY", forHTTPHeaderField: "Authorization")
        request.httpBody = Data(body.utf8)
        let (data, response) = try await URLSession(configuration: .ephemeral).data(for: request)
        return (try #require(response as? HTTPURLResponse).statusCode, data)
    }

    private static func load(_ standIn: OdooStandIn, _ ref: String) async throws -> Int {
        let (_, data) = try await call(
            standIn, "load",
            """
            {"fields":["id","client_order_ref","company_id/.id","partner_id/.id","order_line/id","order_line/product_id/.id"],
            "data":[["sluice.order_\(ref)","\(ref)","1","1","sluice.order_\(ref)_l1","1"]],
            "context":{"mode":"update","noupdate":true}}
            """)
        let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        return try #require((answer?["ids"] as? [Int])?.first)
    }
}

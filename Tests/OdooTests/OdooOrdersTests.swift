import Embedded
import Foundation
import Synchronization
import Testing

@testable import Odoo

/// Goal: what Sluice does in Odoo is done once, whatever is repeated, lost or raced.
///
/// Against the stand-in over HTTP.
@Suite struct OdooOrdersTests {
    @Test func anOrderIsCreatedWithItsLinesAndFoundAgain() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        let id = try await orders.create(odoo.draft("A/1"))
        #expect(try await orders.create(odoo.draft("A/1")) == id)
        #expect(try await orders.find(legalEntity: "ACME-DE", orderRef: "A/1") == id)
        #expect(try await orders.find(legalEntity: "ACME-DE", orderRef: "A/2") == nil)
        let all = try odoo.all()
        #expect(all.count == 1)
        let order = try #require(all.first)
        #expect(order["external_id"] as? String == "sluice.order_ACME-DE__A_2f1")
        #expect(order["client_order_ref"] as? String == "A/1" && order["company"] as? String == "ACME DE GmbH")
        #expect(order["warehouse"] as? String == "BER1" && order["state"] as? String == "draft")
        let lines = try #require(order["lines"] as? [[String: Any]])
        #expect(lines.map { $0["product"] as? String } == ["SKU-1", "SKU-2"])
        #expect(lines.map { $0["quantity"] as? String } == ["2", "0.5"])
        #expect(lines.map { $0["price_unit"] as? String } == ["12.50", "3"])
    }

    /// What is gathered at about the same time depends on the machine; what goes together is sought here.
    @Test func manyAreSoughtInTwoCallsAndThoseThatAreNotThereAreSaid() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        let there = try await orders.create(odoo.draft("THERE"))
        let context = try await orders.companyContext()
        let sought = (0..<30).map { number in
            let ref = number % 3 == 0 ? "THERE" : "GONE-\(number)"
            return OrderSought(identity: ExternalID.order(legalEntity: "ACME-DE", orderRef: ref), context: context)
        }
        let before = odoo.standIn.calls()["sale.order/load", default: 0]
        let found = await OdooBatches.find(sought, odoo.api())
        #expect(found == (0..<30).map { .success($0 % 3 == 0 ? there : nil) })
        // The first one says which are missing, the second one looks for the others.
        #expect(odoo.standIn.calls()["sale.order/load", default: 0] == before + 2)
        #expect(try odoo.all().count == 1)
    }

    @Test func aHundredCreatesOfOneOrderAtOnceMakeOne() async throws {
        let odoo = try TestOdoo(workers: 4, latency: .fixed(milliseconds: 2))
        defer { odoo.remove() }
        let clients = [odoo.orders(), odoo.orders()]
        let ids = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<100 {
                group.addTask {
                    for _ in 0..<200 {
                        do throws(OrderFailure) {
                            return try await clients[number % 2].create(odoo.draft("RACE"))
                        } catch .call(let failure) where failure.kind == .retry {
                            continue
                        } catch {
                            return nil
                        }
                    }
                    return nil
                }
            }
            var ids: [Int?] = []
            for await id in group { ids.append(id) }
            return ids
        }
        #expect(ids.count == 100 && Set(ids).count == 1 && ids.first != .some(nil))
        #expect(try odoo.all().count == 1)
        #expect(try odoo.partners("NEW-1") == 1)
    }

    @Test func aLostAnswerOfACreationIsFoundByLooking() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        _ = try await orders.create(odoo.draft("WARM"))
        try odoo.standIn.instruct(#"{"faults":[{"kind":"lose_answer","method":"sale.order/load","next":1}]}"#)
        #expect(await Self.kind { _ = try await orders.create(odoo.draft("LOST")) } == .unknown)
        let id = try await orders.find(legalEntity: "ACME-DE", orderRef: "LOST")
        #expect(try await orders.create(odoo.draft("LOST")) == id)
        #expect(try odoo.all().count == 2)
    }

    @Test func missingReferencesAreTheOrdersFault() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        var draft = odoo.draft("M1")
        draft.lines[1].sku = "SKU-NOPE"
        #expect(
            await Self.reference { _ = try await orders.create(draft) }
                == MissingReference(kind: .product, codes: ["SKU-NOPE"], ambiguous: false))
        draft = odoo.draft("M2")
        draft.warehouse = "PAR1"
        #expect(
            await Self.reference { _ = try await orders.create(draft) }
                == MissingReference(kind: .warehouse, codes: ["PAR1"], ambiguous: false))
        draft = odoo.draft("M3")
        draft.lines[0].sku = "TWIN"
        #expect(await Self.reference { _ = try await orders.create(draft) }?.ambiguous == true)
        draft = odoo.draft("M4")
        draft.lines[0].sku = "FR-ONLY"
        #expect(await Self.reference { _ = try await orders.create(draft) }?.codes == ["FR-ONLY"])
        #expect(try odoo.all().isEmpty)
    }

    @Test func credentialsDatabaseAndCompanyStopTheDestination() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        for (orders, kind) in [
            (odoo.orders(key: "WRONG"), OdooFailure.Kind.credentials),
            (odoo.orders(database: "other"), .configuration),
            (odoo.orders(company: "NOBODY"), .configuration),
        ] {
            #expect(await Self.kind { _ = try await orders.create(odoo.draft("X")) } == kind)
        }
        // A user of one company does not even see the other.
        let french = odoo.orders(key: "KEY-FR")
        #expect(await Self.kind { _ = try await french.create(odoo.draft("X")) } == .configuration)
        #expect(try odoo.all().isEmpty)
    }

    @Test func confirmingTwiceConfirmsOnce() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        let id = try await orders.create(odoo.draft("C1"))
        try await orders.confirm(id, known: .draft)
        try await orders.confirm(id)
        // Believed a quotation, confirmed meanwhile: Odoo refuses, and looking shows that it is done.
        try await orders.confirm(id, known: .draft)
        #expect(odoo.standIn.calls()["sale.order/action_confirm"] == 2)
        #expect(try odoo.state("C1") == "sale")
    }

    @Test func lostAnswersOfConfirmAndCancelAreResolvedByReading() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        let id = try await orders.create(odoo.draft("C2"))
        try odoo.standIn.instruct(
            #"{"faults":[{"kind":"lose_answer","method":"sale.order/action_confirm","next":1},"#
                + #"{"kind":"lose_answer","method":"sale.order/action_cancel","next":1}]}"#)
        try await orders.confirm(id)
        #expect(try odoo.state("C2") == "sale")
        try await orders.cancel(id)
        #expect(try odoo.state("C2") == "cancel")
        #expect(odoo.standIn.calls()["sale.order/action_confirm"] == 1)
        #expect(odoo.standIn.calls()["sale.order/action_cancel"] == 1)
    }

    @Test func aLockedOrderIsUnlockedToBeCancelledAndACancelledOneStays() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        let id = try await orders.create(odoo.draft("C3"))
        try await orders.confirm(id)
        _ = try await odoo.api().call(OdooCall("sale.order", "action_lock", ids: [id]))
        try await orders.cancel(id)
        try await orders.cancel(id)
        #expect(try odoo.state("C3") == "cancel")
        #expect(odoo.standIn.calls()["sale.order/action_cancel"] == 1)
        // A person's word stands: what is cancelled there is not confirmed.
        do throws(OrderFailure) {
            try await orders.confirm(id)
            Issue.record("confirmed")
        } catch {
            #expect(error == .contradicted(.cancelledThere))
        }
    }

    @Test func notesAreInternalEscapedAndFoundByTheirMark() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        let id = try await orders.create(odoo.draft("N1"))
        try await orders.note(id, lines: ["a <b> & c [mark:1]", "second"])
        let notes = try await orders.notes(id, containing: "mark:")
        #expect(notes == ["<p>a &lt;b&gt; &amp; c [mark:1]<br/>second</p>"])
        #expect(try await orders.notes(id, containing: "mark:2").isEmpty)
    }

    @Test func anIdThatWasRememberedAndIsGoneIsLookedUpAnew() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let once = Mutex(true)
        let api = WatchedAPI(
            odoo.api(),
            before: { (call: OdooCall) async throws(OdooFailure) in
                let isFirst = once.withLock { first in
                    defer { if call.operation == "sale.order/load" { first = false } }
                    return first && call.operation == "sale.order/load"
                }
                if isFirst {
                    throw OdooFailure(.missing, name: "odoo.exceptions.MissingError", reason: "", operation: "x")
                }
            }, after: { _ in })
        let orders = OdooOrders(api: api, company: "ACME DE GmbH")
        _ = try await orders.create(odoo.draft("S1"))
        #expect(odoo.standIn.calls()["product.product/search_read"] == 2)
        #expect(try odoo.all().count == 1)
    }

    @Test func theVersionNeedsNoKey() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        #expect(try await odoo.api(key: "WRONG").version().hasPrefix("19."))
    }

    private static func kind(_ body: () async throws -> Void) async -> OdooFailure.Kind? {
        do {
            try await body()
            return nil
        } catch {
            guard case .call(let failure) = error as? OrderFailure else { return nil }
            return failure.kind
        }
    }

    private static func reference(_ body: () async throws -> Void) async -> MissingReference? {
        do {
            try await body()
            return nil
        } catch {
            guard case .reference(let missing) = error as? OrderFailure else { return nil }
            return missing
        }
    }
}

/// A stand-in with two companies, and clients for it.
final class TestOdoo: Sendable {
    let standIn: OdooStandIn
    private let folder = NSTemporaryDirectory() + "odoo-\(UUID().uuidString)"
    private let exchange = HTTPExchange()

    init(workers: Int = 2, latency: StandInLatency = .none, twins: Int = 2, release: Int = 19) throws {
        var settings = OdooStandInSettings(
            folder: folder, companies: ["ACME DE GmbH", "ACME FR SARL"],
            warehouses: [
                .init(code: "BER1", name: "Berlin", company: "ACME DE GmbH"),
                .init(code: "PAR1", name: "Paris", company: "ACME FR SARL"),
            ],
            products: [
                .init(code: "SKU-1", name: "One"), .init(code: "FR-ONLY", name: "F", company: "ACME FR SARL"),
            ] + Array(repeating: .init(code: "TWIN", name: "Twin"), count: twins)
                + [.init(code: "SKU-2", name: "Two")],
            partners: [
                .init(code: "C-1", name: "A. Customer"), .init(code: "C-FR", name: "F", company: "ACME FR SARL"),
                .init(code: "C-2", name: "Shared"), .init(code: "C-2", name: "Own", company: "ACME DE GmbH"),
            ],
            taxes: [
                .init(name: "19% S", amount: 19, company: "ACME DE GmbH"),
                .init(name: "20% S", amount: 20, company: "ACME FR SARL"),
            ],
            carriers: [.init(code: "", name: "DHL")],
            users: [.init(key: "KEY"), .init(key: "KEY-FR", companies: ["ACME FR SARL"])], workers: workers,
            latency: latency)
        settings.release = release
        standIn = try OdooStandIn(settings)
        standIn.start()
    }

    func remove() {
        standIn.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func api(key: String = "KEY", database: String = "standin") -> JSON2API {
        JSON2API(url: standIn.url, database: database, key: key, deadline: .seconds(120), exchange: exchange)
    }

    func rpc(key: String = "KEY", database: String = "standin") -> JSONRPCAPI {
        JSONRPCAPI(
            url: standIn.url, database: database, login: "api", key: key, deadline: .seconds(120), exchange: exchange)
    }

    func orders(
        key: String = "KEY", database: String = "standin", company: String = "ACME DE GmbH",
        linger: Duration = OdooOrders.defaultLinger
    ) -> OdooOrders {
        OdooOrders(api: api(key: key, database: database), company: company, linger: linger)
    }

    func draft(_ ref: String) -> OrderDraft {
        OrderDraft(
            legalEntity: "ACME-DE", orderRef: ref, warehouse: "BER1", customerRef: "NEW-1", customerName: "New",
            lines: [
                .init(sku: "SKU-1", quantity: "2", unitPrice: "12.50"),
                .init(sku: "SKU-2", quantity: "0.5", unitPrice: "3"),
            ])
    }

    func all() throws -> [[String: Any]] {
        let json = try JSONSerialization.jsonObject(with: Data(standIn.ordersJSON().utf8))
        return try #require(json as? [[String: Any]])
    }

    func state(_ ref: String) throws -> String? {
        try all().first { $0["client_order_ref"] as? String == ref }?["state"] as? String
    }

    func partners(_ ref: String) throws -> Int {
        let url = try #require(URL(string: standIn.url + "/stand-in/partners"))
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
        return (json as? [[String: Any]])?.count { $0["ref"] as? String == ref } ?? 0
    }
}

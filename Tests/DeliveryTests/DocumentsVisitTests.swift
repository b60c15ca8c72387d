import Embedded
import Foundation
import Odoo
import OrderEvents
import Testing

@testable import Delivery

/// Goal: Odoo's documents tell an order's whole life as it was.
///
/// Method: visits of the stand-in; what it has is read back.
@Suite struct DocumentsVisitTests {
    private static let company = "ACME DE GmbH"

    private func life(_ ref: String) -> DeliveryOrder {
        var order = PlanTests.order(.validated, [.received, .validated])
        order.orderRef = ref
        order.lines = [.init(line: "1", sku: "SKU-1", quantity: "3", unitPrice: "2")]
        return order
    }

    private func reach(_ order: inout DeliveryOrder, _ states: CanonicalState...) {
        for state in states {
            order.version += 1
            order.state = state
            order.reached.append(.init(state, at: Timestamp(microseconds: order.version)))
        }
    }

    private func ship(_ order: inout DeliveryOrder, _ ref: String, _ amount: Int, _ tracking: String = "") {
        order.facts.shipments.append(
            .init(
                ref: ref, carrier: "DHL", tracking: tracking,
                amounts: [.init(sku: "SKU-1", quantity: amount * 1_000_000)]))
    }

    private func visit(
        _ order: DeliveryOrder, _ delivered: inout DeliveredState, _ odoo: OdooOrders,
        _ documents: OdooDocuments = .all
    ) async -> DeliveryResult {
        let result = await OrderDelivery(createAt: .validated, documents: documents)
            .deliver(order, delivered, via: odoo, now: Timestamp(microseconds: 0))
        delivered = result.delivered
        return result
    }

    private func found(_ ref: String, _ server: VisitedOdoo) throws -> [String: Any] {
        let all = try server.orders().filter { $0["client_order_ref"] as? String == ref }
        #expect(all.count == 1)
        return try #require(all.first)
    }

    @Test(arguments: [19, 18]) func oneOrdersWholeLifeIsReadBack(release: Int) async throws {
        let server = try VisitedOdoo(release: release)
        defer { server.remove() }
        let odoo = OdooOrders(api: server.detected(), company: Self.company)
        var delivered = DeliveredState()
        var order = life("LIFE")
        func step() async throws -> [String: Any] {
            #expect(await visit(order, &delivered, odoo).end == .done)
            let there = try found("LIFE", server)
            LifePage.show(release, order, there)
            return there
        }
        #expect(try await step()["state"] as? String == "draft")
        reach(&order, .onHold)
        order.holds = ["credit"]
        var there = try await step()
        #expect(there["state"] as? String == "draft" && there["tags"] as? [String] == ["Sluice: on hold"])
        order.holds = []
        reach(&order, .allocated)
        there = try await step()
        #expect(there["state"] as? String == "sale" && there["tags"] as? [String] == [])
        #expect(there["pickings"] as? [String] == ["assigned: SKU-1 3"])
        ship(&order, "S-1", 1, "T-1")
        reach(&order, .partiallyFulfilled)
        there = try await step()
        #expect(there["pickings"] as? [String] == ["done T-1: SKU-1 1", "assigned: SKU-1 2"])
        #expect(there["delivery_status"] as? String == "partial")
        ship(&order, "S-2", 2)
        reach(&order, .shipped)
        there = try await step()
        #expect(there["pickings"] as? [String] == ["done T-1: SKU-1 1", "done: SKU-1 2"])
        order.facts.shipments[1].tracking = "T-2"
        order.facts.delivered = Timestamp(microseconds: 77)
        order.version += 1
        there = try await step()
        #expect(there["pickings"] as? [String] == ["done T-1: SKU-1 1", "done T-2: SKU-1 2"])
        order.facts.invoices = ["INV-1"]
        reach(&order, .invoiced)
        there = try await step()
        #expect(there["invoice_status"] as? String == "invoiced" && there["invoices"] as? [String] == ["posted"])
        order.facts.payments = [
            .init(ref: "P-1", status: "authorized", amount: "6.00", at: Timestamp(microseconds: 90))
        ]
        order.version += 1
        there = try await step()
        #expect(there["tags"] as? [String] == ["Sluice: payment authorized"])
        order.facts.payments = [
            .init(ref: "P-1", status: "captured", amount: "6.00", at: Timestamp(microseconds: 91))
        ]
        reach(&order, .closed)
        there = try await step()
        #expect(there["locked"] as? Bool == true)
        #expect(there["tags"] as? [String] == ["Sluice: payment captured"])
        let notes = (there["note_bodies"] as? [String] ?? []).joined()
        for told in [
            "On hold: credit", "Released", "Partially fulfilled: S-1 DHL T-1", "Shipped: S-1 DHL T-1, S-2 DHL",
            "Delivered", "Invoiced: INV-1", "Payment: P-1 captured 6.00", "Closed",
        ] { #expect(notes.contains(told), "\(told)") }
        // A visit that finds nothing to do makes no call.
        let calls = server.standIn.calls()
        _ = try await step()
        #expect(server.standIn.calls() == calls)
    }

    @Test func tenEventsWhileOdooSleptAreOneVisit() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: Self.company)
        var order = life("SLEPT")
        ship(&order, "S-1", 1)
        ship(&order, "S-2", 1)
        reach(&order, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed)
        var delivered = DeliveredState()
        #expect(await visit(order, &delivered, odoo).end == .done)
        let there = try found("SLEPT", server)
        // Of three one was cancelled.
        #expect(
            there["pickings"] as? [String] == ["done: SKU-1 1", "done: SKU-1 1", "cancel: SKU-1 1"])
        #expect(there["invoices"] as? [String] == ["posted"] && there["notes"] as? Int == 1)
    }

    @Test(arguments: PlanVisitTests.Failing.allCases)
    func aFailureAtAnyCallOfALifeIsHealed(failing: PlanVisitTests.Failing) async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        var point = 0
        var needed = true
        while needed {
            try #require(point < 60)
            let api = FailingAPI(server.api(), at: point, failing)
            let odoo = OdooOrders(api: api, company: Self.company)
            var order = life("F-\(point)")
            ship(&order, "S-1", 1, "T-1")
            ship(&order, "S-2", 2, "T-2")
            order.facts.invoices = ["INV-1"]
            reach(&order, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed)
            var delivered = DeliveredState()
            var end = DeliveryResult.End.refused
            for _ in 0..<10 where end != .done { end = await visit(order, &delivered, odoo).end }
            #expect(end == .done, "point \(point)")
            let there = try found("F-\(point)", server)
            #expect(
                there["pickings"] as? [String] == ["done T-1: SKU-1 1", "done T-2: SKU-1 2"], "point \(point)")
            #expect(there["invoices"] as? [String] == ["posted"], "point \(point)")
            #expect(there["locked"] as? Bool == true, "point \(point)")
            needed = api.failed
            point += 1
        }
        #expect(point > 10)
    }

    @Test func whatAnEntityDoesNotWantIsNotThere() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: Self.company)
        var order = life("BARE")
        ship(&order, "S-1", 3)
        reach(&order, .allocated, .shipped, .invoiced, .closed)
        var delivered = DeliveredState()
        #expect(await visit(order, &delivered, odoo, []).end == .done)
        let there = try found("BARE", server)
        #expect(there["pickings"] as? [String] == ["assigned: SKU-1 3"])
        #expect(there["invoices"] as? [String] == [] && there["locked"] as? Bool == false)
        #expect(there["notes"] as? Int == 0 && there["state"] as? String == "sale")
    }

    @Test func goodsDoNotLeaveWhereOdooWouldMailTheCustomer() async throws {
        let server = try VisitedOdoo(mails: true)
        defer { server.remove() }
        var order = life("QUIET")
        reach(&order, .allocated, .shipped)
        var delivered = DeliveredState()
        let quiet = OdooOrders(api: server.api(), company: Self.company)
        let refused = await visit(order, &delivered, quiet)
        #expect(refused.end == .refused && refused.failure?.name == "sluice.WouldMail")
        #expect(try found("QUIET", server)["pickings"] as? [String] == ["assigned: SKU-1 3"])
        let allowed = OdooOrders(api: server.api(), company: Self.company, tellsCustomers: true)
        #expect(await visit(order, &delivered, allowed).end == .done)
        #expect(try found("QUIET", server)["pickings"] as? [String] == ["done: SKU-1 3"])
    }

    @Test func whatAPersonShippedThereIsNotShippedAgain() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: Self.company)
        var order = life("HAND")
        reach(&order, .allocated)
        var delivered = DeliveredState()
        #expect(await visit(order, &delivered, odoo).end == .done)
        let id = try #require(delivered.odooID)
        try await odoo.ship(
            Int(id), [ShipmentDraft(ref: "", tracking: "", amounts: [.init(sku: "SKU-1", quantity: 1_000_000)])],
            told: [], rest: .waits, lane: "BER1")
        ship(&order, "S-1", 1)
        reach(&order, .partiallyFulfilled)
        #expect(await visit(order, &delivered, odoo).end == .done)
        #expect(try found("HAND", server)["pickings"] as? [String] == ["done: SKU-1 1", "assigned: SKU-1 2"])
    }

    @Test func manyOrdersAtOnceAreFewCallsAndOneBadOrderSpoilsNoOther() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        // Longer than a busy machine needs to bring all visits to the next call.
        let odoo = OdooOrders(api: server.api(), company: Self.company, linger: .seconds(1))
        let orders = (0..<40).map { number in
            var order = life("MANY-\(number)")
            if number == 7 { order.lines[0].quantity = "a few" }
            if number == 9 { order.lines[0].sku = "NOPE" }
            reach(&order, .allocated, .shipped)
            return order
        }
        let ends = await withTaskGroup(of: (Int, DeliveryResult.End).self) { group in
            for (number, order) in orders.enumerated() {
                group.addTask {
                    var delivered = DeliveredState()
                    return (number, await self.visit(order, &delivered, odoo).end)
                }
            }
            var ends: [Int: DeliveryResult.End] = [:]
            for await (number, end) in group { ends[number] = end }
            return ends
        }
        #expect(ends.filter { $0.value != .done }.keys.sorted() == [7, 9])
        #expect(try server.orders().count == 38)
        let calls = server.standIn.calls()
        #expect(calls["sale.order/load", default: 0] <= 8, "\(calls)")
        #expect(calls["sale.order/action_confirm", default: 0] <= 8, "\(calls)")
        #expect(calls["stock.picking/button_validate", default: 0] <= 8, "\(calls)")
        #expect(calls["res.company/search_read", default: 0] <= 8, "\(calls)")
    }
}

/// One order's documents as they are in Odoo after each visit, for people: printed where `SLUICE_SHOW` is set.
private enum LifePage {
    static func show(_ release: Int, _ order: DeliveryOrder, _ there: [String: Any]) {
        guard ProcessInfo.processInfo.environment["SLUICE_SHOW"] != nil else { return }
        func list(_ name: String) -> String {
            let words = there[name] as? [String] ?? []
            return words.isEmpty ? "-" : words.joined(separator: "; ")
        }
        func word(_ name: String) -> String { there[name] as? String ?? "-" }
        let lines = (there["lines"] as? [[String: Any]] ?? []).map { line in
            "\(line["product"] ?? "-") \(line["quantity"] ?? "-") at \(line["price_unit"] ?? "-")"
        }
        print(
            """
            Odoo \(release), order \(order.orderRef), version \(order.version): \(order.state.name)
              sale.order      \(word("name")) \(word("state"))\(there["locked"] as? Bool == true ? ", locked" : "")
              external id     \(word("external_id")); company \(word("company")), warehouse \(word("warehouse"))
              lines           \(lines.joined(separator: "; "))
              tags            \(list("tags"))
              stock.picking   \(list("pickings")) (\(word("delivery_status")))
              account.move    \(list("invoices")) (\(word("invoice_status")))
              notes           \((there["note_bodies"] as? [String] ?? []).joined(separator: " "))
            """)
    }
}

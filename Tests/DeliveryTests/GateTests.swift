import Odoo
import OrderEvents
import Orders
import Testing

@testable import Delivery

/// Goal: an order that is not valid is held back from Odoo, and nothing else is: no fact, no cancellation, no order
/// that Odoo has.
@Suite struct GateTests {
    private static let failed = ValidationVerdict.failed([ValidationFinding(.unknownTax, "x")])

    private func creates(
        _ createAt: CreateAt, _ path: CanonicalState, _ verdict: ValidationVerdict?
    ) -> Bool {
        var order = PlanTests.order(path)
        order.verdict = verdict
        return DeliveryPlan.next(order, DeliveredState(), createAt: createAt).contains(.create)
    }

    @Test func withAChannelsWordTheStateDecides() {
        #expect(CreateAt.allCases.map { creates($0, .received, nil) } == [true, false, false])
        #expect(CreateAt.allCases.map { creates($0, .validated, nil) } == [true, true, false])
        #expect(CreateAt.allCases.map { creates($0, .shipped, nil) } == [true, true, true])
    }

    @Test func withSluicesOwnVerdictTheVerdictDecides() {
        for path in [CanonicalState.received, .validated, .allocated, .shipped, .closed] {
            for verdict in [ValidationVerdict.pending, Self.failed] {
                #expect(CreateAt.allCases.map { creates($0, path, verdict) } == [true, false, false], "\(path)")
            }
            let allocated = path.rawValue >= CanonicalState.allocated.rawValue
            #expect(CreateAt.allCases.map { creates($0, path, .passed) } == [true, true, allocated], "\(path)")
        }
    }

    @Test func anOrderInOdooGoesOn() {
        var order = PlanTests.order(.allocated)
        order.verdict = Self.failed
        #expect(DeliveryPlan.next(order, DeliveredState(odooID: 7)) == [.confirm])
        order.state = .cancelled
        #expect(DeliveryPlan.next(order, DeliveredState(odooID: 7, confirmed: true)) == [.cancel])
        #expect(DeliveryPlan.next(order, DeliveredState()) == [])
    }

    /// Its creation had no answer, and then it turned out not to be valid.
    @Test func anOrderThatMayBeInOdooIsLookedForAndNotCreated() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: "ACME DE GmbH")
        var order = server.order("GATE", .allocated, [.received, .validated, .allocated])
        order.verdict = Self.failed
        let uncertain = DeliveredState(uncertainSince: Timestamp(microseconds: 1_000_000))
        let delivery = OrderDelivery(createAt: .validated)
        func visit(at seconds: Int64) async -> DeliveryResult {
            await delivery.deliver(order, uncertain, via: odoo, now: Timestamp(microseconds: seconds * 1_000_000))
        }
        #expect(await visit(at: 2).end == .retry(after: 179), "Odoo may still be creating it")
        let over = await visit(at: 400)
        #expect(over.end == .done && over.delivered.odooID == nil && over.delivered.uncertainSince == nil)
        #expect(try server.orders().isEmpty)
        let created = await server.visit("GATE", .validated, [.received, .validated], DeliveredState(), odoo)
        let found = await visit(at: 3)
        #expect(found.end == .done && found.delivered.odooID == created.delivered.odooID)
        try server.check("GATE", .allocated)
    }
}

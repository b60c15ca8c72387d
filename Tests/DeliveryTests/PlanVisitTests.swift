import Embedded
import Foundation
import Odoo
import OrderEvents
import Synchronization
import Testing

@testable import Delivery

/// Goal: whichever call of a visit fails, and however, visits repeated until done leave exactly one order in the right
/// state with each note once.
///
/// Method: fail the n-th call, n growing until a visit needs no n-th call.
@Suite struct PlanVisitTests {
    /// How the n-th call fails.
    enum Failing: CaseIterable, Sendable {
        /// Never sent.
        case dropped
        /// Done, and its answer lost.
        case lost
        /// Rolled back by a conflict.
        case conflict
    }

    @Test(arguments: Failing.allCases, [CanonicalState.validated, .allocated, .closed, .cancelled])
    func aFailureAtAnyCallIsHealedByTheNextVisits(failing: Failing, state: CanonicalState) async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        var reached: [CanonicalState] = [.received, .validated]
        if state != .validated { reached.append(.allocated) }
        if state == .closed { reached += [.partiallyFulfilled, .shipped, .invoiced, .closed] }
        var point = 0
        var needed = true
        while needed {
            try #require(point < 40)
            let api = FailingAPI(server.api(), at: point, failing)
            let odoo = OdooOrders(api: api, company: "ACME DE GmbH")
            var delivered = DeliveredState()
            if state == .cancelled {
                // It was created before; its cancellation is what is visited.
                let sound = OdooOrders(api: server.api(), company: "ACME DE GmbH")
                delivered = await server.visit("R-\(point)", .allocated, reached, delivered, sound).delivered
            }
            var visits = 0
            var end = DeliveryResult.End.refused
            while end != .done {
                visits += 1
                try #require(visits < 10, "point \(point)")
                let result = await server.visit("R-\(point)", state, reached, delivered, odoo)
                delivered = result.delivered
                end = result.end
            }
            #expect(delivered.version == 9 && delivered.uncertainSince == nil)
            try server.check("R-\(point)", state)
            needed = api.failed
            point += 1
        }
        #expect(point > 2)
        #expect(try server.orders().count == point)
    }

    /// Goal: a look is a call, too: while most of them fail, what came of one is left to the next visit, which the
    /// budget counts.
    @Test(arguments: [Failing.dropped, .lost], [CanonicalState.closed, .cancelled])
    func whereADestinationFailsAVisitEndsWithItsFirstLostAnswer(failing: Failing, state: CanonicalState) async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        var reached: [CanonicalState] = [.received, .validated, .allocated]
        if state == .closed { reached += [.partiallyFulfilled, .shipped, .invoiced, .closed] }
        var point = 0
        var needed = true
        while needed {
            try #require(point < 40)
            let api = FailingAPI(server.api(), at: point, failing)
            let odoo = OdooOrders(api: api, company: "ACME DE GmbH", looksAtOnce: { false })
            var delivered = DeliveredState()
            if state == .cancelled {
                let sound = OdooOrders(api: server.api(), company: "ACME DE GmbH")
                delivered = await server.visit("F-\(point)", .allocated, reached, delivered, sound).delivered
            }
            let first = await server.visit("F-\(point)", state, reached, delivered, odoo)
            needed = api.failed
            if needed {
                #expect(first.end == .retry(after: nil) && first.delivered.uncertainSince != nil, "point \(point)")
                #expect(api.made == point + 1, "point \(point)")
                let second = await server.visit("F-\(point)", state, reached, first.delivered, odoo)
                #expect(second.end == .done, "point \(point)")
            }
            try server.check("F-\(point)", state)
            point += 1
        }
        #expect(point > 2)
        #expect(try server.orders().count == point)
    }

    @Test func fiveInAHundredAnswersLostAndNothingIsDoubledOrMissing() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        try server.standIn.instruct(
            #"{"faults":[{"kind":"lose_answer","share":0.05},{"kind":"late","share":0.01,"milliseconds":20},"#
                + #"{"kind":"fail","share":0.03,"status":500,"name":"psycopg2.errors.SerializationFailure"}]}"#)
        let odoo = OdooOrders(api: server.api(), company: "ACME DE GmbH")
        let reached: [CanonicalState] = [.received, .validated, .allocated, .shipped]
        let unfinished = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<60 {
                group.addTask {
                    var delivered = DeliveredState()
                    for _ in 0..<100 {
                        let result = await server.visit("L-\(number)", .shipped, reached, delivered, odoo)
                        delivered = result.delivered
                        if result.end == .done { return false }
                    }
                    return true
                }
            }
            var count = 0
            for await isUnfinished in group where isUnfinished { count += 1 }
            return count
        }
        #expect(unfinished == 0)
        let orders = try server.orders()
        #expect(orders.count == 60)
        #expect(Set(orders.compactMap { $0["external_id"] as? String }).count == 60)
        #expect(orders.allSatisfy { $0["state"] as? String == "sale" })
    }

    @Test func aCancelledOrderWhoseCreationIsUncertainIsWatchedUntilSettled() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: "ACME DE GmbH")
        let maybe = DeliveredState(uncertainSince: Timestamp(microseconds: 0))
        var result = await server.visit("U-1", .cancelled, [.received, .cancelled], maybe, odoo, now: 100)
        #expect(result.end == .retry(after: 80) && result.delivered == maybe)
        // The creation comes late.
        _ = await server.visit("U-1", .validated, [.received, .validated], DeliveredState(), odoo)
        result = await server.visit("U-1", .cancelled, [.received, .cancelled], maybe, odoo, now: 179)
        #expect(result.end == .done && result.delivered.cancelled)
        try server.check("U-1", .cancelled)
        // It never comes.
        result = await server.visit("U-2", .cancelled, [.received, .cancelled], maybe, odoo, now: 181)
        #expect(result.end == .done && result.delivered.odooID == nil)
    }

    /// Goal: what an order still had to do is not done when it was cancelled meanwhile.
    @Test func aVisitEndsWhenItsErrandIsSuperseded() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let errand = Errand(.urgent)
        let api = SupersedingAPI(server.api(), errand, after: "sale.order/load")
        let odoo = OdooOrders(api: api, company: "ACME DE GmbH")
        let reached: [CanonicalState] = [.received, .validated, .allocated, .shipped]
        let result = await Errand.$current.withValue(errand) {
            await server.visit("S-1", .shipped, reached, DeliveredState(), odoo)
        }
        #expect(result.end == .superseded && result.delivered.odooID != nil && !result.delivered.confirmed)
        #expect(result.delay(RetryPolicy(), attempt: 3, random: 0.9) == .zero)
        try server.check("S-1", .validated)
        let cancelled = await server.visit(
            "S-1", .cancelled, reached + [.cancelled], result.delivered,
            OdooOrders(api: server.api(), company: "ACME DE GmbH"))
        #expect(cancelled.end == .done)
        try server.check("S-1", .cancelled)
    }

    @Test func whatAPersonCancelledInOdooStaysCancelled() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: "ACME DE GmbH")
        let created = await server.visit("P-1", .validated, [.received, .validated], DeliveredState(), odoo).delivered
        try await odoo.cancel(Int(try #require(created.odooID)))
        let result = await server.visit("P-1", .allocated, [.received, .validated, .allocated], created, odoo)
        #expect(result.end == .refused && result.exceptions.map(\.code) == [.stateMismatch])
        #expect(result.delivered.odooID == created.odooID && !result.delivered.confirmed)
        try server.check("P-1", .cancelled)
    }

    @Test func aMissingProductIsTheOrdersExceptionAndAWrongKeyTheDestinations() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let odoo = OdooOrders(api: server.api(), company: "ACME DE GmbH")
        var order = server.order("M-1", .validated, [.received, .validated])
        order.lines[0].sku = "NOPE"
        let refused = await OrderDelivery(createAt: .validated)
            .deliver(order, DeliveredState(), via: odoo, now: Timestamp(microseconds: 0))
        #expect(refused.end == .refused)
        #expect(refused.exceptions == [.init(code: .odooMissingReference, detail: "Odoo has no product NOPE")])
        let locked = OdooOrders(api: server.api(key: "WRONG"), company: "ACME DE GmbH")
        let stopped = await server.visit("M-2", .validated, [.received, .validated], DeliveredState(), locked)
        #expect(stopped.end == .stopped && stopped.exceptions.isEmpty && stopped.failure?.kind == .credentials)
        let policy = RetryPolicy()
        #expect(stopped.delay(policy, attempt: 1, random: 1) == policy.base)
        #expect(stopped.delay(policy, attempt: 20, random: 1) == .seconds(60))
        #expect(refused.delay(policy, attempt: 1, random: 1) == policy.cap)
    }
}

/// Supersedes an errand once a call of an operation was made.
private struct SupersedingAPI: OdooAPI {
    private let base: any OdooAPI
    private let errand: Errand
    private let operation: String

    init(_ base: any OdooAPI, _ errand: Errand, after operation: String) {
        self.base = base
        self.errand = errand
        self.operation = operation
    }

    func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        let value = try await base.call(call)
        if call.operation == operation { errand.supersede() }
        return value
    }

    func version() async throws(OdooFailure) -> String { "19.0" }
}

/// Fails the n-th call that goes through it.
final class FailingAPI: OdooAPI {
    private let base: any OdooAPI
    private let point: Int
    private let failing: PlanVisitTests.Failing
    private let count = Mutex(0)

    init(_ base: any OdooAPI, at point: Int, _ failing: PlanVisitTests.Failing) {
        self.base = base
        self.point = point
        self.failing = failing
    }

    /// How many calls were made.
    var made: Int { count.withLock { $0 } }
    var failed: Bool { made > point }

    func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        let number = count.withLock { count in
            defer { count += 1 }
            return count
        }
        guard number == point else { return try await base.call(call) }
        switch failing {
        case .dropped: break
        case .lost: _ = try await base.call(call)
        case .conflict:
            throw OdooFailure(
                .retry, name: "psycopg2.errors.SerializationFailure", reason: "test", operation: call.operation)
        }
        throw OdooFailure(.unknown, name: "transport.unknown", reason: "test", operation: call.operation)
    }

    func version() async throws(OdooFailure) -> String { "19.0" }
}

/// A stand-in with one company, and visits to it.
final class VisitedOdoo: Sendable {
    let standIn: OdooStandIn
    private let folder = NSTemporaryDirectory() + "visits-\(UUID().uuidString)"
    private let exchange = HTTPExchange()

    init(release: Int = 19, mails: Bool = false) throws {
        var settings = OdooStandInSettings(
            folder: folder, companies: ["ACME DE GmbH"],
            warehouses: [.init(code: "BER1", name: "Berlin", company: "ACME DE GmbH")],
            products: [.init(code: "SKU-1", name: "One")], users: [.init(key: "KEY")])
        settings.release = release
        settings.mailsOnShipping = mails
        standIn = try OdooStandIn(settings)
        standIn.start()
    }

    func remove() {
        standIn.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func api(key: String = "KEY") -> JSON2API {
        JSON2API(url: standIn.url, database: "standin", key: key, deadline: .seconds(120), exchange: exchange)
    }

    func detected() -> any OdooAPI {
        OdooInterface.auto.api(url: standIn.url, database: "standin", login: "x", key: "KEY", exchange: exchange)
    }

    func order(_ ref: String, _ state: CanonicalState, _ reached: [CanonicalState]) -> DeliveryOrder {
        var order = PlanTests.order(state, reached)
        order.orderRef = ref
        return order
    }

    func visit(
        _ ref: String, _ state: CanonicalState, _ reached: [CanonicalState], _ delivered: DeliveredState,
        _ odoo: OdooOrders, now seconds: Int64 = 0
    ) async -> DeliveryResult {
        await OrderDelivery(createAt: .validated).deliver(
            order(ref, state, reached), delivered, via: odoo, now: Timestamp(microseconds: seconds * 1_000_000))
    }

    func orders() throws -> [[String: Any]] {
        let json = try JSONSerialization.jsonObject(with: Data(standIn.ordersJSON().utf8))
        return try #require(json as? [[String: Any]])
    }

    func check(_ ref: String, _ state: CanonicalState) throws {
        let found = try orders().filter { $0["client_order_ref"] as? String == ref }
        #expect(found.count == 1)
        let wanted = state == .validated ? "draft" : state == .cancelled ? "cancel" : "sale"
        #expect(found.first?["state"] as? String == wanted)
        let bodies = (found.first?["note_bodies"] as? [String] ?? []).joined()
        let marks = bodies.components(separatedBy: "[sluice:").count - 1
        #expect(marks == (state == .closed ? 4 : 0), "\(bodies)")
    }
}

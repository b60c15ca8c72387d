import OrderEvents
import Orders
import Postgres
import Store
import TestSupport
import Testing

@testable import Delivery
@testable import Workers

/// The golden orders, on a real store: each event's outcome as it comes, then state, quantities, exceptions and what
/// Odoo should get; and the same end when the events come in other orders.
@Suite struct GoldenOrdersTests {
    @Test func theyAreThere() {
        #expect(GoldenOrder.all.count >= 12)
        #expect(GoldenOrder.all.allSatisfy { !$0.story.isEmpty && !$0.events.isEmpty && !$0.ends.isEmpty })
    }

    @Test(arguments: GoldenOrder.all) func itGoesAsItIsWritten(_ golden: GoldenOrder) throws {
        var desk = try GoldenDesk()
        for (number, event) in golden.events.enumerated() {
            let applied = try desk.apply([desk.store.record(event, number: number)])
            let outcome = applied.outcomes.first??.name ?? "no outcome"
            let state = try desk.order(ofEvent: number)?.state?.name
            let became = event.then.contains(" ") ? "\(outcome) \(state ?? "-")" : outcome
            #expect(became == event.then, "\(golden.title): event \(number + 1) of \(event.from)")
        }
        try desk.expect(golden)
    }

    @Test(arguments: GoldenOrder.all.filter(\.inAnyOrder)) func itEndsTheSameInAnyOrder(_ golden: GoldenOrder) throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3 {
            var desk = try GoldenDesk()
            let order = Array(golden.events.indices).shuffled(using: &random)
            for number in order + order.prefix(2) {
                try desk.apply([desk.store.record(golden.events[number], number: number)])
            }
            try desk.expect(golden, "told as \(order.map { $0 + 1 })")
        }
    }
}

/// A store with one legal entity, and what is asked of it.
struct GoldenDesk: ~Copyable {
    let store = GoldenStore()
    private var connection: Connection
    private var applier: BatchApplier

    init() throws {
        let fixture = try StoreFixture()
        connection = try fixture.connect()
        applier = BatchApplier(
            settings: store.settings, orders: OrderMemory(bytes: 1 << 20), keys: KeyMemory(count: 1 << 12),
            waiting: WaitingCounts(bounds: WaitingBounds()), sourceName: { SourceName(topic: "orders", partition: $0) })
    }

    @discardableResult
    mutating func apply(_ items: [Taken]) throws -> AppliedBatch {
        do {
            return try applier.apply(items, manner: .quick, now: GoldenStore.now, &connection)
        } catch ApplyError.conflict {
            return try applier.apply(items, manner: .careful, now: GoldenStore.now, &connection)
        }
    }

    mutating func order(_ ref: String) throws -> Order? {
        var parameters = Parameters()
        parameters.text(GoldenStore.entity)
        parameters.text(ref)
        let rows = try connection.query(Self.readOrder, parameters)
        guard rows.count > 0 else { return nil }
        return try Order(document: rows.bytes(0, 2), revision: rows.int64(0, 0), version: rows.int64(0, 1))
    }

    /// The order that the event was of; nil: it waits for one, or names several.
    mutating func order(ofEvent number: Int) throws -> Order? {
        var parameters = Parameters()
        parameters.int64(Int64(number))
        let rows = try connection.query(Self.findOrder, parameters)
        guard rows.count > 0 else { return nil }
        return try order(rows.text(0, 0))
    }

    private static let findOrder = Statement(
        "golden_order_of_event",
        """
        SELECT order_ref FROM journal WHERE source_offset = $1
        UNION ALL SELECT order_ref FROM rejected WHERE source_offset = $1
        """)
    private static let readOrder = Statement(
        "golden_order", "SELECT revision, version, document FROM orders WHERE legal_entity = $1 AND order_ref = $2")

    mutating func expect(_ golden: GoldenOrder, _ how: String = "") throws {
        for (ref, end) in golden.ends {
            let order = try #require(try order(ref), "\(golden.title): there is no order \(ref)")
            let comment = Comment(rawValue: "\(golden.title): \(ref) \(how)")
            #expect(order.state?.name == end.state, comment)
            #expect(order.quantities.map(Self.text) == end.lines, comment)
            #expect(order.open.map(\.rawValue) == end.open, comment)
            #expect(order.parked == 0, comment)
            let milestones = Milestone.allCases.filter { order.time(of: $0) != nil }.map(\.name)
            if let expected = end.milestones { #expect(milestones == expected, comment) }
            let payments = order.payments.map { "\($0.ref) \($0.status.name) \($0.amount?.description ?? "-")" }
            if let expected = end.payments { #expect(payments == expected, comment) }
            if let expected = end.disputing { #expect(order.disputing == expected, comment) }
            let delivered = DeliveryOrder(
                order, legalEntity: GoldenStore.entity, orderRef: ref, warehouses: ["BER1": "BER1", "MUC1": "MUC1"],
                verdict: nil)
            let steps = DeliveryPlan.next(delivered, DeliveredState())
            #expect(steps.map(\.words) == end.odoo, comment)
        }
        // Open in the table is what the orders say, and nothing waits.
        let open = try connection.execute(
            "SELECT count(*) FROM exceptions WHERE resolved_at IS NULL AND order_ref <> ''")
        let expected = golden.ends.values.reduce(0) { $0 + $1.open.count }
        if golden.inAnyOrder { #expect(open.int64(0, 0) == Int64(expected), "\(golden.title) \(how)") }
    }

    private static func text(_ row: LineQuantities) -> String {
        func amounts(_ parts: [(String, ExactDecimal?)]) -> [String] {
            parts.compactMap { name, amount in amount.flatMap { $0.isZero ? nil : "\(name) \($0)" } }
        }
        let sums = amounts([
            ("ordered", row.ordered), ("allocated", row.allocated), ("backordered", row.backordered),
            ("shipped", row.shipped), ("cancelled", row.cancelled), ("invoiced", row.invoiced),
        ])
        let sites = row.warehouses.map { site in
            let backordered =
                amounts([("backordered", site.backordered)])
                + (site.expected.isEmpty ? [] : ["expected \(site.expected)"])
            let parts = amounts([("allocated", site.allocated)]) + backordered + amounts([("shipped", site.shipped)])
            return "\(site.warehouse) \(parts.joined(separator: ", "))"
        }
        return (["\(row.line) \(row.sku): " + sums.joined(separator: ", ")] + sites).joined(separator: "; ")
    }
}

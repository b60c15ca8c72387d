import Embedded
import Foundation
import OrderEvents
import Odoo
import Orders
import Postgres
import Store

/// What the demo's store holds, per legal entity.
struct DemoCounts {
    var rows: [String: [Outcome: Int64]] = [:]
    var backlog: [String: Int64] = [:]
    var inOdoo: [String: Int64] = [:]
    /// Parked events that are still to get their fallback.
    var parkedDue: Int64 = 0
    /// Orders of the backlog that go on by themselves: all but those held back, see `HeldOrder`.
    var backlogMoving: Int64 = 0
    /// Orders whose verdict waits for a look at Odoo.
    var unchecked: Int64 = 0

    private static let outcomes = Statement(
        "demo_outcomes", "SELECT legal_entity, outcome, count(*) FROM outcomes GROUP BY 1, 2")
    private static let waiting = Statement(
        "demo_waiting",
        """
        SELECT (SELECT count(*) FROM parked WHERE released_at IS NULL AND due_at < now() + interval '1 day'),
               (SELECT count(*) FROM backlog b WHERE NOT (
                    b.attempts > 0 AND b.visited_at IS NULL AND b.due_at > now() + interval '10 seconds'
                    AND EXISTS (
                        SELECT FROM exceptions x WHERE x.legal_entity = b.legal_entity AND x.order_ref = b.order_ref
                        AND x.resolved_at IS NULL AND x.code = ANY ($1)))),
               (SELECT count(*) FROM validation_backlog v WHERE NOT EXISTS (
                    SELECT FROM exceptions x WHERE x.legal_entity = v.legal_entity AND x.order_ref = v.order_ref
                    AND x.resolved_at IS NULL AND x.code = ANY ($2)))
        """)
    private static let backlogs = Statement(
        "demo_backlog", "SELECT legal_entity, count(*) FROM backlog GROUP BY 1")
    private static let delivered = Statement(
        "demo_delivered", "SELECT legal_entity, count(*) FROM deliveries WHERE odoo_id IS NOT NULL GROUP BY 1")

    static func read(_ connection: inout Connection) throws(PostgresError) -> DemoCounts {
        var counts = DemoCounts()
        let rows = try connection.query(outcomes)
        for row in 0..<rows.count {
            guard let outcome = Outcome(rawValue: UInt8(truncatingIfNeeded: rows.int64(row, 1))) else { continue }
            counts.rows[rows.text(row, 0), default: [:]][outcome] = rows.int64(row, 2)
        }
        var codes = Parameters()
        codes.texts(HeldOrder.codes)
        codes.texts(HeldOrder.verdictCodes)
        let waits = try connection.query(waiting, codes)
        counts.parkedDue = waits.int64(0, 0)
        counts.backlogMoving = waits.int64(0, 1)
        counts.unchecked = waits.int64(0, 2)
        let backlog = try connection.query(backlogs)
        for row in 0..<backlog.count { counts.backlog[backlog.text(row, 0)] = backlog.int64(row, 1) }
        let orders = try connection.query(delivered)
        for row in 0..<orders.count { counts.inOdoo[orders.text(row, 0)] = orders.int64(row, 1) }
        return counts
    }

    /// All rows of an outcome.
    func sum(_ outcome: Outcome) -> Int64 { rows.values.reduce(0) { $0 + ($1[outcome] ?? 0) } }

    /// All rows.
    var total: Int64 { rows.values.reduce(0) { $0 + $1.values.reduce(0, +) } }
}

/// An order that its verdict, Odoo, or the plan of its delivery holds back: it waits for a person, or to be changed.
///
/// An open exception of any other code holds nothing back: Odoo has to have such an order as it should be.
struct HeldOrder {
    /// What a visit of Odoo raises; all of them end when Odoo has what is true.
    static let codes: [String] = [
        ExceptionCode.odooRejected, .odooMissingReference, .unknownProduct, .unknownCustomer, .invalidOrder,
        .stateMismatch,
    ].map(\.rawValue)

    /// What a verdict raises.
    static let verdictCodes: [String] = [
        ExceptionCode.invalidOrder, .priceMismatch, .unknownTax, .unknownCustomer, .unknownProduct, .unknownCarrier,
    ].map(\.rawValue)

    var legalEntity: String
    var orderRef: String
    /// Exceptions; `pending`: nobody has told its lines.
    var codes: [String]
}

/// Holds what the Odoo stand-in has against what the store says that it should have.
struct OdooAudit {
    /// Sales orders per legal entity.
    var orders: [String: Int] = [:]
    /// What is wrong, in words.
    var findings: [String] = []
    /// Orders that Odoo need not have as they are, because somebody has to act first.
    var held: [HeldOrder] = []

    private static let truth = Statement(
        "demo_truth",
        """
        SELECT o.legal_entity, o.order_ref, o.state,
               o.revision, o.version, o.document,
               (SELECT string_agg(x.code, ',' ORDER BY x.code) FROM exceptions x
                WHERE x.legal_entity = o.legal_entity AND x.order_ref = o.order_ref AND x.resolved_at IS NULL
                AND x.code = ANY ($1) AND EXISTS (
                    SELECT FROM backlog b WHERE b.legal_entity = o.legal_entity AND b.order_ref = o.order_ref))
        FROM orders o WHERE o.state > 0 ORDER BY 1, 2
        """)

    /// Places on the path at which Odoo has a sales order, no quotation.
    private static let confirmed: Set<CanonicalState> = [
        .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed,
    ]
    /// States of which a note in Odoo tells.
    private static let remarked: [CanonicalState] = [.partiallyFulfilled, .shipped, .invoiced, .closed, .onHold]

    /// Compares `ordersJSON`, the stand-in's sales orders, with the store, and the store with `expectations`, which the
    /// traffic has of the orders' ends.
    static func run(
        ordersJSON: String, expectations: [ExpectedOrder], _ connection: inout Connection
    ) throws(CommandFailure) -> OdooAudit {
        guard
            let list = try? JSONSerialization.jsonObject(with: Data(ordersJSON.utf8)) as? [[String: Any]]
        else { throw CommandFailure(code: .software, message: "the stand-in's orders cannot be read") }
        var held: [String: [[String: Any]]] = [:]
        for order in list { held[order["external_id"] as? String ?? "?", default: []].append(order) }
        var audit = OdooAudit()
        var states: [String: CanonicalState] = [:]
        do {
            var codes = Parameters()
            codes.texts(HeldOrder.codes)
            let rows = try connection.query(truth, codes)
            for row in 0..<rows.count {
                let entity = rows.text(row, 0)
                let ref = rows.text(row, 1)
                let state = CanonicalState(rawValue: UInt8(truncatingIfNeeded: rows.int64(row, 2)))
                states["\(entity) \(ref)"] = state
                let id = ExternalID.order(legalEntity: entity, orderRef: ref)
                let found = held.removeValue(forKey: id) ?? []
                audit.orders[entity, default: 0] += found.count
                let order = try Order(
                    document: rows.bytes(row, 5), revision: rows.int64(row, 3), version: rows.int64(row, 4))
                var codes = (rows.optionalText(row, 6) ?? "").split(separator: ",").map(String.init)
                let verdict = order.validation.verdict
                if verdict != .passed, order.path != .cancelled, found.isEmpty {
                    codes += verdict == .pending ? [verdict.name] : verdict.codes.map(\.rawValue)
                }
                let isHeldBack = !codes.isEmpty
                if isHeldBack { audit.held.append(HeldOrder(legalEntity: entity, orderRef: ref, codes: codes)) }
                audit.compare(
                    "\(entity) \(ref)", found, isCancelled: order.path == .cancelled, isHeldBack: isHeldBack,
                    isConfirmed: order.path.map(confirmed.contains) ?? false, isHeld: state == .onHold,
                    hasRemarks: remarked.contains { order.time(of: $0) != nil })
            }
        } catch let error as PostgresError {
            throw CommandFailure(code: .unavailable, message: "the orders cannot be read: \(error.message)")
        } catch {
            throw CommandFailure(code: .software, message: "an order's document cannot be read")
        }
        for id in held.keys.sorted() { audit.findings.append("\(id): in Odoo, but not in the store") }
        audit.compare(expectations, states)
        return audit
    }

    private mutating func compare(
        _ name: String, _ found: [[String: Any]], isCancelled: Bool, isHeldBack: Bool, isConfirmed: Bool,
        isHeld: Bool, hasRemarks: Bool
    ) {
        guard found.count == 1, let order = found.first else {
            // An order that ended before it could be created has nothing to cancel.
            if found.isEmpty, isCancelled || isHeldBack { return }
            findings.append("\(name): \(found.count) sales orders in Odoo instead of one")
            return
        }
        let state = order["state"] as? String ?? ""
        let expected = isCancelled ? "cancel" : isConfirmed ? "sale" : "draft"
        // A hold that came before confirmation keeps a quotation; one that came after leaves the sales order.
        let fits = state == expected || (isHeld && state == "draft") || isHeldBack
        if !fits { findings.append("\(name): Odoo has \(state) instead of \(expected)") }
        if hasRemarks, (order["notes"] as? Int ?? 0) == 0, !isCancelled, !isHeldBack {
            findings.append("\(name): no note in Odoo")
        }
    }

    /// The state that an order ends in where Sluice gives the verdict, and a channel's word is only noted.
    private static func validated(_ end: CanonicalState, _ order: ExpectedOrder) -> CanonicalState {
        switch end {
        case .received, .validated: order.isInvalid ? .received : .validated
        case .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed, .onHold, .cancelled: end
        }
    }

    private mutating func compare(_ expectations: [ExpectedOrder], _ states: [String: CanonicalState]) {
        for order in expectations {
            guard let end = order.finalState else { continue }
            let expected = Self.validated(end, order)
            let name = "\(order.legalEntity) \(order.orderRef)"
            guard let state = states[name] else {
                findings.append("\(name): not in the store")
                continue
            }
            if state != expected {
                findings.append("\(name): the store has \(state.name), the traffic ended with \(expected.name)")
            }
        }
    }
}

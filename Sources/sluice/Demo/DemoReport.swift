import Embedded
import OrderEvents
import Store

/// The demo's last page.
struct DemoReport {
    var lines: [BookLine]
    var audit: OdooAudit
    var traffic: TrafficProducer.Result
    /// What was missing when the time was up; empty: nothing.
    var unsettled: [String]
    var isBalanced: Bool

    /// How many findings are printed.
    private static let shownFindings = 20

    private struct Sum {
        var taken: Int64 = 0
        var rows: [Outcome: Int64] = [:]
    }

    private var sums: [(entity: String, sum: Sum)] {
        var sums: [String: Sum] = [:]
        for line in lines {
            sums[line.legalEntity, default: Sum()].taken += line.taken
            for (outcome, count) in line.rows { sums[line.legalEntity]?.rows[outcome, default: 0] += count }
        }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The page as text.
    var text: String {
        var total = Sum()
        var rows: [[String]] = []
        for (entity, sum) in sums {
            total.taken += sum.taken
            for (outcome, count) in sum.rows { total.rows[outcome, default: 0] += count }
            rows.append(cells(entity, sum, audit.orders[entity] ?? 0))
        }
        rows.append(cells("all", total, audit.orders.values.reduce(0, +)))
        let header =
            ["legal entity", "consumed", "applied", "duplicate", "stale", "parked", "rejected", "dead-lettered"]
            + ["orders in Odoo"]
        var page = ["", Output.table(header, rows), ""]
        page.append("sent: \(traffic.acknowledged) records of \(traffic.orders) orders; failed \(traffic.failed)")
        page += audit.findings.prefix(Self.shownFindings).map { "finding: \($0)" }
        if audit.findings.count > Self.shownFindings {
            page.append("… and \(audit.findings.count - Self.shownFindings) more findings")
        }
        if !unsettled.isEmpty {
            page.append("the traffic did not settle in time: \(unsettled.joined(separator: ", "))")
        }
        page += heldBack
        let checked = traffic.expectations.filter { $0.finalState != nil }.count
        if audit.findings.isEmpty {
            let others = audit.held.isEmpty ? "" : ", but for those held back"
            page.append("odoo: one sales order for each order key that should be there, in the right state\(others)")
            page.append("states: all \(checked) orders whose events all came ended as the traffic told it")
        }
        page.append("books: \(isBalanced ? "balanced" : BooksCommand.verdict(lines))")
        return page.joined(separator: "\n")
    }

    /// How many orders a person has to look at before Odoo can have them, why, and which.
    private var heldBack: [String] {
        guard !audit.held.isEmpty else { return ["held back: no order waits for a person"] }
        var counts: [String: Int] = [:]
        for order in audit.held { for code in order.codes { counts[code, default: 0] += 1 } }
        let codes = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        var lines = ["held back: \(audit.held.count) orders wait for a person: \(codes)"]
        lines += audit.held.prefix(Self.shownFindings).map {
            "  \($0.legalEntity) \($0.orderRef): \($0.codes.joined(separator: ", "))"
        }
        if audit.held.count > Self.shownFindings {
            lines.append("  … and \(audit.held.count - Self.shownFindings) more")
        }
        return lines
    }

    private func cells(_ entity: String, _ sum: Sum, _ orders: Int) -> [String] {
        let outcomes: [Outcome] = [.applied, .duplicate, .stale, .parked, .rejected, .deadLettered]
        return [entity, String(sum.taken)] + outcomes.map { String(sum.rows[$0] ?? 0) } + [String(orders)]
    }

    /// The page as one JSON object.
    var json: String {
        let entities = sums.map { entity, sum -> [String: Any] in
            var object: [String: Any] = [
                "legal_entity": entity, "consumed": Int(sum.taken), "orders_in_odoo": audit.orders[entity] ?? 0,
            ]
            for outcome in Outcome.allCases { object[outcome.name] = Int(sum.rows[outcome] ?? 0) }
            return object
        }
        return JSONText.render(
            [
                "balanced": isBalanced, "complete": unsettled.isEmpty,
                "findings": audit.findings, "legal_entities": entities,
                "held_back": audit.held.map {
                    ["legal_entity": $0.legalEntity, "order_ref": $0.orderRef, "codes": $0.codes] as [String: Any]
                },
                "sent": traffic.acknowledged,
            ] as [String: Any])
    }
}

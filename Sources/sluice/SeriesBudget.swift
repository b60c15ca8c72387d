import Configuration
import Metrics
import OrderEvents
import Orders

/// How many series a page of metrics may have, reckoned from the configuration: `sluice check` prints it.
///
/// Upper bounds: every state, every code, every way that a call can end. What a process shows is what happened in it.
/// Topics and partitions are the brokers' to say; they and the process itself come on top, within the reserve.
struct SeriesBudget {
    /// One metric of legal entities.
    struct Line: Equatable {
        var name: String
        /// Under the names of legal entities, were there no shares.
        var byName: Int
        /// As `other`.
        var together: Int
    }

    let limit: Int
    let shares: SeriesShares
    let lines: [Line]

    /// Under the names of legal entities, at most.
    let byName: Int
    /// As `other`, at most.
    var together: Int { lines.reduce(0) { $0 + $1.together } }
    /// Everything of legal entities, at most.
    var total: Int { byName + together }

    init(_ configuration: Configuration) {
        limit = configuration.http.series
        let entities = configuration.entities.map { ShownEntity(name: $0.name, weight: $0.weight) }
        let shares = SeriesShares(entities, series: limit)
        self.shares = shares
        let registry = Registry(entities: entities, series: limit, processMetrics: false)
        _ = MetricsCatalog(registry, group: "")
        let families = registry.families.filter { $0.labels.first == "legal_entity" }
        let shown = Set(shares.shown)
        let channels = configuration.channels.count
        var lines: [Line] = []
        var costs: [String: Int] = [:]
        for family in families {
            var line = Line(name: family.name, byName: 0, together: 0)
            for entity in configuration.entities where !family.isSummed && shown.contains(entity.name) {
                let sizes = LabelSizes(entity, channels: channels)
                let cost = sizes.sets(family) * family.linesOfSeries
                line.byName += cost
                costs[entity.name, default: 0] += cost
            }
            if family.isSummed || shares.folded > 0 {
                line.together = LabelSizes(nil, channels: channels).sets(family) * family.linesOfSeries
            }
            lines.append(line)
        }
        self.lines = lines
        byName = costs.values.reduce(0) { $0 + min($1, shares.share) }
    }
}

/// How many values each label can have beside a legal entity.
private struct LabelSizes {
    /// Calls that delivery makes, each by how it can end; from time to time there is a new one.
    private static let operations = 24
    private static let results = 10

    private let channels: Int
    private let warehouses: Int
    private let isDelivered: Bool

    /// Of one legal entity, or of all that are shown together.
    init(_ entity: EntitySettings?, channels: Int) {
        switch entity?.channels {
        case .listed(let names): self.channels = names.count
        case .any, nil: self.channels = channels
        }
        warehouses = entity.map { $0.warehouses.count + 1 } ?? 1
        isDelivered = entity.map { $0.odoo != nil } ?? true
    }

    /// How many label sets of a family there can be.
    func sets(_ family: FamilySummary) -> Int {
        if !isDelivered, family.name.hasPrefix("sluice_odoo_") || family.name.hasPrefix("sluice_backlog_") { return 0 }
        // What may follow what: from and to are no free product.
        if family.labels.contains("from") {
            let pairs = CanonicalState.allCases.count * (CanonicalState.allCases.count + 1)
            return family.labels.contains("disposition") ? pairs * 2 : pairs
        }
        return family.labels.dropFirst().reduce(1) { $0 * values(of: $1, calls: family.labels.contains("operation")) }
    }

    private func values(of label: String, calls: Bool) -> Int {
        switch label {
        case "channel": channels
        case "warehouse": warehouses
        case "outcome": Outcome.allCases.count
        case "stage": isDelivered ? 4 : 3
        case "state": CanonicalState.allCases.count
        case "code": ExceptionCode.allCases.count
        case "flow": Flow.allCases.count
        case "operation": Self.operations
        case "result": calls ? Self.results : 2
        case "verdict", "attempt": 2
        default: 1
        }
    }
}

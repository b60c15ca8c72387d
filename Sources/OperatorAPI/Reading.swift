internal import HTTPServer
internal import OrderEvents
internal import Postgres
internal import Store

/// One request that reads, for one caller.
struct Reading {
    let site: Site
    let caller: Caller
    let request: HTTPRequest

    /// The legal entity that the list is limited to; nil: all that the caller sees.
    private func filter() throws(Problem) -> String? {
        guard let name = request.parameter("legal_entity") else { return nil }
        guard site.pool(of: name, for: caller) != nil else { throw Problem.notFound }
        return name
    }

    /// The pools to ask: that of the filter, or all that hold something for the caller.
    private func pools(_ filter: String?) -> [StorePool] {
        if let filter { return site.pool(of: filter, for: caller).map { [$0] } ?? [] }
        return site.pools(for: caller)
    }

    private func json(_ value: some Encodable) -> HTTPResponse { .json(200, JSON.bytes(value)) }

    // MARK: Orders

    func order(_ entity: String, _ ref: String) throws(Problem) -> HTTPResponse {
        guard let pool = site.pool(of: entity, for: caller) else { throw Problem.notFound }
        let site = self.site
        let caller = self.caller
        return try pool.read(.legalEntities([entity])) { connection in
            let found = try OrderView.find(ref, legalEntity: entity, &connection)
            var view: OrderView?
            if found.orders.count == 1, let only = found.orders.first {
                view = try OrderView.read(only, legalEntity: entity, &connection)
            }
            // Before the answer, so that nobody reads what nobody knows of.
            let result = view != nil ? "read" : found.orders.count > 1 ? "ambiguous" : "not_found"
            try AuditTrail.add(
                AuditTrail.Act(
                    actor: caller.name, role: caller.role.rawValue, action: "order.read", legalEntity: entity,
                    subject: view?.orderRef ?? "", result: result), &connection)
            if let view { return .json(200, site.orderJSON(view)) }
            guard found.orders.count <= 1 else {
                var problem = Problem(409, "Several orders go by this reference; ask for one of them.")
                problem.orders = found.orders
                throw problem
            }
            if !found.awaited.isEmpty {
                // Events know the name; no order goes by it yet.
                return .json(200, site.awaitedJSON(found.awaited))
            }
            throw Problem.notFound
        }
    }

    func search() throws(Problem) -> HTTPResponse {
        guard let ref = request.parameter("ref"), Route.isIdentifier(ref) else {
            throw Problem(400, "ref must be a reference: printable ASCII without space.")
        }
        var rows: [SearchReply.Row] = []
        for pool in site.pools(for: caller) {
            let names = site.entities(for: caller).filter {
                site.storeOfEntity[$0].map { site.stores[$0].name } == pool.name
            }
            rows += try pool.read(caller.scope) { connection in
                try OrderSearch.find(ref, legalEntities: names, &connection)
            }.map { SearchReply.Row(legalEntity: $0.legalEntity, orderRef: $0.orderRef) }
        }
        return json(SearchReply(orders: Array(rows.prefix(OrderSearch.limit))))
    }

    // MARK: Lists over several stores

    /// A page of rows that have numbers within their stores, the newest first, store by store.
    private func page<Row>(
        _ filter: String?,
        _ read: (_ below: Int64, _ limit: Int, _ connection: inout Connection) throws -> [Row], id: (Row) -> Int64
    ) throws(Problem) -> (rows: [(store: String, row: Row)], next: String?) {
        let paging = try Paging(request)
        let place = try paging.place()
        var rows: [(store: String, row: Row)] = []
        for pool in pools(filter) where place.map({ pool.name >= $0.store }) ?? true {
            // One more than wanted tells whether there are more.
            let wanted = paging.limit + 1 - rows.count
            guard wanted > 0 else { break }
            let below = place?.store == pool.name ? place?.below ?? .max : .max
            let found = try pool.read(caller.scope) { connection in try read(below, wanted, &connection) }
            rows += found.map { (pool.name, $0) }
        }
        guard rows.count > paging.limit else { return (rows, nil) }
        rows.removeLast(rows.count - paging.limit)
        return (rows, rows.last.map { "\($0.store)/\(id($0.row))" })
    }

    func exceptions() throws(Problem) -> HTTPResponse {
        let only = try filter()
        var wanted = ExceptionList.Filter()
        wanted.legalEntity = only
        wanted.code = request.parameter("code")
        switch request.parameter("status") ?? "open" {
        case "open": wanted.isOpen = true
        case "resolved": wanted.isOpen = false
        default: throw Problem(400, "status must be open or resolved.")
        }
        let which = wanted
        let found = try page(
            only,
            { below, limit, connection in
                try ExceptionList.read(which, below: below, limit: limit, &connection)
            }, id: \.id)
        let rows = found.rows.map { store, row in
            ExceptionReply.Row(
                id: row.id, store: store, legalEntity: row.legalEntity, orderRef: row.orderRef,
                code: row.exception.code, severity: row.exception.severity, detail: row.exception.detail,
                count: row.exception.count, firstSeen: row.exception.firstSeen.rfc3339,
                lastSeen: row.exception.lastSeen.rfc3339, resolvedAt: row.exception.resolvedAt?.rfc3339,
                resolvedBy: row.exception.resolvedBy)
        }
        return json(ExceptionReply(exceptions: rows, next: found.next))
    }

    func audit() throws(Problem) -> HTTPResponse {
        let only = try filter()
        let found = try page(
            only,
            { below, limit, connection in
                try AuditTrail.read(legalEntity: only, below: below, limit: limit, &connection)
            }, id: \.id)
        let rows = found.rows.map { store, entry in
            AuditReply.Row(
                id: entry.id, store: store, at: entry.at.rfc3339, actor: entry.actor, role: entry.role,
                action: entry.action, legalEntity: entry.legalEntity, subject: entry.subject, result: entry.result)
        }
        return json(AuditReply(entries: rows, next: found.next))
    }

    func backlog() throws(Problem) -> HTTPResponse {
        let only = try filter()
        let paging = try Paging(request)
        var measured: [String: (orders: Int64, oldest: Double)] = [:]
        for pool in pools(only) {
            for one in try pool.read(caller.scope, { connection in try Backlog.measure(&connection) }) {
                measured[one.legalEntity] = (one.orders, one.oldestSeconds)
            }
        }
        let names = only.map { [$0] } ?? site.entities(for: caller)
        let page = paging.page(names, key: { $0 })
        let rows = page.rows.map { ($0, measured[$0] ?? (0, 0)) }
        return json(
            BacklogReply(
                orders: Dictionary(uniqueKeysWithValues: rows.map { ($0, $1.orders) }),
                oldestSeconds: Dictionary(uniqueKeysWithValues: rows.map { ($0, $1.oldest) }),
                total: names.reduce(0) { $0 + (measured[$1]?.orders ?? 0) }, next: page.next))
    }

    func books() throws(Problem) -> HTTPResponse {
        let only = try filter()
        let paging = try Paging(request)
        var lines: [BookLine] = []
        for pool in pools(only) {
            let sight = only.map { ReaderSession.Sight.legalEntities([$0]) } ?? caller.scope
            lines += try pool.read(sight) { connection in try Books.read(&connection) }
        }
        func key(_ line: BookLine) -> String {
            let digits = String(line.partition)
            return
                "\(line.topic)/\(String(repeating: "0", count: max(0, 10 - digits.count)))\(digits)/\(line.legalEntity)"
        }
        lines.sort { key($0).utf8.lexicographicallyPrecedes(key($1).utf8) }
        let page = paging.page(lines, key: key)
        let rows = page.rows.map { line in
            func count(_ outcome: Outcome) -> Int64 { line.rows[outcome] ?? 0 }
            return BooksReply.Line(
                topic: line.topic, partition: line.partition, legalEntity: line.legalEntity, taken: line.taken,
                applied: count(.applied), duplicate: count(.duplicate), stale: count(.stale), parked: count(.parked),
                rejected: count(.rejected), deadLettered: count(.deadLettered), imbalance: line.imbalance)
        }
        return json(
            BooksReply(balanced: lines.allSatisfy { $0.imbalance == 0 }, lines: rows, next: page.next))
    }

    // MARK: Of this process

    func lanes() throws(Problem) -> HTTPResponse {
        let only = try filter()
        let paging = try Paging(request)
        func key(_ lane: Live.Lane) -> String { "\(lane.legalEntity)/\(lane.warehouse)" }
        let seen = site.live.lanes().filter { lane in
            // The lane of dead letters is nobody's.
            only.map { $0 == lane.legalEntity } ?? caller.sees(lane.legalEntity)
        }.sorted { key($0).utf8.lexicographicallyPrecedes(key($1).utf8) }
        let page = paging.page(seen, key: key)
        return json(LanesReply(lanes: page.rows, next: page.next))
    }

    func partitions() throws(Problem) -> HTTPResponse {
        let paging = try Paging(request)
        func key(_ one: Live.Partition) -> String {
            let digits = String(one.partition)
            return "\(one.topic)/\(String(repeating: "0", count: max(0, 10 - digits.count)))\(digits)"
        }
        let all = site.live.partitions().sorted { key($0).utf8.lexicographicallyPrecedes(key($1).utf8) }
        let page = paging.page(all, key: key)
        return json(PartitionsReply(partitions: page.rows, next: page.next))
    }

    /// What is known of each legal entity; a store that does not answer is named, and hides nothing of the others.
    func entities() throws(Problem) -> HTTPResponse {
        let only = try filter()
        let paging = try Paging(request)
        var backlog: [String: (orders: Int64, oldest: Double)] = [:]
        var open: [String: Int64] = [:]
        var away: [String] = []
        for pool in pools(only) {
            do throws(Problem) {
                let told = try pool.read(caller.scope) { connection in
                    (try Backlog.measure(&connection), try ExceptionList.openCounts(&connection))
                }
                for one in told.0 { backlog[one.legalEntity] = (one.orders, one.oldestSeconds) }
                for one in told.1 { open[one.legalEntity] = one.open }
            } catch { away.append(pool.name) }
        }
        let seen = site.live.entities().filter { entity in
            only.map { $0 == entity.legalEntity } ?? caller.sees(entity.legalEntity)
        }.sorted { $0.legalEntity.utf8.lexicographicallyPrecedes($1.legalEntity.utf8) }
        let page = paging.page(seen, key: \.legalEntity)
        let rows = page.rows.map { entity in
            let store = site.storeOfEntity[entity.legalEntity].map { site.stores[$0].name } ?? ""
            let isAway = away.contains(store)
            return EntitiesReply.Row(
                legalEntity: entity.legalEntity, store: store, events: entity.events,
                backlogOrders: isAway ? nil : backlog[entity.legalEntity]?.orders ?? 0,
                backlogOldestSeconds: isAway ? nil : backlog[entity.legalEntity]?.oldest ?? 0,
                openExceptions: isAway ? nil : open[entity.legalEntity] ?? 0, destination: entity.destination)
        }
        return json(EntitiesReply(entities: rows, unreachableStores: away, next: page.next))
    }
}

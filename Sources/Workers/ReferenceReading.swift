import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// What a batch has to know of names before it is decided. Batches whose events all name their orders by the canonical
// reference ask nothing of it.

extension BatchReading {
    /// Looks up the names by which events of the batch ask, all in one round trip, and adds the orders that have them.
    static func findReferences(
        _ entries: [BatchEntry], _ items: [Taken], _ settings: ApplySettings, _ orders: inout [WorkingOrder],
        _ connection: inout Connection
    ) throws(PostgresError) -> ReferenceBook {
        var book = ReferenceBook()
        var keys: [ReferenceKey] = []
        for entry in entries where entry.order < 0 {
            guard case .event(let event) = items[entry.item], let reference = event.reference else { continue }
            let key = ReferenceKey(event, reference)
            if book.stored.updateValue(StoredReference(), forKey: key) == nil { keys.append(key) }
        }
        guard !keys.isEmpty else { return book }
        let rows = try connection.query(ReferenceStatements.find, parameters(keys, settings))
        guard rows.count > 0 else { return book }
        var index = OrderIndex(orders)
        for row in 0..<rows.count {
            let key = keys[Int(rows.int64(row, 0)) - 1]
            let ref = rows.text(row, 1)
            var known = StoredReference()
            if ref.isEmpty {
                known.waiting = Int(rows.int32(row, 2))
            } else if rows.isNull(row, 3) {
                known.order = index.find(key.entity, ref, addTo: &orders, settings)
            } else {
                known.isAmbiguous = true
            }
            book.stored[key] = known
        }
        return book
    }

    /// text[] legal_entity, smallint[] kind, text[] issuer, text[] value.
    static func parameters(_ keys: [ReferenceKey], _ settings: ApplySettings) -> Parameters {
        var parameters = Parameters()
        parameters.texts(keys.map { settings.entityName($0.entity) })
        parameters.int16s(keys.map { Int16($0.name.kind.rawValue) })
        parameters.texts(keys.map(\.name.issuer))
        parameters.texts(keys.map(\.name.value))
        return parameters
    }

    /// Leads those of the loaded rows that are aliases to their orders, which are loaded too.
    static func followAliases(
        _ orders: inout [WorkingOrder], _ settings: ApplySettings, _ connection: inout Connection
    ) throws(ApplyError) {
        let aliases = orders.indices.filter { !orders[$0].aliasRef.isEmpty }
        guard !aliases.isEmpty else { return }
        var index = OrderIndex(orders)
        for alias in aliases {
            orders[alias].aliasOf = index.find(
                orders[alias].entity, orders[alias].aliasRef, addTo: &orders, settings)
        }
        let unknown = Set(aliases.map { orders[$0].aliasOf }).filter { !orders[$0].isLoaded }
        try loadOrders(unknown.sorted(), &orders, settings, &connection)
    }
}

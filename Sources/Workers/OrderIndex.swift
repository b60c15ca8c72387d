/// A batch's orders by name.
struct OrderIndex: Sendable {
    private struct Name: Hashable {
        var entity: Int32
        var ref: String
    }

    private var indexes: [Name: Int] = [:]

    init(_ orders: [WorkingOrder]) {
        indexes.reserveCapacity(orders.count)
        for index in orders.indices { note(orders[index], index) }
    }

    private mutating func note(_ order: WorkingOrder, _ index: Int) {
        indexes[Name(entity: order.entity, ref: order.ref)] = index
    }

    func find(_ entity: Int32, _ ref: String) -> Int? { indexes[Name(entity: entity, ref: ref)] }

    /// The order's index; it is added when the batch does not have it yet.
    mutating func find(
        _ entity: Int32, _ ref: String, addTo orders: inout [WorkingOrder], _ settings: ApplySettings
    ) -> Int {
        if let known = find(entity, ref) { return known }
        let added = WorkingOrder(entity: entity, ref: ref, settings)
        orders.append(added)
        note(added, orders.count - 1)
        return orders.count - 1
    }
}

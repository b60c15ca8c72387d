internal import Foundation
internal import Synchronization

// What calls do to each other that move stock of one warehouse.

extension StandInDesk {
    private static let movesStock: Set<String> = [
        "sale.order/action_confirm", "stock.picking/button_validate", "stock.picking/action_assign",
    ]

    /// Two calls that move stock of one warehouse conflict: the later one is tried again and again inside the server,
    /// with growing random pauses, and holds its worker meanwhile.
    func claimWarehouses(_ model: String, _ method: String, _ call: StandInCall) -> Set<Int> {
        guard Self.movesStock.contains("\(model)/\(method)") else { return [] }
        var attempt = 0
        while true {
            let (mine, pause) = world.withLock { world -> (Set<Int>?, Double) in
                guard case .recorded(let divisor) = world.latency else { return ([], 0) }
                let ids = call.body["ids"]?.asList?.compactMap(\.asInteger) ?? []
                let wanted = Set(
                    ids.compactMap {
                        model == "sale.order" ? world.books.orders[$0]?.warehouse : world.books.pickings[$0]?.warehouse
                    })
                // Odoo: up to 2^attempt seconds, five times.
                let longest = Double(1 << min(attempt, 5))
                guard world.moving.isDisjoint(with: wanted) else {
                    return (nil, Double.random(in: 0...longest, using: &world.random) / max(divisor, 0.001))
                }
                world.moving.formUnion(wanted)
                return (wanted, 0)
            }
            if let mine { return mine }
            attempt += 1
            Thread.sleep(forTimeInterval: pause)
        }
    }

    func letGo(_ warehouses: Set<Int>) {
        guard !warehouses.isEmpty else { return }
        world.withLock { $0.moving.subtract(warehouses) }
    }
}

/// A delivery of goods: `stock.picking`.
struct StandInPicking: Codable, Equatable, Sendable {
    var id: Int
    var order: Int
    var company: Int
    var warehouse: Int
    /// Set when it was validated or cancelled; open before.
    var end: String?
    var backorderOf: Int?
    var carrier: Int?
    var tracking = ""
    var date: String
}

/// A product's part of a delivery: `stock.move`.
struct StandInMove: Codable, Equatable, Sendable {
    var id: Int
    var picking: Int
    var line: Int
    var product: Int
    var demand: Double
    /// Reserved, or what a call says that was picked; of a move that is done: what left.
    var quantity: Double
    var picked = false
    /// `done` or `cancel`; nil while open.
    var end: String?

    var state: String {
        end ?? (quantity >= demand ? "assigned" : quantity > 0 ? "partially_available" : "confirmed")
    }
}

/// What confirming, reserving and shipping do to the books.
///
/// Each gives the facts of a transaction; nothing is written here.
struct StandInStock {
    let call: StandInCall

    // MARK: Reserving

    /// How much of a product a warehouse can still reserve; infinite where its stock is not limited.
    private func available(_ product: Int, _ warehouse: Int, _ books: StandInBooks, _ taken: [StandInMove]) -> Double {
        guard let stock = books.product(product)?.stock else { return .infinity }
        var held = 0.0
        for move in books.moves.values where move.product == product && move.end != "cancel" {
            if taken.contains(where: { $0.id == move.id }) { continue }
            if books.pickings[move.picking]?.warehouse == warehouse { held += move.quantity }
        }
        for move in taken where move.product == product { held += move.quantity }
        return max(0, stock - held)
    }

    /// Deliveries of orders that are confirmed, reserved as far as the stock goes.
    func confirm(_ orders: [StandInOrder], _ books: inout StandInBooks) -> [StandInFact] {
        var facts: [StandInFact] = []
        var taken: [StandInMove] = []
        for order in orders where !order.lines.isEmpty {
            let picking = StandInPicking(
                id: books.newID(), order: order.id, company: order.company, warehouse: order.warehouse, date: call.now)
            facts.append(.picking(picking))
            for line in order.lines {
                let demand = Double(line.quantity) ?? 0
                guard demand > 0 else { continue }
                let free = available(line.product, order.warehouse, books, taken)
                let move = StandInMove(
                    id: books.newID(), picking: picking.id, line: line.id, product: line.product, demand: demand,
                    quantity: min(demand, free))
                taken.append(move)
                facts.append(.move(move))
            }
        }
        return facts
    }

    func assign(_ pickings: [StandInPicking], _ books: StandInBooks) throws(StandInException) -> [StandInFact] {
        guard pickings.contains(where: { $0.end == nil }) else {
            throw .user("Nothing to check the availability for.")
        }
        var taken: [StandInMove] = []
        for picking in pickings where picking.end == nil {
            for var move in books.moves(of: picking.id) where move.end == nil && !move.picked {
                let free = available(move.product, picking.warehouse, books, taken + [move.emptied])
                move.quantity = min(move.demand, free)
                taken.append(move)
            }
        }
        return taken.map(StandInFact.move)
    }

    func unreserve(_ pickings: [StandInPicking], _ books: StandInBooks) -> [StandInFact] {
        pickings.filter { $0.end == nil }.flatMap { books.moves(of: $0.id) }.filter { $0.end == nil }
            .map { .move($0.emptied) }
    }

    // MARK: Shipping

    /// `button_validate`: what is picked leaves.
    ///
    /// Where that is not everything and the context says nothing of it, Odoo asks: it answers a window, ships nothing,
    /// and has marked what is reserved as picked all the same.
    func validate(
        _ pickings: [StandInPicking], _ books: inout StandInBooks
    ) throws(StandInException) -> (StandInValue, [StandInFact]) {
        let skips = call.body["context"]?["skip_backorder"]?.isTrue ?? false
        let dropped = call.body["context"]?["picking_ids_not_to_backorder"]?.asList?.compactMap(\.asInteger) ?? []
        var facts: [StandInFact] = []
        var asks: [Int] = []
        for picking in pickings where picking.end != "done" {
            guard picking.end == nil else { throw .user("You cannot validate a transfer that is cancelled.") }
            var moves = books.moves(of: picking.id).filter { $0.end == nil }
            if !moves.contains(where: \.picked) {
                for index in moves.indices { moves[index].picked = true }
            }
            guard moves.contains(where: { $0.picked && $0.quantity > 0 }) else {
                throw .user(
                    "Transfer trouble alert! Validating a zero quantity transfer? You're not moving invisible goods "
                        + "around are you?\nSet some quantities and let's get moving!")
            }
            let isWhole = moves.allSatisfy { $0.picked && $0.quantity >= $0.demand }
            if !isWhole && !skips {
                asks.append(picking.id)
                facts += moves.map(StandInFact.move)
            } else {
                facts += ship(picking, moves, drops: dropped.contains(picking.id), &books)
            }
        }
        guard asks.isEmpty else { return (Self.backorderWindow(asks), facts) }
        return (.bool(true), facts)
    }

    private func ship(
        _ picking: StandInPicking, _ moves: [StandInMove], drops: Bool, _ books: inout StandInBooks
    ) -> [StandInFact] {
        var done = picking
        done.end = "done"
        done.date = call.now
        var facts: [StandInFact] = [.picking(done)]
        var rest: [StandInMove] = []
        for var move in moves {
            if move.picked && move.quantity > 0 {
                let left = move.demand - move.quantity
                move.end = "done"
                if left > 0 && !drops {
                    move.demand = move.quantity
                    var more = move
                    (more.id, more.demand, more.picked, more.end) = (books.newID(), left, false, nil)
                    rest.append(more)
                }
                facts.append(.move(move))
            } else if drops {
                move.end = "cancel"
                move.quantity = 0
                facts.append(.move(move))
            } else {
                rest.append(move)
            }
        }
        guard !rest.isEmpty else { return facts }
        let backorder = StandInPicking(
            id: books.newID(), order: picking.order, company: picking.company, warehouse: picking.warehouse,
            backorderOf: picking.id, date: call.now)
        facts.append(.picking(backorder))
        // What has just left is not free for the rest.
        var taken = facts.compactMap { fact in if case .move(let move) = fact { move } else { nil } }
        for var move in rest {
            move.picking = backorder.id
            move.picked = false
            let free = available(move.product, picking.warehouse, books, taken + [move.emptied])
            move.quantity = min(move.demand, free)
            taken.append(move)
            facts.append(.move(move))
        }
        return facts
    }

    private static func backorderWindow(_ ids: [Int]) -> StandInValue {
        .object([
            "name": "Create Backorder?", "type": "ir.actions.act_window", "view_mode": "form",
            "res_model": "stock.backorder.confirmation", "views": .list([.list([937, "form"])]), "view_id": 937,
            "target": "new",
            "context": .object([
                "button_validate_picking_ids": .list(ids.map(StandInValue.integer)),
                "default_show_transfers": .bool(false),
                "default_pick_ids": .list(ids.map { .list([4, .integer($0)]) }),
            ]),
        ])
    }

    /// `stock.picking/action_cancel`, and what cancelling an order does to its open deliveries.
    func cancel(_ pickings: [StandInPicking], _ books: StandInBooks) -> [StandInFact] {
        var facts: [StandInFact] = []
        for var picking in pickings where picking.end == nil {
            picking.end = "cancel"
            facts.append(.picking(picking))
            for var move in books.moves(of: picking.id) where move.end == nil {
                move.end = "cancel"
                move.quantity = 0
                facts.append(.move(move))
            }
        }
        return facts
    }

    // MARK: Writing

    func write(_ pickings: [StandInPicking], _ books: StandInBooks) throws(StandInException) -> [StandInFact] {
        guard case .object(let values)? = call.body["vals"] else {
            throw .arguments("missing a required argument: 'vals'")
        }
        var facts: [StandInFact] = []
        for var picking in pickings {
            for (field, value) in values.sorted(by: { $0.key < $1.key }) {
                switch field {
                case "carrier_tracking_ref": picking.tracking = value.asText ?? ""
                case "carrier_id": picking.carrier = value.asInteger
                case "note": break
                case "move_ids":
                    for command in value.asList ?? [] {
                        guard let parts = command.asList, parts.count == 3, parts[0].asInteger == 1,
                            let id = parts[1].asInteger
                        else { throw .value("Invalid command for stock.picking.move_ids") }
                        facts.append(try Self.written(id, parts[2], books))
                    }
                default: throw .value("Invalid field '\(field)' in 'stock.picking'")
                }
            }
            facts.append(.picking(picking))
        }
        return facts
    }

    func writeMoves(_ books: StandInBooks) throws(StandInException) -> [StandInFact] {
        guard let values = call.body["vals"] else { throw .arguments("missing a required argument: 'vals'") }
        var facts: [StandInFact] = []
        for id in try call.ids() ?? [] { facts.append(try Self.written(id, values, books)) }
        return facts
    }

    private static func written(
        _ id: Int, _ values: StandInValue, _ books: StandInBooks
    ) throws(StandInException) -> StandInFact {
        guard var move = books.moves[id] else { throw .missing("stock.move", id) }
        guard move.end == nil else { throw .user("Quantities of a move that is done cannot be changed here.") }
        if let quantity = values["quantity"]?.asNumber { move.quantity = quantity }
        if let picked = values["picked"] { move.picked = picked.isTrue }
        return .move(move)
    }
}

extension StandInMove {
    var emptied: StandInMove {
        var move = self
        move.quantity = 0
        move.picked = false
        return move
    }
}

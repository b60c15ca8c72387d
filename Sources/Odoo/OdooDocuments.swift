// What Sluice does with an order's deliveries and invoices. Each operation compares and then does what is missing, so
// that it may be repeated: after a lost answer, and after what a person did.

extension OdooOrders {
    // MARK: Deliveries

    /// Brings the order's deliveries to where these shipments and `rest` have them.
    ///
    /// - Parameters:
    ///   - id: database id of a sales order.
    ///   - shipments: what left and was not told yet, in the sequence of its times.
    ///   - told: what left and was told before.
    ///   - rest: what becomes of what no shipment names.
    ///   - lane: its warehouse.
    /// - Throws: `contradicted` when the order is cancelled there or gone.
    public func ship(
        _ id: Int, _ shipments: [ShipmentDraft], told: [ShipmentDraft], rest: ShipmentRest, lane: String
    ) async throws(OrderFailure) {
        let skus = Set((shipments + told).flatMap { $0.amounts.map(\.sku) }).filter { !$0.isEmpty }.sorted()
        let ids = try await productIDs(skus, scope())
        let products = Dictionary(uniqueKeysWithValues: zip(skus, ids))
        func amounts(_ drafts: [ShipmentDraft]) -> [Int: Int] {
            var sums: [Int: Int] = [:]
            for amount in drafts.flatMap(\.amounts) {
                if let product = products[amount.sku] { sums[product, default: 0] += amount.quantity }
            }
            return sums
        }
        let open = shipments.map { ShipmentStep.Open(amounts: amounts([$0]), tracking: $0.tracking) }
        let before = amounts(told)
        // Each step finishes a delivery; further ones are its backorders.
        for _ in 0...(2 * shipments.count + Self.deliveriesVisited) {
            let moves = try await moves(of: id)
            switch ShipmentStep.next(moves, open, told: before, rest: rest) {
            case .done: return
            case .drop(let pickings):
                for picking in pickings { _ = try await move("stock.picking/action_cancel", picking, lane) }
                return
            case .ship(let picking, let quantities, let tracking):
                try await ship(picking, quantities, tracking, moves, lane)
            }
        }
        throw .call(
            OdooFailure(
                .refused, name: "sluice.NotDone", reason: "the deliveries do not come to an end",
                operation: "stock.picking/button_validate"))
    }

    /// Largest number of an order's deliveries that one visit makes beyond two for each shipment.
    static let deliveriesVisited = 10

    private func ship(
        _ picking: Int, _ quantities: [Int: Int], _ tracking: String, _ moves: [StockMove], _ lane: String
    ) async throws(OrderFailure) {
        try await requireSilence()
        let own = moves.filter { $0.picking == picking && $0.isOpen }
        let isAsReserved = own.allSatisfy { $0.quantity == $0.demand && quantities[$0.id] == $0.demand }
        if !isAsReserved || !tracking.isEmpty {
            var values: [String: OdooValue] = [:]
            if !tracking.isEmpty { values["carrier_tracking_ref"] = .text(tracking) }
            if !isAsReserved {
                values["move_ids"] = .list(
                    own.map { move -> OdooValue in
                        let quantity = quantities[move.id] ?? 0
                        return [
                            1, .integer(move.id),
                            ["quantity": .number(Double(quantity) / 1_000_000), "picked": .bool(quantity > 0)],
                        ]
                    })
            }
            let write = try await OdooCall(
                "stock.picking", "write", ids: [picking], arguments: ["vals": .object(values)],
                context: companyContext())
            if isAsReserved {
                _ = try await call(write)
            } else {
                _ = try await batches.touch(stock: lane, write, api)
            }
        }
        let context = silence.merging(["skip_backorder": true]) { _, ours in ours }
        let answer = try await move("stock.picking/button_validate", picking, lane, context)
        guard !answer.isWindowAction else {
            throw .call(
                OdooFailure(
                    .refused, name: "sluice.NotDone", reason: "Odoo asks a question instead of shipping",
                    operation: "stock.picking/button_validate"))
        }
    }

    /// Writes tracking numbers that came after the goods had left.
    ///
    /// `numbers`: of all shipments, in the sequence of their times; empty: none. They are written where Odoo made as
    /// many deliveries, and has no number of its own.
    public func track(_ id: Int, _ numbers: [String]) async throws(OrderFailure) {
        guard let order = try await order(id), !order.pickings.isEmpty else { return }
        let context = try await companyContext()
        let rows = try await call(
            OdooCall(
                "stock.picking", "read", ids: order.pickings, arguments: ["fields": ["state", "carrier_tracking_ref"]],
                context: context))
        let made = (rows.asList ?? []).filter { $0["state"] == "done" }
            .sorted { ($0["id"]?.asInteger ?? 0) < ($1["id"]?.asInteger ?? 0) }
        guard made.count == numbers.count else { return }
        for (row, number) in zip(made, numbers) where !number.isEmpty {
            guard row["carrier_tracking_ref"]?.asText == nil, let picking = row["id"]?.asInteger else { continue }
            _ = try await call(
                OdooCall(
                    "stock.picking", "write", ids: [picking],
                    arguments: ["vals": ["carrier_tracking_ref": .text(number)]], context: context))
        }
    }

    func moves(of id: Int) async throws(OrderFailure) -> [StockMove] {
        guard let order = try await order(id) else { throw .contradicted(.gone) }
        if order.state == .cancel { throw .contradicted(.cancelledThere) }
        guard !order.pickings.isEmpty else { return [] }
        return try await batches.moves.ask(PickingsRead(pickings: order.pickings, context: companyContext()))
    }

    /// Asks Odoo to reserve what it could not before.
    ///
    /// Odoo says yes also where nothing is there.
    public func assign(_ id: Int, lane: String) async throws(OrderFailure) {
        let wanting = try await moves(of: id).filter { $0.isOpen && $0.quantity < $0.demand }
        for picking in Set(wanting.map(\.picking)).sorted() {
            _ = try await move("stock.picking/action_assign", picking, lane)
        }
    }

    // MARK: Invoices

    /// Invoices what was delivered and is not invoiced yet, and posts the order's drafts.
    ///
    /// - Returns: whether the order has an invoice then; false: nothing was delivered that could be invoiced.
    public func invoice(_ id: Int) async throws(OrderFailure) -> Bool {
        guard var order = try await order(id) else { throw .contradicted(.gone) }
        if order.state == .cancel { throw .contradicted(.cancelledThere) }
        let context = try await companyContext()
        if order.isToInvoice {
            do throws(OrderFailure) {
                try await batches.invoicing.ask(.init(id: id, context: context))
            } catch {
                // Refused: somebody else may have. Unknown: it may have happened. The order tells both.
                guard case .call(let failure) = error, isWorthALook(failure),
                    let after = try await read(id), !after.isToInvoice, after.invoiced
                else { throw error }
            }
            guard let after = try await read(id) else { throw .contradicted(.gone) }
            order = after
        }
        for invoice in order.invoices where try await isDraft(invoice, context) {
            do throws(OrderFailure) {
                // Answers `false` when it is done.
                _ = try await batches.acting.ask(
                    .init(id: invoice, context: context), lane: "account.move/action_post")
            } catch {
                guard case .call(let failure) = error, isWorthALook(failure),
                    try await !isDraft(invoice, context)
                else { throw error }
            }
        }
        return order.invoiced
    }

    private func isDraft(_ invoice: Int, _ context: [String: OdooValue]) async throws(OrderFailure) -> Bool {
        try await batches.invoiceStates.ask(.init(id: invoice, context: context))
    }

    // MARK: Closing

    /// Locks the order.
    ///
    /// May be repeated.
    public func lock(_ id: Int) async throws(OrderFailure) {
        _ = try await batches.acting.ask(.init(id: id, context: companyContext()), lane: "sale.order/action_lock")
    }
}

/// The deliveries of one order, whose moves are wanted.
struct PickingsRead: Sendable {
    var pickings: [Int]
    var context: [String: OdooValue]
}

extension OdooBatches {
    static func readMoves(_ inputs: [PickingsRead], _ api: any OdooAPI) async -> [Result<[StockMove], OrderFailure>] {
        await halving(inputs) { inputs async throws(OdooFailure) -> [[StockMove]] in
            let ids = inputs.flatMap(\.pickings)
            let rows = try await api.call(
                OdooCall(
                    "stock.move", "search_read",
                    arguments: [
                        "domain": [["picking_id", "in", .list(ids.map(OdooValue.integer))]],
                        "fields": StockMove.fields, "order": "id",
                    ], context: inputs[0].context))
            let moves = Dictionary(grouping: (rows.asList ?? []).compactMap(StockMove.init), by: \.picking)
            return inputs.map { input in input.pickings.sorted().flatMap { moves[$0] ?? [] } }
        }
    }
}

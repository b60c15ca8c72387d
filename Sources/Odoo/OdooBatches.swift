// Calls for many records: what Odoo takes as a list goes as a list, and one record that it refuses does not spoil the
// call for the others.

/// The calls of one company, gathered.
struct OdooBatches: Sendable {
    /// A record that a method acts on.
    struct Acted: Sendable {
        var id: Int
        var context: [String: OdooValue]
        /// The warehouse whose stock it moves outside the warehouse's lane; nil: none.
        var stock: String?
    }

    /// Orders in a call that creates or reads; more gain little and hold a worker for seconds.
    static let many = 50
    /// Orders in a call that takes long for each: 20 confirmations are about two seconds of a worker.
    static let some = 20

    let reading: BatchDesk<Acted, SalesOrder?>
    let finding: BatchDesk<OrderSought, Int?>
    let creating: BatchDesk<LoadedOrder, Int>
    let partners: BatchDesk<LoadedPartner, Int>
    let lookups: BatchDesk<CodeLookup, [String: [Int]]>
    /// Whether a company mails nobody when goods leave; all ask for the same one.
    let silence: BatchDesk<Acted, Bool>
    let moves: BatchDesk<PickingsRead, [StockMove]>
    let invoiceStates: BatchDesk<Acted, Bool>
    let invoicing: BatchDesk<Acted, Void>
    /// Methods without arguments; the lane is `model/method`.
    let acting: BatchDesk<Acted, OdooValue>
    /// The same for those that move stock; the lane is `model/method WAREHOUSE`.
    let moving: BatchDesk<Acted, OdooValue>
    /// Writing the same tags of orders; the lane is what is written.
    let tagging: BatchDesk<TagWrite, Void>
    /// Tags by name, made where Odoo lacks them: one at a time, so that none is made twice.
    let tags: BatchDesk<TagsSought, [Int]>
    /// The server's version; all ask for the same one.
    let versions: BatchDesk<Void, String>
    /// Keeps apart what has conflicted.
    let rows = RowLanes()

    init(api: any OdooAPI, linger: Duration) {
        let locks = LaneLocks()
        let rows = rows
        reading = BatchDesk(size: Self.many, linger: linger) { _, inputs in await Self.read(inputs, api) }
        finding = BatchDesk(size: Self.many, linger: linger) { _, inputs in await Self.find(inputs, api) }
        creating = BatchDesk(size: Self.many, linger: linger) { _, inputs in
            await rows.run(Set(inputs.map { "partner \($0.partner)" })) { await Self.load(inputs, api) }
        }
        partners = BatchDesk(size: Self.many, parallel: 1, linger: linger) { _, inputs in
            await rows.run(["partners"]) { await Self.load(partners: inputs, api) }
        }
        lookups = BatchDesk(size: Self.many, parallel: 2, linger: linger) { _, inputs in
            await Self.lookUp(inputs, api)
        }
        silence = BatchDesk(size: Self.many, parallel: 1, linger: linger) { _, inputs in
            let answer = await Self.isSilent(inputs[0], api)
            return inputs.map { _ in answer }
        }
        moves = BatchDesk(size: Self.many, linger: linger) { _, inputs in await Self.readMoves(inputs, api) }
        invoiceStates = BatchDesk(size: Self.many, linger: linger) { _, inputs in
            await Self.readInvoices(inputs, api)
        }
        invoicing = BatchDesk(size: Self.some, linger: linger) { _, inputs in
            await rows.run(["invoices"]) { await Self.invoice(inputs, api) }
        }
        acting = BatchDesk(size: Self.some, linger: linger) { lane, inputs in
            let wanted = lane == "account.move/action_post" ? ["invoices"] : Self.orders(inputs)
            let stock = Set(inputs.compactMap(\.stock).map(Self.stockRow))
            return await rows.run(wanted.union(stock), movesStock: !stock.isEmpty) {
                await Self.act(lane, inputs, api).map { $0.result }
            }
        }
        moving = BatchDesk(size: Self.some, parallel: 1, linger: linger) { lane, inputs in
            let parts = lane.split(separator: " ", maxSplits: 1)
            let warehouse = parts.count > 1 ? String(parts[1]) : ""
            await locks.enter(warehouse)
            let answers = await rows.run([Self.stockRow(warehouse)], movesStock: true) {
                await Self.act(String(parts[0]), inputs, api).map { $0.result }
            }
            await locks.leave(warehouse)
            return answers
        }
        tags = BatchDesk(size: Self.many, parallel: 1, linger: linger) { _, inputs in
            await Self.tags(inputs, api)
        }
        versions = BatchDesk(size: Self.many, parallel: 1, linger: linger) { _, inputs in
            let answer: Result<String, OrderFailure>
            do throws(OdooFailure) {
                answer = .success(try await api.version())
            } catch {
                answer = .failure(.call(error))
            }
            return inputs.map { answer }
        }
        tagging = BatchDesk(size: Self.many, linger: linger) { _, inputs in
            await rows.run(Set(inputs.map { "order \($0.id)" })) { await Self.tag(inputs, api) }
        }
    }

    /// A call that changes what is reserved in a warehouse, outside its lane: kept apart from those within it only
    /// where they were seen to meet.
    func touch(
        stock warehouse: String, _ call: OdooCall, _ api: any OdooAPI
    ) async throws(OrderFailure) -> OdooValue {
        let answers = await rows.run([Self.stockRow(warehouse)], movesStock: true) {
            () async -> [Result<OdooValue, OrderFailure>] in
            do throws(OdooFailure) {
                return [.success(try await api.call(call))]
            } catch {
                return [.failure(.call(error))]
            }
        }
        return try answers[0].get()
    }

    private static func stockRow(_ warehouse: String) -> String { "stock \(warehouse)" }

    private static func orders(_ inputs: [Acted]) -> Set<String> { Set(inputs.map { "order \($0.id)" }) }

    // MARK: Lists

    /// Answers each of `inputs` by one call for all, or, where Odoo refuses the list, by calls for its halves.
    ///
    /// What is not the fault of a record (a conflict, a lost answer) is the answer of all.
    static func halving<Input: Sendable, Output: Sendable>(
        _ inputs: [Input], _ call: @Sendable ([Input]) async throws(OdooFailure) -> [Output]
    ) async -> [Result<Output, OrderFailure>] {
        do throws(OdooFailure) {
            let outputs = try await call(inputs)
            return outputs.map { .success($0) }
        } catch {
            guard !error.isOfDestination, inputs.count > 1 else { return inputs.map { _ in .failure(.call(error)) } }
            let middle = inputs.count / 2
            let first = await halving(Array(inputs[..<middle]), call)
            return await first + halving(Array(inputs[middle...]), call)
        }
    }

    /// One call of `operation` for all of `inputs`; a window instead of an act is answered to the one that it is for.
    private static func act(
        _ operation: String, _ inputs: [Acted], _ api: any OdooAPI
    ) async -> [(id: Int, result: Result<OdooValue, OrderFailure>)] {
        let parts = operation.split(separator: "/").map(String.init)
        guard parts.count == 2, let context = inputs.first?.context else { return [] }
        let answers = await halving(inputs) { inputs async throws(OdooFailure) -> [OdooValue] in
            let answer = try await api.call(OdooCall(parts[0], parts[1], ids: inputs.map(\.id), context: context))
            if answer.isWindowAction, inputs.count > 1 {
                // Which of them it asks about cannot be told: each alone.
                throw OdooFailure(
                    .refused, name: "sluice.NotDone", reason: "Odoo asks a question instead of acting",
                    operation: operation)
            }
            return inputs.map { _ in answer }
        }
        return zip(inputs, answers).map { ($0.id, $1) }
    }

    private static func read(
        _ inputs: [Acted], _ api: any OdooAPI
    ) async -> [Result<SalesOrder?, OrderFailure>] {
        await halving(inputs) { inputs async throws(OdooFailure) -> [SalesOrder?] in
            let rows = try await api.call(
                OdooCall(
                    "sale.order", "read", ids: inputs.map(\.id), arguments: ["fields": SalesOrder.fields],
                    context: inputs[0].context))
            let found = (rows.asList ?? []).compactMap(SalesOrder.init)
            return inputs.map { input in found.first { $0.id == input.id } }
        }
    }

    private static func readInvoices(
        _ inputs: [Acted], _ api: any OdooAPI
    ) async -> [Result<Bool, OrderFailure>] {
        await halving(inputs) { inputs async throws(OdooFailure) -> [Bool] in
            let rows = try await api.call(
                OdooCall(
                    "account.move", "read", ids: inputs.map(\.id), arguments: ["fields": ["state"]],
                    context: inputs[0].context))
            let drafts = (rows.asList ?? []).filter { $0["state"]?.asText == "draft" }.compactMap {
                $0["id"]?.asInteger
            }
            return inputs.map { drafts.contains($0.id) }
        }
    }

    /// One draft invoice for each order: what was delivered and is not invoiced yet.
    private static func invoice(_ inputs: [Acted], _ api: any OdooAPI) async -> [Result<Void, OrderFailure>] {
        await halving(inputs) { inputs async throws(OdooFailure) -> [Void] in
            var context = inputs[0].context
            context["active_model"] = "sale.order"
            context["active_ids"] = .list(inputs.map { .integer($0.id) })
            let wizard = try await api.call(
                OdooCall(
                    "sale.advance.payment.inv", "create",
                    arguments: [
                        "vals_list": [["advance_payment_method": "delivered", "consolidated_billing": false]]
                    ], context: context))
            guard let id = wizard.asList?.first?.asInteger ?? wizard.asInteger else {
                throw OdooFailure(
                    .unknown, name: "sluice.NoWizard", reason: "no invoicing wizard",
                    operation: "sale.advance.payment.inv/create")
            }
            _ = try await api.call(
                OdooCall("sale.advance.payment.inv", "create_invoices", ids: [id], context: context))
            return inputs.map { _ in () }
        }
    }

    private static func tag(_ inputs: [TagWrite], _ api: any OdooAPI) async -> [Result<Void, OrderFailure>] {
        await halving(inputs) { inputs async throws(OdooFailure) -> [Void] in
            _ = try await api.call(
                OdooCall(
                    "sale.order", "write", ids: inputs.map(\.id),
                    arguments: ["vals": ["tag_ids": inputs[0].commands]],
                    context: inputs[0].context))
            return inputs.map { _ in () }
        }
    }
}

/// Tags to link to an order and to unlink from it.
struct TagWrite: Sendable {
    private static let link = 4
    private static let unlink = 3

    var id: Int
    var linked: [Int] = []
    var unlinked: [Int] = []
    var context: [String: OdooValue]

    /// Equal for writes that can go in one call.
    var lane: String { "+\(linked) -\(unlinked)" }

    var commands: OdooValue {
        .list(
            unlinked.map { [.integer(Self.unlink), .integer($0)] } + linked.map { [.integer(Self.link), .integer($0)] })
    }
}

// What Sluice does with the sales orders of one company: look up, create, confirm, cancel, note. Each operation may be
// repeated: create by insert-or-ignore under an external identity, confirm and cancel by looking at the state first.

/// A reference that Odoo lacks or has more than once: an exception of the order, not of the destination.
public struct MissingReference: Error, Equatable, Sendable {
    /// What is referred to.
    public enum Kind: String, Sendable {
        case warehouse, product, customer, tax
    }

    /// What is referred to.
    public var kind: Kind
    /// Codes that were not found or are ambiguous; empty for customers, whose references are personal data.
    public var codes: [String]
    /// Whether Odoo has it several times.
    public var ambiguous: Bool

    /// A missing reference; see the properties.
    public init(kind: Kind, codes: [String], ambiguous: Bool) {
        self.kind = kind
        self.codes = codes
        self.ambiguous = ambiguous
    }
}

/// Why an operation on an order did not succeed.
public enum OrderFailure: Error, Equatable, Sendable {
    /// The call failed.
    case call(OdooFailure)
    /// The order refers to what Odoo lacks.
    case reference(MissingReference)
    /// Odoo says what contradicts the operation; nothing was changed. A person's word in Odoo stands.
    case contradicted(Contradiction)
    /// Nothing was done: what was to be brought about is no longer what is true; see `Errand`.
    case superseded

    /// What somebody did in Odoo.
    public enum Contradiction: String, Sendable {
        /// The order was to be confirmed, and is cancelled there.
        case cancelledThere = "cancelled in Odoo"
        /// The order was to be cancelled, and goods left there.
        case shippedThere = "shipped in Odoo"
        /// The order was to be cancelled, and is invoiced there.
        case invoicedThere = "invoiced in Odoo"
        /// The order is no longer there.
        case gone = "deleted in Odoo"
    }
}

/// The sales orders of one company in one Odoo database.
///
/// An actor for its caches only: any number of operations, of different orders, run at once.
public actor OdooOrders {
    /// How long a first order waits for others to share a call with.
    public static let defaultLinger: Duration = .milliseconds(4)

    let api: any OdooAPI
    let batches: OdooBatches
    let companyName: String
    let tellsCustomers: Bool
    private let looksAtOnce: @Sendable () -> Bool
    /// Whether Odoo is known to keep silent itself when goods leave.
    var isSilent = false
    var company: Int?
    var warehouses = ReferenceCache()
    var masters: [Master: ReferenceCache] = [:]
    var taxField: String?
    /// Ids of Sluice's own tags, which are few.
    var tags: [String: Int] = [:]

    /// The orders of the company named `company` in the database behind `api`.
    ///
    /// What several orders need at about the same time goes in one call; see `OdooBatches`. `tellsCustomers`: whether
    /// goods may be told to have left where Odoo mails or texts the customer then. `looksAtOnce`: asked after a call
    /// without an answer, whether it is looked at once what came of it; else the visit ends, and the next one looks.
    public init(
        api: any OdooAPI, company: String, tellsCustomers: Bool = false,
        linger: Duration = OdooOrders.defaultLinger, looksAtOnce: @escaping @Sendable () -> Bool = { true }
    ) {
        self.api = api
        self.tellsCustomers = tellsCustomers
        self.looksAtOnce = looksAtOnce
        self.batches = OdooBatches(api: api, linger: linger)
        self.companyName = company
    }

    /// Creates the order, or finds the one that was created before: the id is the same however often, and from however
    /// many processes at once, it is called.
    ///
    /// An existing order is left as it is.
    ///
    /// Two to five calls for a first order, one when all references are known.
    public func create(_ draft: OrderDraft) async throws(OrderFailure) -> Int {
        do throws(OrderFailure) {
            return try await createOnce(draft)
        } catch .call(let failure) where Self.mayBeStale(failure) {
            // An id that we remembered may be gone: once more with everything looked up anew.
            forget()
            return try await createOnce(draft)
        }
    }

    /// Finds an order by its external identity, changing nothing; nil when there is none.
    ///
    /// An order whose creation is still running in Odoo is not found.
    public func find(legalEntity: String, orderRef: String) async throws(OrderFailure) -> Int? {
        try await batches.finding.ask(
            OrderSought(
                identity: ExternalID.order(legalEntity: legalEntity, orderRef: orderRef), context: companyContext()))
    }

    /// What Odoo says of the order; nil when it is no longer there.
    public func read(_ id: Int) async throws(OrderFailure) -> SalesOrder? {
        try await batches.reading.ask(.init(id: id, context: companyContext()))
    }

    /// Makes the quotation a sales order.
    ///
    /// Done already: nothing happens.
    ///
    /// - Parameters:
    ///   - id: database id.
    ///   - known: what is known of it, when it was read or created a moment ago.
    ///   - lane: its warehouse: confirmations of one warehouse go one after the other.
    /// - Throws: `contradicted` when it is cancelled there or gone; a lost answer only when looking shows it undone.
    public func confirm(_ id: Int, known: SalesOrder.State? = nil, lane: String = "") async throws(OrderFailure) {
        guard try await needsConfirming(id, known) else { return }
        do throws(OrderFailure) {
            if try await move("sale.order/action_confirm", id, lane) == true { return }
        } catch {
            // Refused: another call may have confirmed it. Unknown: it may have happened. The state tells both.
            guard case .call(let failure) = error, isWorthALook(failure),
                try await !needsConfirming(id, nil)
            else { throw error }
            return
        }
        if try await needsConfirming(id, nil) {
            throw .call(
                OdooFailure(
                    .refused, name: "sluice.NotDone", reason: "Odoo asks a question instead of confirming",
                    operation: "sale.order/action_confirm"))
        }
    }

    /// Cancels the order.
    ///
    /// Done already: nothing happens. Unlocks it first when it is locked.
    ///
    /// Refuses, changing nothing, when goods left or an invoice exists: Odoo itself would cancel even then. It does not
    /// wait for the lane of its warehouse, `lane`, unless it was seen to meet what goes there.
    public func cancel(_ id: Int, lane: String = "") async throws(OrderFailure) {
        guard let before = try await order(id), before.state != .cancel else { return }
        if before.shipped { throw .contradicted(.shippedThere) }
        if before.invoiced { throw .contradicted(.invoicedThere) }
        var context = try await companyContext()
        if before.locked {
            _ = try await batches.acting.ask(.init(id: id, context: context), lane: "sale.order/action_unlock")
        }
        context["disable_cancel_warning"] = true
        do throws(OrderFailure) {
            // What is reserved for an order that is confirmed is free then.
            let answer = try await batches.acting.ask(
                .init(id: id, context: context, stock: before.state == .sale ? lane : nil),
                lane: "sale.order/action_cancel")
            if answer == true { return }
        } catch {
            guard case .call(let failure) = error, isWorthALook(failure),
                try await order(id)?.state == .cancel
            else { throw error }
            return
        }
        guard try await order(id)?.state == .cancel else {
            throw .call(
                OdooFailure(
                    .refused, name: "sluice.NotDone", reason: "Odoo asks a question instead of cancelling",
                    operation: "sale.order/action_cancel"))
        }
    }

    /// Writes an internal note on the order.
    ///
    /// Never mails a customer: the subtype is Odoo's internal note, and nobody is addressed. **Not repeatable by
    /// itself**: put a mark into it and look with `notes` after an unknown result.
    public func note(_ id: Int, lines: [String]) async throws(OrderFailure) {
        let body = "<p>" + lines.map(Self.escaped).joined(separator: "<br/>") + "</p>"
        _ = try await call(
            OdooCall(
                "sale.order", "message_post", ids: [id],
                arguments: [
                    "body": .text(body), "body_is_html": true, "message_type": "comment",
                    "subtype_xmlid": "mail.mt_note",
                ],
                context: companyContext()))
    }

    /// Largest number of notes that `notes` reads; the newest ones.
    public static let notesRead = 200

    /// The bodies of the order's messages that contain `mark`, as HTML, newest first.
    public func notes(_ id: Int, containing mark: String) async throws(OrderFailure) -> [String] {
        let rows = try await call(
            OdooCall(
                "mail.message", "search_read",
                arguments: [
                    "domain": [
                        ["model", "=", "sale.order"], ["res_id", "=", .integer(id)], ["body", "ilike", .text(mark)],
                    ],
                    "fields": ["body"], "order": "id desc", "limit": .integer(Self.notesRead),
                ],
                context: companyContext()))
        return (rows.asList ?? []).compactMap { $0["body"]?.asText }
    }

    /// Whether what came of a call is looked at now: refused, another one may have done it; unknown, it may have
    /// happened.
    ///
    /// While most calls fail, a look is one more of them.
    public nonisolated func isWorthALook(_ failure: OdooFailure) -> Bool {
        switch failure.kind {
        case .refused: true
        case .unknown: looksAtOnce()
        default: false
        }
    }

    /// How many rows are kept apart because calls conflicted over them.
    public nonisolated var spacedRows: Int { batches.rows.count }

    /// Forgets every id that was looked up.
    public func forget() {
        company = nil
        warehouses.forgetAll()
        masters.removeAll()
        taxField = nil
        tags.removeAll()
        isSilent = false
    }

    // MARK: Creating

    private func createOnce(_ draft: OrderDraft) async throws(OrderFailure) -> Int {
        let scope = try await scope()
        var warehouse: Int?
        if let code = draft.warehouse { warehouse = try await warehouseID(code, scope) }
        let products = try await productIDs(draft.lines.map(\.sku), scope)
        let taxes = try await taxIDs(draft, scope)
        let partner = try await partnerID(draft, scope)
        let order = LoadedOrder(
            draft: draft, company: scope.company, warehouse: warehouse, partner: partner, products: products,
            taxes: taxes, taxField: taxes == nil ? "" : try await lineTaxField(), context: scope.context)
        return try await batches.creating.ask(order, lane: order.shape)
    }

    /// Ids of the rows that belong to the company, or of the shared ones when none does.
    static func own(_ rows: [OdooValue], _ company: Int) -> [Int] {
        let own = rows.filter { $0["company_id"]?.asRecordID == company }
        let usable = own.isEmpty ? rows.filter { $0["company_id"]?.asRecordID == nil } : own
        return usable.compactMap { $0["id"]?.asInteger }
    }

    // MARK: Calls

    private func needsConfirming(_ id: Int, _ known: SalesOrder.State?) async throws(OrderFailure) -> Bool {
        var state = known
        if state == nil { state = try await order(id)?.state }
        switch state {
        case .sale: return false
        case .draft, .sent: return true
        case .cancel: throw .contradicted(.cancelledThere)
        case nil: throw .contradicted(.gone)
        }
    }

    func order(_ id: Int) async throws(OrderFailure) -> SalesOrder? {
        guard let order = try await read(id) else { throw .contradicted(.gone) }
        return order
    }

    func call(_ call: OdooCall) async throws(OrderFailure) -> OdooValue {
        do throws(OdooFailure) {
            return try await api.call(call)
        } catch {
            throw .call(error)
        }
    }

    /// One record's part of a call that moves stock; one such call at a time in each warehouse.
    func move(
        _ operation: String, _ id: Int, _ lane: String, _ more: [String: OdooValue] = [:]
    ) async throws(OrderFailure) -> OdooValue {
        let context = try await companyContext().merging(more) { _, ours in ours }
        return try await batches.moving.ask(.init(id: id, context: context), lane: "\(operation) \(lane)")
    }
}

// What Sluice does with the sales orders of one company: look up, create, confirm, cancel, note. Each operation may be
// repeated: create by insert-or-ignore under an external identity, confirm and cancel by looking at the state first.

/// A reference that Odoo lacks or has more than once: an exception of the order, not of the destination.
public struct MissingReference: Error, Equatable, Sendable {
    /// What is referred to.
    public enum Kind: String, Sendable {
        case warehouse, product, customer
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
    private let api: any OdooAPI
    private let companyName: String
    private var company: Int?
    private var warehouses = ReferenceCache()
    private var products = ReferenceCache()
    private var partners = ReferenceCache()

    /// The orders of the company named `company` in the database behind `api`.
    public init(api: any OdooAPI, company: String) {
        self.api = api
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
    /// Two calls at most. An order whose creation is still running in Odoo is not found.
    public func find(legalEntity: String, orderRef: String) async throws(OrderFailure) -> Int? {
        let context = try await companyContext()
        let identity = ExternalID.order(legalEntity: legalEntity, orderRef: orderRef)
        let answer = try await call(
            OdooCall(
                "sale.order", "load", arguments: ["fields": ["id"], "data": [[.text(identity)]]],
                context: Self.insertOrIgnore(context)))
        if let id = answer["ids"]?.asList?.first?.asInteger { return id }
        let messages = answer["messages"]?.asList ?? []
        // For an order that is not there `load` tries to create one out of nothing and misses required fields.
        if messages.contains(where: { $0["field"]?.asText != nil }) { return nil }
        throw .call(
            OdooFailure.of(messages: messages, record: 0, operation: "sale.order/load")
                ?? OdooFailure(
                    .unknown, name: "load.unreadable", reason: "neither ids nor messages", operation: "sale.order/load")
        )
    }

    /// What Odoo says of the order; nil when it is no longer there.
    public func read(_ id: Int) async throws(OrderFailure) -> SalesOrder? {
        let context = try await companyContext()
        let rows = try await call(
            OdooCall(
                "sale.order", "read", ids: [id], arguments: ["fields": SalesOrder.fields], context: context))
        return rows.asList?.first.flatMap(SalesOrder.init)
    }

    /// Makes the quotation a sales order.
    ///
    /// Done already: nothing happens.
    ///
    /// - Parameters:
    ///   - id: database id.
    ///   - known: what is known of it, when it was read or created a moment ago.
    /// - Throws: `contradicted` when it is cancelled there or gone; a lost answer only when looking shows it undone.
    public func confirm(_ id: Int, known: SalesOrder.State? = nil) async throws(OrderFailure) {
        guard try await needsConfirming(id, known) else { return }
        do throws(OrderFailure) {
            let answer = try await call(
                OdooCall("sale.order", "action_confirm", ids: [id], context: companyContext()))
            if answer == true { return }
        } catch {
            // Refused: another call may have confirmed it. Unknown: it may have happened. The state tells both.
            guard case .call(let failure) = error, failure.kind == .refused || failure.kind == .unknown,
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
    /// Refuses, changing nothing, when goods left or an invoice exists: Odoo itself would cancel even then.
    public func cancel(_ id: Int) async throws(OrderFailure) {
        guard let before = try await order(id), before.state != .cancel else { return }
        if before.shipped { throw .contradicted(.shippedThere) }
        if before.invoiced { throw .contradicted(.invoicedThere) }
        var context = try await companyContext()
        if before.locked {
            _ = try await call(OdooCall("sale.order", "action_unlock", ids: [id], context: context))
        }
        context["disable_cancel_warning"] = true
        do throws(OrderFailure) {
            let answer = try await call(OdooCall("sale.order", "action_cancel", ids: [id], context: context))
            if answer == true { return }
        } catch {
            guard case .call(let failure) = error, failure.kind == .refused || failure.kind == .unknown,
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

    /// Forgets every id that was looked up.
    public func forget() {
        company = nil
        warehouses.forgetAll()
        products.forgetAll()
        partners.forgetAll()
    }

    // MARK: Creating

    private func createOnce(_ draft: OrderDraft) async throws(OrderFailure) -> Int {
        let scope = try await scope()
        var warehouse: Int?
        if let code = draft.warehouse { warehouse = try await warehouseID(code, scope) }
        let products = try await productIDs(draft.lines.map(\.sku), scope)
        let partner = try await partnerID(draft, scope)
        let rows = Self.rows(
            draft, company: scope.company, warehouse: warehouse, partner: partner, products: products)
        let answer = try await call(
            OdooCall(
                "sale.order", "load", arguments: ["fields": rows.fields, "data": rows.data],
                context: Self.insertOrIgnore(scope.context)))
        return try Self.loadedID(answer, "sale.order/load")
    }

    private func partnerID(_ draft: OrderDraft, _ scope: Scope) async throws(OrderFailure) -> Int {
        if let id = partners[draft.customerRef] { return id }
        let rows = try await search(
            "res.partner", [["ref", "=", .text(draft.customerRef)]], ["ref", "company_id"], limit: 3, scope.context)
        let found = Self.own(rows, scope.company)
        if found.count > 1 { throw .reference(MissingReference(kind: .customer, codes: [], ambiguous: true)) }
        var id = found.first
        if id == nil {
            // Under an identity of the entity's own, so that two of us at once, or a repeated call, make one partner.
            let answer = try await call(
                OdooCall(
                    "res.partner", "load",
                    arguments: [
                        "fields": ["id", "name", "ref", "company_id/.id"],
                        "data": [
                            [
                                .text(ExternalID.partner(legalEntity: draft.legalEntity, ref: draft.customerRef)),
                                .text(draft.customerName.isEmpty ? draft.customerRef : draft.customerName),
                                .text(draft.customerRef), .text(String(scope.company)),
                            ]
                        ],
                    ],
                    context: Self.insertOrIgnore(scope.context)))
            id = try Self.loadedID(answer, "res.partner/load")
        }
        guard let id else { throw .reference(MissingReference(kind: .customer, codes: [], ambiguous: false)) }
        partners.remember(draft.customerRef, id)
        return id
    }

    // MARK: References

    /// The company and the context that keeps every call within it.
    struct Scope {
        var company: Int
        var context: [String: OdooValue]

        init(_ company: Int) {
            self.company = company
            self.context = ["allowed_company_ids": [.integer(company)], "lang": "en_US"]
        }
    }

    func scope() async throws(OrderFailure) -> Scope {
        if let company { return Scope(company) }
        let rows = try await search("res.company", [["name", "=", .text(companyName)]], ["name"], limit: 2, [:])
        guard rows.count == 1, let found = rows.first?["id"]?.asInteger else { throw companyMissing() }
        company = found
        return Scope(found)
    }

    private func companyContext() async throws(OrderFailure) -> [String: OdooValue] { try await scope().context }

    private func companyMissing() -> OrderFailure {
        .call(
            OdooFailure(
                .configuration, name: "sluice.NoCompany",
                reason: "the user sees no company, or several, of the configured name",
                operation: "res.company/search_read"))
    }

    private func warehouseID(_ code: String, _ scope: Scope) async throws(OrderFailure) -> Int {
        if let id = warehouses[code] { return id }
        let rows = try await search(
            "stock.warehouse", [["code", "=", .text(code)], ["company_id", "=", .integer(scope.company)]],
            ["code"], limit: 2, scope.context)
        guard rows.count == 1, let id = rows.first?["id"]?.asInteger else {
            throw .reference(MissingReference(kind: .warehouse, codes: [code], ambiguous: rows.count > 1))
        }
        warehouses.remember(code, id)
        return id
    }

    /// Ids of the products, in the sequence of `skus`.
    private func productIDs(_ skus: [String], _ scope: Scope) async throws(OrderFailure) -> [Int] {
        var ids: [String: Int] = [:]
        for sku in skus { ids[sku] = products[sku] }
        let asked = Set(skus).filter { ids[$0] == nil }.sorted()
        if !asked.isEmpty {
            let rows = try await search(
                "product.product", [["default_code", "in", .list(asked.map(OdooValue.text))]],
                ["default_code", "company_id"], limit: 3 * asked.count, scope.context)
            var missing: [String] = []
            var ambiguous: [String] = []
            for sku in asked {
                let found = Self.own(rows.filter { $0["default_code"]?.asText == sku }, scope.company)
                if found.count > 1 { ambiguous.append(sku) }
                guard let id = found.first else {
                    missing.append(sku)
                    continue
                }
                ids[sku] = id
            }
            if !missing.isEmpty || !ambiguous.isEmpty {
                throw .reference(
                    MissingReference(
                        kind: .product, codes: missing.isEmpty ? ambiguous : missing, ambiguous: missing.isEmpty))
            }
            for sku in asked { if let id = ids[sku] { products.remember(sku, id) } }
        }
        return skus.compactMap { ids[$0] }
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

    private func order(_ id: Int) async throws(OrderFailure) -> SalesOrder? {
        guard let order = try await read(id) else { throw .contradicted(.gone) }
        return order
    }

    func search(
        _ model: String, _ domain: OdooValue, _ fields: OdooValue, limit: Int, _ context: [String: OdooValue]
    ) async throws(OrderFailure) -> [OdooValue] {
        let rows = try await call(
            OdooCall(
                model, "search_read",
                arguments: ["domain": domain, "fields": fields, "limit": .integer(limit), "order": "id"],
                context: context))
        return rows.asList ?? []
    }

    private func call(_ call: OdooCall) async throws(OrderFailure) -> OdooValue {
        do throws(OdooFailure) {
            return try await api.call(call)
        } catch {
            throw .call(error)
        }
    }
}

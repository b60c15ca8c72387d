// What orders refer to: found once, remembered, asked for in one call for all who need it at the same time.

extension OdooOrders {
    func partnerID(_ draft: OrderDraft, _ scope: Scope) async throws(OrderFailure) -> Int {
        if let id = masters[.customer]?[draft.customerRef] { return id }
        let found = try await look(up: [draft.customerRef], in: .customer, scope)[draft.customerRef] ?? []
        if found.count > 1 { throw .reference(MissingReference(kind: .customer, codes: [], ambiguous: true)) }
        var id = found.first
        if id == nil {
            // Under an identity of the entity's own, so that two of us at once, or a repeated call, make one partner.
            id = try await batches.partners.ask(
                LoadedPartner(
                    identity: ExternalID.partner(legalEntity: draft.legalEntity, ref: draft.customerRef),
                    name: draft.customerName.isEmpty ? draft.customerRef : draft.customerName,
                    ref: draft.customerRef, company: scope.company, context: scope.context))
        }
        guard let id else { throw .reference(MissingReference(kind: .customer, codes: [], ambiguous: false)) }
        masters[.customer, default: ReferenceCache()].remember(draft.customerRef, id)
        return id
    }

    /// Ids of the lines' taxes; nil where a line names none: Odoo's own rules decide then.
    func taxIDs(_ draft: OrderDraft, _ scope: Scope) async throws(OrderFailure) -> [Int]? {
        let names = draft.lines.compactMap(\.tax)
        guard !names.isEmpty, names.count == draft.lines.count else { return nil }
        return try await ids(of: names, in: .tax, .tax, scope)
    }

    /// Ids of the products, in the sequence of `skus`.
    func productIDs(_ skus: [String], _ scope: Scope) async throws(OrderFailure) -> [Int] {
        try await ids(of: skus, in: .product, .product, scope)
    }

    func ids(
        of codes: [String], in master: Master, _ kind: MissingReference.Kind, _ scope: Scope
    ) async throws(OrderFailure) -> [Int] {
        let known = masters[master] ?? ReferenceCache()
        let asked = Set(codes).filter { known[$0] == nil }.sorted()
        var ids = Dictionary(uniqueKeysWithValues: Set(codes).compactMap { code in known[code].map { (code, $0) } })
        guard !asked.isEmpty else { return codes.compactMap { ids[$0] } }
        let found = try await look(up: asked, in: master, scope)
        let missing = asked.filter { found[$0]?.isEmpty ?? true }
        let ambiguous = asked.filter { (found[$0]?.count ?? 0) > 1 }
        guard missing.isEmpty, ambiguous.isEmpty else {
            throw .reference(
                MissingReference(
                    kind: kind, codes: missing.isEmpty ? ambiguous : missing, ambiguous: missing.isEmpty))
        }
        for (code, rows) in found {
            guard let id = rows.first else { continue }
            ids[code] = id
            masters[master, default: ReferenceCache()].remember(code, id)
        }
        return codes.compactMap { ids[$0] }
    }

    /// The lines' column of taxes was renamed with 19.
    func lineTaxField() async throws(OrderFailure) -> String {
        if let taxField { return taxField }
        let version = try await batches.versions.ask(())
        let isNew = DetectedAPI.major(version) ?? DetectedAPI.firstJSON2 >= DetectedAPI.firstJSON2
        let field = isNew ? "tax_ids" : "tax_id"
        taxField = field
        return field
    }

    /// The records of `codes`; codes of all who ask at once go in one call.
    func look(up codes: [String], in master: Master, _ scope: Scope) async throws(OrderFailure) -> [String: [Int]] {
        try await batches.lookups.ask(
            CodeLookup(
                model: master.model, field: master.field, codes: codes, domain: master.domain, company: scope.company,
                context: scope.context), lane: master.model)
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
        let found = try await batches.lookups.ask(
            CodeLookup(model: "res.company", field: "name", codes: [companyName], context: [:]), lane: "res.company")
        guard let ids = found[companyName], ids.count == 1 else { throw companyMissing() }
        company = ids[0]
        return Scope(ids[0])
    }

    func companyContext() async throws(OrderFailure) -> [String: OdooValue] { try await scope().context }

    func companyMissing() -> OrderFailure {
        .call(
            OdooFailure(
                .configuration, name: OdooFailure.noCompany,
                reason: "the user sees no company, or several, of the configured name",
                operation: "res.company/search_read"))
    }

    func warehouseID(_ code: String, _ scope: Scope) async throws(OrderFailure) -> Int {
        if let id = warehouses[code] { return id }
        let found = try await batches.lookups.ask(
            CodeLookup(
                model: "stock.warehouse", field: "code", codes: [code],
                domain: [["company_id", "=", .integer(scope.company)]], context: scope.context),
            lane: "stock.warehouse")
        guard let ids = found[code], ids.count == 1 else {
            throw .reference(
                MissingReference(kind: .warehouse, codes: [code], ambiguous: !(found[code] ?? []).isEmpty))
        }
        warehouses.remember(code, ids[0])
        return ids[0]
    }

    // MARK: Customers

    /// Context of calls after which Odoo may write to people.
    var silence: [String: OdooValue] {
        tellsCustomers ? [:] : ["skip_sms": true, "mail_auto_subscribe_no_notify": true]
    }

    /// Refuses to ship where Odoo is set up to mail the customer then: nothing that a call says keeps it from that.
    func requireSilence() async throws(OrderFailure) {
        guard !tellsCustomers else { return }
        let scope = try await scope()
        if isSilent { return }
        guard try await batches.silence.ask(.init(id: scope.company, context: scope.context)) else {
            // Asked again next time: somebody is about to change it.
            throw .call(
                OdooFailure(
                    .refused, name: "sluice.WouldMail",
                    reason: "Odoo mails the customer when goods leave: end that in its settings, or set "
                        + "odoo.tells_customers", operation: "stock.picking/button_validate"))
        }
        isSilent = true
    }
}

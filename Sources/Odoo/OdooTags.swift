// What is made visible at an order by tags: holds, and what became of its money.

extension OdooOrders {
    /// Name of the tag that an order on hold has.
    public static let holdTagName = "Sluice: on hold"
    /// What the name of the tag of a payment's status begins with.
    public static let paymentTagPrefix = "Sluice: payment "
    /// Statuses that payments can have.
    public static let paymentStatuses = ["authorized", "captured", "refunded", "failed"]

    /// Makes a hold visible: the tag, and nothing reserved.
    ///
    /// Advisory: Odoo's scheduler reserves again.
    public func hold(_ id: Int, isConfirmed: Bool, lane: String) async throws(OrderFailure) {
        try await tag(id, [Self.holdTagName], instead: [])
        guard isConfirmed else { return }
        let reserved = try await moves(of: id).filter { $0.isOpen && $0.quantity > 0 }
        for picking in Set(reserved.map(\.picking)).sorted() {
            _ = try await move("stock.picking/do_unreserve", picking, lane)
        }
    }

    /// Ends a hold: the tag goes, and goods are reserved again.
    public func release(_ id: Int, isConfirmed: Bool, lane: String) async throws(OrderFailure) {
        try await tag(id, [], instead: [Self.holdTagName])
        if isConfirmed { try await assign(id, lane: lane) }
    }

    /// Makes the status of the order's money visible: its tag, and none of another status.
    ///
    /// A tag and no payment of Odoo's: which journal the money came into only its accounting knows.
    public func markPayment(_ id: Int, status: String) async throws(OrderFailure) {
        let others = Self.paymentStatuses.filter { $0 != status }
        try await tag(
            id, [Self.paymentTagPrefix + status], instead: others.map { Self.paymentTagPrefix + $0 })
    }

    /// May be repeated.
    private func tag(_ id: Int, _ names: [String], instead others: [String]) async throws(OrderFailure) {
        let context = try await companyContext()
        var write = TagWrite(id: id, context: context)
        write.linked = try await tagIDs(names, context)
        write.unlinked = try await tagIDs(others, context)
        try await batches.tagging.ask(write, lane: write.lane)
    }

    /// Ids of tags; those that Odoo lacks are made.
    private func tagIDs(_ names: [String], _ context: [String: OdooValue]) async throws(OrderFailure) -> [Int] {
        guard !names.isEmpty else { return [] }
        let known = names.compactMap { tags[$0] }
        if known.count == names.count { return known }
        let ids = try await batches.tags.ask(TagsSought(names: names, context: context))
        for (name, id) in zip(names, ids) { tags[name] = id }
        return ids
    }
}

public import Odoo
public import OrderEvents

/// A business exception that a visit raised.
public struct DeliveryException: Equatable, Sendable {
    /// What kind.
    public var code: ExceptionCode
    /// What is wrong and where to mend it.
    ///
    /// Codes of configuration and articles may appear; customers' data never.
    public var detail: String
}

/// What became of one visit.
///
/// Usable also when the visit stopped half-way: `delivered` is what is known then.
public struct DeliveryResult: Equatable, Sendable {
    /// How the visit ended.
    public enum End: Equatable, Sendable {
        /// Odoo has what is true at `delivered.version`.
        case done
        /// A person has to act, in Odoo, in the configuration or on the order: see `exceptions`. To be tried again when
        /// the order changes or after a long time.
        case refused
        /// To be tried again, after the retry policy's delay and not before `after` seconds.
        case retry(after: Int?)
        /// Nothing can succeed at this destination until a person acts: wrong key, address, database or company.
        case stopped
    }

    /// What Odoo is known to have now.
    ///
    /// To be recorded whatever the end.
    public var delivered: DeliveredState
    /// How the visit ended.
    public var end: End
    /// What a person in the business must see; all other exceptions of delivery of this order have ended when the end
    /// is `done`.
    public var exceptions: [DeliveryException]
    /// The failure that ended the visit; nil for `done` and for what the plan itself refused.
    public var failure: OdooFailure?

    /// How long to wait before the next visit: nil when there is none to plan (`done`).
    ///
    /// - Parameters:
    ///   - policy: backoff.
    ///   - attempt: failures in a row, this one included.
    ///   - random: uniform in 0..<1.
    /// - Returns: the wait, or nil.
    public func delay(_ policy: RetryPolicy, attempt: Int, random: Double) -> Duration? {
        switch end {
        case .done: nil
        case .retry(let seconds):
            policy.delay(attempt: attempt, random: random, retryAfter: seconds.map { .seconds($0) })
        case .refused, .stopped: policy.cap * (0.5 + random / 2)
        }
    }
}

/// Brings one order up to date in Odoo, step by step.
///
/// At most one visit of an order at a time, anywhere: that is the caller's affair, by leases. Even without it no order
/// is created twice.
public struct OrderDelivery: Sendable {
    /// How long after an unknown result Odoo may still do what it was asked: its own limit of 120 s for a call, and
    /// time in its queue.
    public static let defaultSettle: Duration = .seconds(180)

    private let createAt: CreateAt
    private let settle: Duration

    /// Visits for one legal entity.
    ///
    /// - Parameters:
    ///   - createAt: from which state on orders are created.
    ///   - settle: how long an order that was cancelled while its creation was uncertain is watched before it counts as
    ///     never created.
    public init(createAt: CreateAt, settle: Duration = OrderDelivery.defaultSettle) {
        self.createAt = createAt
        self.settle = settle
    }

    /// Takes the steps from `delivered` to `order`, until done or until one fails.
    ///
    /// Nothing is repeated within a visit but what looking has shown not to have happened.
    ///
    /// - Parameters:
    ///   - order: what is true.
    ///   - delivered: what Odoo is known to have.
    ///   - odoo: the company's orders.
    ///   - now: wall clock, for `uncertainSince`.
    /// - Returns: what Odoo is known to have then, and how the visit ended.
    public func deliver(
        _ order: DeliveryOrder, _ delivered: DeliveredState, via odoo: OdooOrders, now: Timestamp
    ) async -> DeliveryResult {
        var result = DeliveryResult(delivered: delivered, end: .done, exceptions: [], failure: nil)
        var knownState: SalesOrder.State?
        let steps = DeliveryPlan.next(order, delivered, createAt: createAt)
        for step in steps {
            do throws(OrderFailure) {
                switch step {
                case .look:
                    result.delivered.odooID =
                        try await odoo.find(legalEntity: order.legalEntity, orderRef: order.orderRef).map(Int64.init)
                case .create:
                    let id = try await create(order, odoo, certain: delivered.uncertainSince == nil, &knownState)
                    result.delivered.odooID = Int64(id)
                case .confirm:
                    guard let id = result.delivered.odooID else { continue }
                    try await odoo.confirm(Int(id), known: knownState)
                    result.delivered.confirmed = true
                case .cancel:
                    guard let id = result.delivered.odooID else {
                        // Not found, but a creation without an answer may still be running in Odoo.
                        guard let left = unsettledSeconds(delivered, now) else { continue }
                        result.end = .retry(after: left)
                        return result
                    }
                    try await odoo.cancel(Int(id))
                    result.delivered.cancelled = true
                case .note(let remarks, let look):
                    guard let id = result.delivered.odooID else { continue }
                    try await note(remarks, on: Int(id), order, odoo, look: look)
                    result.delivered.told = DeliveryPlan.told(result.delivered.told, adding: remarks)
                case .raise(let code, let detail):
                    result.exceptions.append(DeliveryException(code: code, detail: detail))
                    result.end = .refused
                    return result
                }
            } catch {
                return stopped(result, error, now: now)
            }
        }
        if steps == [.look] {
            if result.delivered.odooID != nil { return await deliver(order, result.delivered, via: odoo, now: now) }
            if let left = unsettledSeconds(delivered, now) {
                result.end = .retry(after: left)
                return result
            }
        }
        result.delivered.version = order.version
        result.delivered.uncertainSince = nil
        return result
    }

    /// Creates the order; after an unknown result it is looked for before the visit gives up.
    private func create(
        _ order: DeliveryOrder, _ odoo: OdooOrders, certain: Bool, _ known: inout SalesOrder.State?
    ) async throws(OrderFailure) -> Int {
        do throws(OrderFailure) {
            let id = try await odoo.create(draft(order))
            // An order that may be older than this visit may have been confirmed, or cancelled by somebody.
            known = certain ? .draft : nil
            return id
        } catch {
            guard case .call(let failure) = error, failure.kind == .unknown,
                let id = try await odoo.find(legalEntity: order.legalEntity, orderRef: order.orderRef)
            else { throw error }
            return id
        }
    }

    private func note(
        _ remarks: [DeliveryPlan.Remark], on id: Int, _ order: DeliveryOrder, _ odoo: OdooOrders, look: Bool
    ) async throws(OrderFailure) {
        var left = remarks
        if look { left = try await untold(remarks, on: id, odoo) }
        guard !left.isEmpty else { return }
        do throws(OrderFailure) {
            try await odoo.note(id, lines: left.map { $0.line(holds: order.holds) })
        } catch {
            guard case .call(let failure) = error, failure.kind == .unknown,
                try await untold(left, on: id, odoo).isEmpty
            else { throw error }
        }
    }

    private func untold(
        _ remarks: [DeliveryPlan.Remark], on id: Int, _ odoo: OdooOrders
    ) async throws(OrderFailure) -> [DeliveryPlan.Remark] {
        let notes = try await odoo.notes(id, containing: DeliveryPlan.Remark.markPrefix)
        return remarks.filter { remark in !notes.contains { $0.contains(remark.mark) } }
    }

    private func unsettledSeconds(_ delivered: DeliveredState, _ now: Timestamp) -> Int? {
        guard let since = delivered.uncertainSince else { return nil }
        let left = Double(settle.components.seconds) - now.seconds(since: since)
        return left > 0 ? Int(left.rounded(.up)) : nil
    }

    private func draft(_ order: DeliveryOrder) -> OrderDraft {
        OrderDraft(
            legalEntity: order.legalEntity, orderRef: order.orderRef, warehouse: order.warehouse,
            customerRef: order.customerRef, customerName: order.customerName,
            lines: order.lines.map {
                OrderDraft.Line(sku: $0.sku, quantity: $0.quantity ?? "0", unitPrice: $0.unitPrice)
            })
    }
}

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
        /// The order has changed so that what was left to do is no longer what has to be done: to be tried again at
        /// once.
        case superseded
        /// Nothing can succeed at this destination until a person acts: wrong key, address, database or company. To be
        /// tried again at least once a minute: one order finds out that somebody did.
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
        case .superseded: .zero
        case .retry(let seconds):
            policy.delay(attempt: attempt, random: random, retryAfter: seconds.map { .seconds($0) })
        // The destination's breaker spaces these visits, and one of them has to find out that the key is mended.
        case .stopped where failure?.isDenial == true:
            min(Breaker.longestOpen, policy.delay(attempt: attempt, random: random))
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
    private let documents: OdooDocuments
    private let settle: Duration

    /// Visits for one legal entity.
    ///
    /// - Parameters:
    ///   - createAt: from which state on orders are created.
    ///   - documents: what is kept in Odoo beside the sales order.
    ///   - settle: how long an order that was cancelled while its creation was uncertain is watched before it counts as
    ///     never created.
    public init(
        createAt: CreateAt, documents: OdooDocuments = .all, settle: Duration = OrderDelivery.defaultSettle
    ) {
        self.createAt = createAt
        self.documents = documents
        self.settle = settle
    }

    /// Takes the steps from `delivered` to `order`, until done, until one fails, or until the task's errand is
    /// superseded.
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
        let steps = DeliveryPlan.next(order, delivered, createAt: createAt, documents: documents)
        for step in steps {
            if case .raise(let code, let detail) = step {
                result.exceptions.append(DeliveryException(code: code, detail: detail))
                result.end = .refused
                return result
            }
            do throws(OrderFailure) {
                if Errand.current?.isSuperseded ?? false { throw .superseded }
                guard let id = result.delivered.odooID.map({ Int($0) }) else {
                    if case .cancel = step, let left = unsettledSeconds(delivered, now) {
                        // Not found, but a creation without an answer may still be running in Odoo.
                        result.end = .retry(after: left)
                        return result
                    }
                    let isCertain = delivered.uncertainSince == nil
                    let found = try await begin(step, order, odoo, certain: isCertain, &knownState)
                    result.delivered.odooID = found.map(Int64.init)
                    continue
                }
                if try await take(step, order, result.delivered, odoo, id, knownState) {
                    result.delivered = DeliveryPlan.done(step, order, result.delivered)
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

    /// The order's id after a step that needs none; nil: it is not there, and the step did nothing.
    private func begin(
        _ step: DeliveryPlan.Step, _ order: DeliveryOrder, _ odoo: OdooOrders, certain: Bool,
        _ known: inout SalesOrder.State?
    ) async throws(OrderFailure) -> Int? {
        switch step {
        case .look: return try await odoo.find(legalEntity: order.legalEntity, orderRef: order.orderRef)
        case .create:
            do throws(OrderFailure) {
                let id = try await odoo.create(draft(order))
                // An order that may be older than this visit may have been confirmed, or cancelled by somebody.
                known = certain ? .draft : nil
                return id
            } catch {
                // After an unknown result it is looked for before the visit gives up.
                guard case .call(let failure) = error, failure.kind == .unknown, odoo.isWorthALook(failure),
                    let id = try await odoo.find(legalEntity: order.legalEntity, orderRef: order.orderRef)
                else { throw error }
                return id
            }
        default: return nil
        }
    }

    /// Takes one step; false: it is not to be done yet, and nothing of it counts as told.
    private func take(
        _ step: DeliveryPlan.Step, _ order: DeliveryOrder, _ delivered: DeliveredState, _ odoo: OdooOrders, _ id: Int,
        _ known: SalesOrder.State?
    ) async throws(OrderFailure) -> Bool {
        let lane = order.warehouse ?? ""
        switch step {
        case .look, .create, .raise: return true
        case .release: try await odoo.release(id, isConfirmed: delivered.confirmed, lane: lane)
        case .confirm: try await odoo.confirm(id, known: known, lane: lane)
        case .assign: try await odoo.assign(id, lane: lane)
        case .hold: try await odoo.hold(id, isConfirmed: delivered.confirmed, lane: lane)
        case .ship(let shipments, let rest):
            let told = order.facts.shipments.filter { delivered.told.contains(DeliveryPlan.shipmentKey($0)) }
            try await odoo.ship(
                id, shipments.map(Self.draft), told: told.map(Self.draft),
                rest: rest == .waits ? .waits : rest == .left ? .left : .dropped, lane: lane)
        case .track: try await odoo.track(id, order.facts.shipments.map(\.tracking))
        case .invoice: return try await odoo.invoice(id)
        case .markPayment(let status): try await odoo.markPayment(id, status: status)
        case .lock: try await odoo.lock(id)
        case .cancel: try await odoo.cancel(id, lane: lane)
        case .note(let remarks, let look): try await note(remarks, on: id, odoo, look: look)
        }
        return true
    }

    private static func draft(_ shipment: DeliveryOrder.Shipment) -> ShipmentDraft {
        ShipmentDraft(
            ref: shipment.ref, tracking: shipment.tracking,
            amounts: shipment.amounts.map { ShipmentDraft.Amount(sku: $0.sku, quantity: $0.quantity) })
    }

    private func note(
        _ remarks: [DeliveryPlan.Remark], on id: Int, _ odoo: OdooOrders, look: Bool
    ) async throws(OrderFailure) {
        var left = remarks
        if look { left = try await untold(remarks, on: id, odoo) }
        guard !left.isEmpty else { return }
        do throws(OrderFailure) {
            try await odoo.note(id, lines: left.map(\.line))
        } catch {
            guard case .call(let failure) = error, failure.kind == .unknown, odoo.isWorthALook(failure),
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
            customerRef: order.customerRef, customerName: order.customerName, origin: order.facts.origin,
            lines: order.lines.map {
                OrderDraft.Line(sku: $0.sku, quantity: $0.quantity ?? "0", unitPrice: $0.unitPrice, tax: $0.tax)
            })
    }
}

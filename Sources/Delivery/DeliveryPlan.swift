public import OrderEvents

/// The shortest legal sequence of steps from what Odoo has to what is true.
///
/// | canonical | Odoo |
/// |---|---|
/// | received, validated | quotation (`draft`), from `create_at` on; see `CreateAt` |
/// | allocated and later states | sales order (`sale`), its goods reserved |
/// | shipments; partially_fulfilled, shipped | deliveries with quantities and tracking number, a backorder |
/// | shipped, and nobody said with what | all that is left is delivered |
/// | shipped, the rest cancelled | the backorder is cancelled |
/// | invoices; invoiced | invoice for what was delivered, posted |
/// | on_hold | a tag, nothing reserved; never confirmed while the hold lasts |
/// | cancelled | `cancel`; nothing when it was never created |
/// | closed | locked |
/// | payments | a tag: authorized, captured, refunded or failed, whichever was told of last |
/// | all of it, delivered, payments | internal notes, each once; several at once are one note |
///
/// Only what is true counts, never the events: ten transitions while Odoo slept are one visit. No fact is dropped.
/// Repeatable: after a crash at any point the plan made from what was recorded does nothing twice, because every step
/// looks or is idempotent, and a note is looked for by its marks when the last visit's end is not known. Pure.
public enum DeliveryPlan {
    /// What a note tells.
    ///
    /// Raw values are stored in `DeliveredState.told`.
    public enum Word: String, CaseIterable, Sendable {
        case onHold = "on_hold"
        case release
        case partiallyFulfilled = "partially_fulfilled"
        case shipped
        case delivered
        case deliveryFailed = "delivery_failed"
        case invoiced
        case payment
        case closed
    }

    /// One thing that a note tells.
    public struct Remark: Equatable, Sendable {
        /// What is told.
        public var word: Word
        /// When it happened.
        public var at: Timestamp
        /// Identity where a word is told of several things; empty: the word is its own.
        public var of = ""
        /// More for people; no more than a line.
        public var detail = ""

        /// What is stored of it once it is told.
        var key: String { of.isEmpty ? word.rawValue : "\(word.rawValue):\(of)" }
    }

    /// One step.
    ///
    /// `deliver` of `OrderDelivery` says how each is made safe.
    public enum Step: Equatable, Sendable {
        /// Find out whether the order exists: a creation may have happened.
        case look
        /// Create it with its lines, as a quotation.
        case create
        /// End the mark of a hold.
        case release
        /// Make the quotation a sales order.
        case confirm
        /// Reserve what was not there before.
        case assign
        /// Mark it as held.
        case hold
        /// Make deliveries: these shipments, then what becomes of the rest.
        case ship([DeliveryOrder.Shipment], rest: Rest)
        /// Write tracking numbers that came after the goods had left.
        case track
        /// Invoice what was delivered, and post it.
        case invoice
        /// Show the status of its money.
        case markPayment(String)
        /// Lock it.
        case lock
        /// Cancel it.
        case cancel
        /// Write one internal note with these remarks; `look` first when it may have been written already.
        case note([Remark], look: Bool)
        /// Raise a business exception and stop: a person has to act first.
        case raise(ExceptionCode, detail: String)
    }

    /// What becomes of goods that no shipment names.
    public enum Rest: Equatable, Sendable {
        /// More is to come.
        case waits
        /// It left as well; nobody said with what.
        case left
        /// It was cancelled.
        case dropped
    }

    /// The steps to take, in this sequence; empty: Odoo has what it should.
    ///
    /// A look alone: the order is held back, but may be in Odoo all the same, and then it goes on.
    public static func next(
        _ order: DeliveryOrder, _ delivered: DeliveredState, createAt: CreateAt = .validated,
        documents: OdooDocuments = .all
    ) -> [Step] {
        let maybeCreated = delivered.odooID == nil && delivered.uncertainSince != nil
        if order.state == .cancelled {
            if delivered.cancelled { return [] }
            if delivered.odooID != nil { return [.cancel] }
            return maybeCreated ? [.look, .cancel] : []
        }
        var steps: [Step] = []
        if delivered.odooID == nil {
            guard createAt.admits(order) else { return maybeCreated ? [.look] : [] }
            if let refusal = unfit(order) { return [refusal] }
            steps.append(.create)
        }
        let isHeld = order.state == .onHold
        if delivered.held, !isHeld { steps.append(.release) }
        var isConfirmed = delivered.confirmed
        if !isConfirmed, !isHeld, order.pathState.rawValue >= CanonicalState.allocated.rawValue {
            steps.append(.confirm)
            isConfirmed = true
        } else if isConfirmed, !isHeld, documents.contains(.shipments), isToAssign(order, delivered) {
            steps.append(.assign)
        }
        if isHeld, !delivered.held, documents.contains(.holds) { steps.append(.hold) }
        if isConfirmed { steps += documentSteps(order, delivered, documents) }
        if documents.contains(.payments), let payment = order.facts.payments.last,
            !delivered.told.contains(paymentKey(payment.status))
        {
            steps.append(.markPayment(payment.status))
        }
        if documents.contains(.notes) {
            let remarks = remarks(order, delivered)
            if !remarks.isEmpty { steps.append(.note(remarks, look: delivered.uncertainSince != nil)) }
        }
        return steps
    }

    /// Why the order cannot be created in Odoo, whatever Odoo has; nil: it can.
    private static func unfit(_ order: DeliveryOrder) -> Step? {
        if order.lines.isEmpty {
            return .raise(.invalidOrder, detail: "the order has no lines, so it cannot be created in Odoo")
        }
        if let line = order.lines.first(where: { $0.sku.isEmpty || $0.quantity == nil }) {
            return .raise(.invalidOrder, detail: "line \(line.line) has no article or no quantity")
        }
        let priced = order.lines.count { $0.unitPrice != nil }
        if priced != 0 && priced != order.lines.count {
            return .raise(.invalidOrder, detail: "some lines have a price and some have none")
        }
        if order.customerRef.isEmpty {
            return .raise(.unknownCustomer, detail: "the order names no customer, and Odoo needs one")
        }
        return nil
    }
}

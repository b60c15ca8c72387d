public import OrderEvents

/// The shortest legal sequence of steps from what Odoo has to what is true.
///
/// | canonical state | Odoo |
/// |---|---|
/// | received, validated | quotation (`draft`), from `create_at` on; see `CreateAt` |
/// | allocated, partially_fulfilled, shipped, invoiced, closed | sales order (`sale`) |
/// | on_hold | as what lies under it, but never confirmed while the hold lasts |
/// | cancelled | `cancel`; nothing when it was never created |
///
/// Partial fulfilment, shipment, invoice, closing, holds and their ends are told as internal notes, each once; several
/// at once are one note. Only the state counts, never the events: ten transitions while Odoo slept are one visit.
///
/// Repeatable: after a crash at any point the plan made from what was recorded does nothing twice, because create,
/// confirm and cancel look or are idempotent, and a note is looked for by its marks when the last visit's end is not
/// known. Pure.
public enum DeliveryPlan {
    /// What a note tells.
    ///
    /// Raw values are stored in `DeliveredState.told`.
    public enum Word: String, CaseIterable, Sendable {
        case onHold = "on_hold"
        case release
        case partiallyFulfilled = "partially_fulfilled"
        case shipped
        case invoiced
        case closed
    }

    /// One thing that a note tells.
    public struct Remark: Equatable, Sendable {
        /// What is told.
        public var word: Word
        /// When it happened.
        public var at: Timestamp
    }

    /// One step.
    ///
    /// `deliver` of `OrderDelivery` says how each is made safe.
    public enum Step: Equatable, Sendable {
        /// Find out whether the order exists: a creation may have happened.
        case look
        /// Create it with its lines, as a quotation.
        case create
        /// Make the quotation a sales order.
        case confirm
        /// Cancel it.
        case cancel
        /// Write one internal note with these remarks; `look` first when it may have been written already.
        case note([Remark], look: Bool)
        /// Raise a business exception and stop: a person has to act first.
        case raise(ExceptionCode, detail: String)
    }

    /// The steps to take, in this sequence; empty: Odoo has what it should.
    ///
    /// A look alone: the order is held back, but may be in Odoo all the same, and then it goes on.
    public static func next(
        _ order: DeliveryOrder, _ delivered: DeliveredState, createAt: CreateAt = .validated
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
        if !delivered.confirmed, order.state != .onHold, order.pathState.rawValue >= CanonicalState.allocated.rawValue {
            steps.append(.confirm)
        }
        let remarks = remarks(order, delivered)
        if !remarks.isEmpty { steps.append(.note(remarks, look: delivered.uncertainSince != nil)) }
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

    private static func remarks(_ order: DeliveryOrder, _ delivered: DeliveredState) -> [Remark] {
        var remarks: [Remark] = []
        func told(_ word: Word) -> Bool { delivered.told.contains(word.rawValue) }
        if let since = order.reachedAt(.onHold) ?? (order.state == .onHold ? Timestamp(microseconds: 0) : nil) {
            let open = order.state == .onHold
            if open && !told(.onHold) { remarks.append(Remark(word: .onHold, at: since)) }
            if !open && !told(.release) {
                if !told(.onHold) { remarks.append(Remark(word: .onHold, at: since)) }
                remarks.append(Remark(word: .release, at: since))
            }
        }
        let path: [(CanonicalState, Word)] = [
            (.partiallyFulfilled, .partiallyFulfilled), (.shipped, .shipped), (.invoiced, .invoiced),
            (.closed, .closed),
        ]
        for (state, word) in path where !told(word) {
            if let at = order.reachedAt(state) ?? (order.state == state ? Timestamp(microseconds: 0) : nil) {
                remarks.append(Remark(word: word, at: at))
            }
        }
        return remarks
    }

    /// What is told after `remarks` were written: `on_hold` and `release` take each other's place, so that the next
    /// hold is told again.
    static func told(_ before: Set<String>, adding remarks: [Remark]) -> Set<String> {
        var told = before
        for remark in remarks {
            if remark.word == .onHold { told.remove(Word.release.rawValue) }
            if remark.word == .release { told.remove(Word.onHold.rawValue) }
            told.insert(remark.word.rawValue)
        }
        return told
    }
}

extension DeliveryPlan.Remark {
    /// What all marks begin with: what is looked for.
    static let markPrefix = "sluice:"

    /// The mark by which the remark is found again in a note: word, and time of the event that told it, so that a
    /// second hold has another mark than the first.
    ///
    /// Stable across processes.
    var mark: String { "[\(Self.markPrefix)\(word.rawValue)@\(at.microseconds)]" }

    /// One line of a note, for people and for `mark`.
    func line(holds: [String]) -> String {
        let words =
            switch word {
            case .onHold: holds.isEmpty ? "On hold" : "On hold: " + holds.prefix(8).joined(separator: ", ")
            case .release: "Released: no hold is open"
            case .partiallyFulfilled: "Partially fulfilled"
            case .shipped: "Shipped"
            case .invoiced: "Invoiced"
            case .closed: "Closed"
            }
        return "\(words) \(mark)"
    }
}

internal import OrderEvents

// What notes tell: words of the path and of holds, milestones, money.

extension DeliveryPlan {
    static func remarks(_ order: DeliveryOrder, _ delivered: DeliveredState) -> [Remark] {
        var remarks: [Remark] = []
        func told(_ remark: Remark) -> Bool { delivered.told.contains(remark.key) }
        func tell(_ remark: Remark) { if !told(remark) { remarks.append(remark) } }
        if let since = order.reachedAt(.onHold) ?? (order.state == .onHold ? Timestamp(microseconds: 0) : nil) {
            let hold = Remark(word: .onHold, at: since, detail: order.holds.prefix(8).joined(separator: ", "))
            let release = Remark(word: .release, at: since)
            if order.state == .onHold {
                tell(hold)
            } else if !told(release) {
                tell(hold)
                remarks.append(release)
            }
        }
        func tell(_ word: Word, _ state: CanonicalState, _ detail: String = "") {
            guard let at = order.reachedAt(state) ?? (order.state == state ? Timestamp(microseconds: 0) : nil) else {
                return
            }
            tell(Remark(word: word, at: at, detail: detail))
        }
        let shipments = shipments(order)
        tell(.partiallyFulfilled, .partiallyFulfilled, shipments)
        tell(.shipped, .shipped, shipments)
        if let at = order.facts.deliveryFailed {
            tell(Remark(word: .deliveryFailed, at: at, of: String(at.microseconds)))
        }
        if let at = order.facts.delivered { tell(Remark(word: .delivered, at: at)) }
        tell(.invoiced, .invoiced, order.facts.invoices.prefix(8).joined(separator: ", "))
        for payment in order.facts.payments {
            tell(
                Remark(
                    word: .payment, at: payment.at, of: "\(payment.ref):\(payment.status)",
                    detail: "\(payment.ref) \(payment.status)" + (payment.amount.map { " \($0)" } ?? "")))
        }
        tell(.closed, .closed)
        return remarks
    }

    private static func shipments(_ order: DeliveryOrder) -> String {
        order.facts.shipments.prefix(8).map { shipment in
            [shipment.ref, shipment.carrier, shipment.tracking == shipment.ref ? "" : shipment.tracking]
                .filter { !$0.isEmpty }.joined(separator: " ")
        }.joined(separator: ", ")
    }

    /// What is told after `remarks` were written: `on_hold` and `release` take each other's place, so that the next
    /// hold is told again.
    static func told(_ before: Set<String>, adding remarks: [Remark]) -> Set<String> {
        var told = before
        for remark in remarks {
            if remark.word == .onHold { told.remove(Word.release.rawValue) }
            if remark.word == .release { told.remove(Word.onHold.rawValue) }
            told.insert(remark.key)
        }
        return told
    }
}

extension DeliveryPlan.Remark {
    /// What all marks begin with: what is looked for.
    static let markPrefix = "sluice:"

    /// The mark by which the remark is found again in a note: what it tells, and the time of the event that told it, so
    /// that a second hold has another mark than the first.
    ///
    /// Stable across processes.
    var mark: String { "[\(Self.markPrefix)\(key)@\(at.microseconds)]" }

    /// One line of a note, for people and for `mark`.
    var line: String {
        let words =
            switch word {
            case .onHold: "On hold"
            case .release: "Released: no hold is open"
            case .partiallyFulfilled: "Partially fulfilled"
            case .shipped: "Shipped"
            case .delivered: "Delivered"
            case .deliveryFailed: "Could not be delivered"
            case .invoiced: "Invoiced"
            case .payment: "Payment"
            case .closed: "Closed"
            }
        return (detail.isEmpty ? words : "\(words): \(detail)") + " \(mark)"
    }
}

public import OrderEvents
import Orders

// Who says what of an order, and who disagrees.

extension OrderView {
    /// What one system says of the order.
    public struct System: Equatable, Sendable {
        /// The channel, or `odoo`.
        public var name: String
        /// Its last word; empty: none.
        public var word: String
        /// When it said so: event time of a channel, time of the last delivery to Odoo.
        public var at: Timestamp?
        /// In what it differs from the order's state; nil: it agrees.
        public var disagreement: String?

        /// What one system says; see the properties.
        public init(name: String, word: String, at: Timestamp?, disagreement: String? = nil) {
            self.name = name
            self.word = word
            self.at = at
            self.disagreement = disagreement
        }
    }

    /// One line a system, as they first spoke; Odoo last.
    ///
    /// `delivers`: whether the legal entity has an Odoo.
    public func systems(delivers: Bool) -> [System] {
        var systems = order.channels.map { told in
            System(
                name: told.channel, word: told.lastWord, at: told.lastAt.microseconds == 0 ? nil : told.lastAt,
                disagreement: disagreement(of: told))
        }
        if delivers { systems.append(odoo) }
        return systems
    }

    private func disagreement(of told: Order.ChannelProgress) -> String? {
        let holds = order.holds.filter { $0.endedAt == nil && $0.channel == told.channel }
        if !holds.isEmpty {
            let reasons = holds.map { $0.reason.isEmpty ? "without a reason" : $0.reason }
            return "holds: \(reasons.joined(separator: ", "))"
        }
        let gap = ExceptionCode.sequenceGap.rawValue
        if waiting.contains(where: { $0.channel == told.channel && $0.code == gap }) {
            return "events of it wait for a number that is missing"
        }
        if order.disputing.contains(told.channel) { return "says more than those whose word counts" }
        guard let word = CanonicalState(name: told.lastWord), let path = order.path, word != path else { return nil }
        switch word {
        case .cancelled: return path == .closed ? nil : "says cancelled"
        case .onHold, .closed: return nil
        case .received, .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced:
            if path == .cancelled {
                let wentOn = order.time(of: .cancelled).map { told.lastAt > $0 } ?? false
                return wentOn ? "went on after the cancellation" : nil
            }
            return word.rawValue > path.rawValue ? "says \(word.name), which does not count yet" : nil
        }
    }

    private var odoo: System {
        var system = System(name: "odoo", word: delivery?.state?.name ?? "", at: delivery?.confirmedAt)
        let codes: [ExceptionCode] = [.stateMismatch, .odooRejected, .odooMissingReference]
        if let open = exceptions.first(where: { exception in
            exception.resolvedAt == nil && codes.contains { $0.rawValue == exception.code }
        }) {
            system.disagreement = open.code
        } else if delivery?.odooID == nil {
            system.disagreement = order.path == nil || order.path == .cancelled ? nil : "does not have it"
        } else if standing != nil {
            system.disagreement = "is behind"
        }
        return system
    }
}

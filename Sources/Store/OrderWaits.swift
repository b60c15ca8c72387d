public import OrderEvents
import Orders

// What an order waits for, and since when.

extension OrderView {
    /// One thing that the order waits for.
    public struct Wait: Equatable, Sendable {
        /// What kind of thing it is, for programs.
        public enum Kind: String, Sendable {
            case hold, gap, event, validation, goods, odoo
        }

        /// What kind of thing it is.
        public var kind: Kind
        /// In words.
        public var what: String
        /// Since when; nil: nobody knows.
        public var since: Timestamp?
        /// When it is not waited for any longer; nil: until it comes.
        public var until: Timestamp?

        /// One thing that the order waits for; see the properties.
        public init(_ kind: Kind, _ what: String, since: Timestamp?, until: Timestamp? = nil) {
            self.kind = kind
            self.what = what
            self.since = since
            self.until = until
        }
    }

    /// What the legal entity decides, as far as an order may wait for it.
    public struct Expectations: Sendable {
        /// The company in Odoo; nil: nothing is delivered.
        public var company: String?
        /// The state from which Odoo has the order.
        public var createAt: CanonicalState
        /// Whether Sluice itself gives the verdict.
        public var validates: Bool

        /// What the legal entity decides; see the properties.
        public init(company: String?, createAt: CanonicalState, validates: Bool) {
            self.company = company
            self.createAt = createAt
            self.validates = validates
        }
    }

    /// What the order waits for, the most pressing first; empty: nothing.
    public func waits(_ expected: Expectations) -> [Wait] {
        holdWaits + gapWaits + eventWaits + validationWaits(expected) + goodsWaits + odooWaits(expected)
    }

    private var holdWaits: [Wait] {
        order.holds.filter { $0.endedAt == nil }.map { hold in
            let reason = hold.reason.isEmpty ? "" : " (\(hold.reason))"
            return Wait(.hold, "the end of a hold\(reason) of \(hold.channel)", since: hold.since)
        }
    }

    /// Numbers that are missing, channel by channel.
    private var gapWaits: [Wait] {
        let behind = waiting.filter { $0.code == ExceptionCode.sequenceGap.rawValue }
        return Set(behind.map(\.channel)).sorted().map { channel in
            let events = behind.filter { $0.channel == channel }
            let held = Set(events.compactMap(\.sequence))
            let next = order.channels.first { $0.channel == channel }?.nextSequence ?? 0
            var what = "numbers of \(channel) before \(held.min() ?? 0)"
            if next > 0, let last = held.max(), last > next {
                what = "\(channel)'s number \(Self.ranges(from: next, to: last, without: held))"
            }
            what += "; \(events.count) \(events.count == 1 ? "event waits" : "events wait") behind it"
            return Wait(.gap, what, since: events.map(\.since).min(), until: events.compactMap(\.until).min())
        }
    }

    /// The numbers from `first` to `last` that are not in `held`, as ranges; the first few.
    static func ranges(from first: Int64, to last: Int64, without held: Set<Int64>) -> String {
        var ranges: [String] = []
        var from = first
        for number in held.sorted() + [last] where number >= from {
            if number > from { ranges.append(number - 1 == from ? "\(from)" : "\(from)-\(number - 1)") }
            from = number + 1
        }
        let shown = ranges.prefix(5).joined(separator: ", ")
        return ranges.count > 5 ? shown + ", ..." : shown
    }

    private var eventWaits: [Wait] {
        waiting.filter { $0.code != ExceptionCode.sequenceGap.rawValue }.map { event in
            let number = event.sequence.map { " (number \($0))" } ?? ""
            return Wait(
                .event, "\(Self.cause(event.code)): \(event.channel)'s event \(event.eventID)\(number) is parked",
                since: event.since, until: event.until)
        }
    }

    private static func cause(_ code: String) -> String {
        switch ExceptionCode(rawValue: code) {
        case .orderNotBegun: "its beginning"
        case .releaseWithoutHold: "the hold that a release ends"
        case .illegalTransition: "what has to come before"
        case .unknownReference: "a name that nobody has told"
        default: code
        }
    }

    private static let validationCodes: [ExceptionCode] = [
        .invalidOrder, .unknownCustomer, .unknownProduct, .unknownTax, .priceMismatch,
    ]

    private func validationWaits(_ expected: Expectations) -> [Wait] {
        guard expected.validates, let path = order.path, path != .cancelled, path != .closed else { return [] }
        let failed = exceptions.filter { exception in
            exception.resolvedAt == nil && Self.validationCodes.contains { $0.rawValue == exception.code }
        }
        if !failed.isEmpty {
            return failed.map { Wait(.validation, "validation: \($0.code): \($0.detail)", since: $0.firstSeen) }
        }
        if let validation {
            let tries = validation.attempts > 0 ? ", tried \(validation.attempts) times" : ""
            return [Wait(.validation, "validation: Odoo has to be asked\(tries)", since: validation.since)]
        }
        guard path == .received, order.lines.isEmpty else { return [] }
        return [Wait(.validation, "validation: nobody has told its lines", since: order.time(of: .received))]
    }

    private var goodsWaits: [Wait] {
        order.quantities.flatMap { row -> [Wait] in
            guard !row.backordered.isZero, !row.remaining.isZero else { return [] }
            return row.warehouses.filter { !$0.backordered.isZero }.map { site in
                let place = site.warehouse.isEmpty ? "" : " at \(site.warehouse)"
                let expected = site.expected.isEmpty ? "" : ", expected \(site.expected)"
                let article = row.sku.isEmpty ? "line \(row.line)" : row.sku
                return Wait(
                    .goods, "goods: \(site.backordered) of \(article) on backorder\(place)\(expected)", since: nil)
            }
        }
    }

    private func odooWaits(_ expected: Expectations) -> [Wait] {
        guard let company = expected.company, let path = order.path else { return [] }
        let refused: [ExceptionCode] = [.odooRejected, .odooMissingReference, .stateMismatch]
        let open = exceptions.filter { exception in
            exception.resolvedAt == nil && refused.contains { $0.rawValue == exception.code }
        }
        if let standing {
            if let refusal = open.first {
                return [
                    Wait(.odoo, "\(company) refuses it: \(refusal.code): \(refusal.detail)", since: refusal.firstSeen)
                ]
            }
            guard standing.attempts > 0 else {
                return [Wait(.odoo, "its delivery to \(company), which is due", since: standing.since)]
            }
            let visit = standing.visitedAt != nil ? "a visit is under way" : "next at \(standing.dueAt.rfc3339)"
            let tries = standing.attempts == 1 ? "tried once" : "tried \(standing.attempts) times"
            return [Wait(.odoo, "\(company), \(tries) without success, \(visit)", since: standing.since)]
        }
        guard delivery?.odooID == nil, path.rawValue < expected.createAt.rawValue else { return [] }
        let what = "\(company) gets it once it is \(expected.createAt.name)"
        return [Wait(.odoo, what, since: order.time(of: path))]
    }
}

import Foundation
import OrderEvents
import Orders

/// An event of a test, as a person would tell it.
struct Told: Sendable {
    var word: StatusWord?
    var milestone: Milestone?
    var channel = "shop"
    var at: Int64
    var sequence: Int64?
    var polledAt: Int64?
    var reason: String?
    /// Ordered: `article` or `article:quantity`.
    var lines: [String] = []
    /// What left: lines as `line` or `line:quantity`.
    var shipment: (ref: String, tracking: String, lines: [String])?
    var invoice: String?
    var invoiced: [String] = []
    /// Allocated: `line:quantity`, and behind another colon what is on backorder.
    var allocated: [String] = []
    /// Cancelled: `line:quantity`; empty: all that is left; nil: nothing is said of it.
    var cancelled: [String]?
    var payment: (ref: String, status: PaymentStatus)?
    var reference: String?
    var total: Int64?
    var customer = ""
    var warehouse = ""
    var refusal: ExceptionCode?

    init(_ word: StatusWord?, _ at: Int64, channel: String = "shop", sequence: Int64? = nil) {
        self.word = word
        self.at = at
        self.channel = channel
        self.sequence = sequence
    }

    init(_ state: CanonicalState, _ at: Int64, channel: String = "shop", sequence: Int64? = nil) {
        self.init(.state(state), at, channel: channel, sequence: sequence)
    }

    static func milestone(_ milestone: Milestone, _ at: Int64, channel: String = "shop") -> Told {
        Told(nil, at, channel: channel).with { $0.milestone = milestone }
    }

    func with(_ change: (inout Told) -> Void) -> Told {
        var changed = self
        change(&changed)
        return changed
    }

    /// The event in one line, for messages.
    var line: String {
        var parts = [
            "@\(at) \(channel): \(word?.name ?? "-") \(milestone?.name ?? "")\(reason.map { "(\($0))" } ?? "")"
        ]
        if !lines.isEmpty { parts.append("lines \(lines)") }
        if let shipment { parts.append("shipment \(shipment.ref) \(shipment.tracking) \(shipment.lines)") }
        if let invoice { parts.append("invoice \(invoice) \(invoiced)") }
        if let payment { parts.append("payment \(payment.ref) \(payment.status)") }
        if !allocated.isEmpty { parts.append("allocated \(allocated)") }
        if let cancelled { parts.append("cancelled \(cancelled)") }
        if let total { parts.append("total \(total)") }
        return parts.joined(separator: ", ") + (warehouse.isEmpty ? "" : " in \(warehouse)")
    }

    /// Times of tests are small; zero and below mean "never" in a document.
    static let epoch: Int64 = 1_000_000

    var event: OrderEvent {
        var text = Text()
        let time = Timestamp(microseconds: Self.epoch + at)
        let polled = polledAt.map { Timestamp(microseconds: Self.epoch + $0) } ?? Timestamp(microseconds: .max)
        var event = OrderEvent(
            source: SourcePosition(partition: 0, epoch: 1, offset: 0, loggedAt: nil, polledAt: polled), bytes: [],
            payloadCount: 0, contentHash: 0, channel: 0)
        event.status = word
        event.milestone = milestone
        event.occurredAt = time
        event.sequence = sequence
        event.total = total.flatMap { ExactDecimal(mantissa: $0) }
        event.customerRef = text.add(customer)
        event.lines = lines.map { told in
            var line = OrderLine()
            line.sku = text.add(Self.parts(told)[0])
            line.quantity = Self.quantity(told, 1) ?? .one
            return line
        }
        let amounts = { (told: [String]) in
            told.map {
                LineQuantity(
                    line: text.add(Self.parts($0)[0]), quantity: Self.quantity($0, 1) ?? .one,
                    backordered: Self.quantity($0, 2))
            }
        }
        var facts: Facts?
        if reason != nil || shipment != nil || invoice != nil || payment != nil || reference != nil
            || !allocated.isEmpty || cancelled != nil
        {
            let left = shipment.map { told in
                var shipment = Facts.Shipment()
                shipment.ref = text.add(told.ref)
                shipment.tracking = text.add(told.tracking)
                shipment.lines = amounts(told.lines)
                return shipment
            }
            let billed = invoice.map { ref in
                var invoice = Facts.Invoice()
                invoice.ref = text.add(ref)
                invoice.lines = amounts(invoiced)
                return invoice
            }
            facts = Facts(
                references: reference.map { [Reference(kind: .wmsOrder, issuer: .none, value: text.add($0))] } ?? [],
                allocation: amounts(allocated), shipment: left, invoice: billed,
                payment: payment.map {
                    Facts.Payment(ref: text.add($0.ref), status: $0.status, amount: ExactDecimal(mantissa: 5))
                },
                hold: reason.map { Facts.Hold(reason: text.add($0)) },
                cancellation: cancelled.map { Facts.Cancellation(lines: amounts($0), reason: .none) })
        }
        event.facts = facts
        event.refusal = refusal.map { Refusal(code: $0, detail: "") }
        event.bytes = text.bytes
        return event
    }

    private static func parts(_ told: String) -> [String] { told.split(separator: ":").map(String.init) }

    private static func quantity(_ told: String, _ index: Int) -> ExactDecimal? {
        let parts = parts(told)
        return parts.count > index ? ExactDecimal(parts[index]) : nil
    }

    private struct Text {
        var bytes: [UInt8] = []

        mutating func add(_ text: String) -> Slice {
            defer { bytes += Array(text.utf8) }
            return Slice(start: UInt32(bytes.count), count: UInt32(text.utf8.count))
        }
    }
}

/// An order with its parked events, as a worker keeps them.
struct Desk {
    var order = Order()
    var parked: [Told] = []
    /// Channels whose numbers count by one, from 1.
    var counting: Set<String> = []
    /// What the legal entity decides.
    var rules = OrderRules.standard

    init(counting: Set<String> = []) { self.counting = counting }

    init(_ told: [Told], counting: Set<String> = [], rules: OrderRules = .standard) {
        self.counting = counting
        self.rules = rules
        for one in told { tell(one) }
    }

    func channel(_ channel: String) -> ChannelRules {
        ChannelRules(name: channel, sequenceFrom: counting.contains(channel) ? 1 : nil)
    }

    @discardableResult
    mutating func tell(_ told: Told) -> Evaluation {
        let result = order.apply(told.event, channel: channel(told.channel), warehouse: told.warehouse, rules: rules)
        if result.outcome == .parked { parked.append(told) }
        if result.releasesParked { release() }
        return result
    }

    @discardableResult
    mutating func tell(_ state: CanonicalState, _ at: Int64, channel: String = "shop", sequence: Int64? = nil)
        -> Evaluation
    {
        tell(Told(state, at, channel: channel, sequence: sequence))
    }

    /// Lets parked events go on until none can; `waited`: the time of all of them is up.
    @discardableResult
    mutating func release(waited: Bool = false) -> [Evaluation] {
        var results: [Evaluation] = []
        var progressed = true
        while progressed {
            progressed = false
            let waiting = parked.indices.sorted { (parked[$0].sequence ?? .max) < (parked[$1].sequence ?? .max) }
            for index in waiting {
                let told = parked[index]
                guard
                    let result = order.applyParked(
                        told.event, channel: channel(told.channel), warehouse: told.warehouse, rules: rules,
                        waited: waited)
                else { continue }
                parked.remove(at: index)
                results.append(result)
                progressed = true
                break
            }
        }
        return results
    }

    /// What must not depend on the order of arrival.
    var truth: Truth { Truth(order) }
}

/// What must not depend on the order of arrival, in words.
struct Truth: Equatable {
    var facts: [String]

    init(_ order: Order) {
        func times(_ name: String, _ value: Int64) -> String { "\(name) \(value - Told.epoch)" }
        var facts = ["state \(order.state?.name ?? "-") on \(order.path?.name ?? "-")"]
        facts += CanonicalState.allCases.compactMap { state in
            order.time(of: state).map { times("\(state)", $0.microseconds) }
        }
        facts += Milestone.allCases.compactMap { one in order.time(of: one).map { times("\(one)", $0.microseconds) } }
        facts += order.holds.map {
            "hold \($0.channel) \($0.reason) \($0.since) \($0.endedAt.map { "\($0)" } ?? "open") \($0.isViolated)"
        }.sorted()
        facts += order.lines.map { "line \($0.line) \($0.sku) \($0.quantity?.description ?? "-")" }
        facts += [
            "terms \(order.currency) \(order.total?.description ?? "-") \(order.customerRef) \(order.customerName)"
        ]
        facts += order.warehouses.map { "warehouse \($0.code) \($0.since)" }
        facts += order.shipments.map { shipment in
            "shipment \(shipment.ref) \(shipment.carrier) \(shipment.tracking) \(shipment.warehouse) \(shipment.at) "
                + shipment.lines.map { "\($0.line)\($0.sku):\($0.quantity)" }.joined(separator: ",")
        }.sorted()
        facts += order.invoices.map { invoice in
            "invoice \(invoice.ref) \(invoice.at) "
                + invoice.lines.map { "\($0.line)\($0.sku):\($0.quantity)" }.joined(separator: ",")
        }
        facts += order.payments.map { "payment \($0.ref) \($0.status) \($0.amount?.description ?? "-") \($0.at)" }
        facts += order.quantities.map { "\($0)" }
        facts += order.names.map { "name \($0.kind) \($0.issuer) \($0.value)" }.sorted()
        facts += ["disputing \(order.disputing)", "open \(order.open.map(\.rawValue))", "parked \(order.parked)"]
        self.facts = facts
    }
}

/// SplitMix64: the same numbers from the same seed, everywhere.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The seed of the run: `SLUICE_SEED` or a new one, printed so that a failure can be repeated.
    static func seed(_ test: String) -> UInt64 {
        let seed =
            ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0..<1_000_000_000)
        print("\(test): SLUICE_SEED=\(seed)")
        return seed
    }
}

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
    var lines: [String] = []
    var shipment: (ref: String, tracking: String, lines: [String])?
    var invoice: String?
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
        event.lines = lines.map { sku in
            var line = OrderLine()
            line.sku = text.add(sku)
            line.quantity = .one
            return line
        }
        let amounts = { (skus: [String]) in
            skus.map { LineQuantity(line: text.add($0), quantity: .one) }
        }
        var facts: Facts?
        if reason != nil || shipment != nil || invoice != nil || payment != nil || reference != nil {
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
                return invoice
            }
            facts = Facts(
                references: reference.map { [Reference(kind: .wmsOrder, issuer: .none, value: text.add($0))] } ?? [],
                shipment: left, invoice: billed,
                payment: payment.map {
                    Facts.Payment(ref: text.add($0.ref), status: $0.status, amount: ExactDecimal(mantissa: 5))
                },
                hold: reason.map { Facts.Hold(reason: text.add($0)) })
        }
        event.facts = facts
        event.refusal = refusal.map { Refusal(code: $0, detail: "") }
        event.bytes = text.bytes
        return event
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

    init(counting: Set<String> = []) { self.counting = counting }

    init(_ told: [Told], counting: Set<String> = []) {
        self.counting = counting
        for one in told { tell(one) }
    }

    func rules(_ channel: String) -> ChannelRules {
        ChannelRules(name: channel, sequenceFrom: counting.contains(channel) ? 1 : nil)
    }

    @discardableResult
    mutating func tell(_ told: Told) -> Evaluation {
        let result = order.apply(told.event, channel: rules(told.channel), warehouse: told.warehouse)
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
                        told.event, channel: rules(told.channel), warehouse: told.warehouse, waited: waited)
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

/// An order without what only counts or remembers the order of arrival.
struct Truth: Equatable {
    var order: Order
    var openHolds: [String]

    init(_ order: Order) {
        var order = order
        openHolds = order.holds.filter { $0.endedAt == nil }.map { "\($0.channel) \($0.reason)" }.sorted()
        order.version = 0
        order.holds = []
        order.warehouses.sort()
        order.names.sort { $0.value < $1.value }
        order.shipments.sort { $0.ref < $1.ref }
        order.invoices.sort { $0.ref < $1.ref }
        order.payments.sort { $0.ref < $1.ref }
        order.channels.sort { $0.channel < $1.channel }
        for index in order.channels.indices {
            order.channels[index].highestParked = 0
            // What was parked for its order counts at once, and what is late never takes the last word.
            order.channels[index].lastWord = ""
        }
        order.open.sort { $0.rawValue < $1.rawValue }
        self.order = order
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

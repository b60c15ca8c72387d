import OrderEvents
import Orders
import Testing

/// Goal: a verdict takes an order from received to validated and opens its exceptions, holds back no fact, and depends
/// on the order of arrival in nothing.
@Suite struct VerdictTimelineTests {
    /// One event: seconds, channel, status or milestone, more members.
    struct Event: Sendable {
        var at: Int
        var channel: String
        var word: String
        var more: String

        init(_ at: Int, _ word: String, _ more: String = "", channel: String = "shop") {
            self.at = at
            self.channel = channel
            self.word = word
            self.more = more
        }
    }

    static let rules = OrderRules(validation: ValidationRules(by: .sluice))
    static let online = OrderRules(validation: ValidationRules(by: .sluice, check: [.product]))

    static func lines(_ quantity: String, sku: String = "A") -> String {
        "\"lines\":[{\"line\":\"1\",\"sku\":\"\(sku)\",\"quantity\":\"\(quantity)\"}]"
    }

    @discardableResult
    static func tell(_ event: Event, to order: inout Order, _ rules: OrderRules) throws -> Evaluation {
        let time = Timestamp(microseconds: 1_795_000_000_000_000 + Int64(event.at) * 1_000_000).rfc3339
        let text =
            "{\"event_id\":\"e\",\"legal_entity\":\"A\",\"order_ref\":\"O\",\"status\":\"\(event.word)\","
            + "\"occurred_at\":\"\(time)\"" + (event.more.isEmpty ? "" : ",\(event.more)") + "}"
        let decoder = EventDecoder(ChannelFormat(name: event.channel, index: 0, kind: .canonical))
        let source = SourcePosition(
            partition: 0, epoch: 1, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: .max))
        guard case .event(let told) = decoder.decode(value: Array(text.utf8), key: nil, source: source) else {
            throw ValidationTests.NoEvent(text: text)
        }
        return order.apply(told, channel: ChannelRules(name: event.channel), rules: rules)
    }

    static func order(_ events: [Event], _ rules: OrderRules = rules) throws -> Order {
        var order = Order()
        for event in events { try tell(event, to: &order, rules) }
        return order
    }

    @Test func aSoundOrderIsValidatedWhenItsLinesWereTold() throws {
        let order = try Self.order([Event(1, "received"), Event(5, "received", Self.lines("1"))])
        #expect(order.state == .validated && order.open.isEmpty)
        #expect(order.time(of: .validated) == order.validationBasisAt)
        #expect(order.time(of: .received)?.seconds(since: order.validationBasisAt) == -4)
    }

    @Test func aChannelsWordIsOnlyNoted() throws {
        var order = try Self.order([Event(1, "received", Self.lines("0"))])
        let noted = try Self.tell(Event(2, "validated"), to: &order, Self.rules)
        #expect(noted.outcome == .stale && noted.raised.isEmpty)
        #expect(order.state == .received && order.time(of: .validated) == nil)
        #expect(order.open == [.invalidOrder], "nobody disputes it")
        let begun = try Self.order([Event(1, "validated")])
        #expect(begun.state == .received, "it begins the order all the same")
        var word = Order()
        try Self.tell(Event(1, "validated", Self.lines("0")), to: &word, OrderRules())
        #expect(word.state == .validated && word.open.isEmpty, "where its word is the verdict")
    }

    @Test func theVerdictFollowsTheLines() throws {
        var order = try Self.order([Event(1, "received", Self.lines("1"))])
        let failed = try Self.tell(Event(2, "received", Self.lines("0")), to: &order, Self.rules)
        #expect(failed.raised == [.invalidOrder] && failed.to == .received)
        #expect(order.validation.verdict.name == "failed" && order.time(of: .validated) == nil)
        let passed = try Self.tell(Event(3, "received", Self.lines("2")), to: &order, Self.rules)
        #expect(passed.resolved == [.invalidOrder] && passed.to == .validated)
    }

    @Test func aFailedOrderTakesEveryFact() throws {
        let order = try Self.order([
            Event(1, "received", Self.lines("0")), Event(2, "allocated", channel: "wms"),
            Event(3, "shipped", channel: "wms"),
        ])
        #expect(order.state == .shipped && order.open.contains(.invalidOrder))
        #expect(order.time(of: .validated) == nil)
        let ended = try Self.order([Event(1, "received", Self.lines("0")), Event(2, "cancelled")])
        #expect(ended.state == .cancelled && ended.open.isEmpty, "what was cancelled need not be valid")
    }

    @Test func anOrderOnHoldIsValidatedUnderneath() throws {
        let order = try Self.order([Event(1, "received"), Event(2, "on_hold"), Event(3, "received", Self.lines("1"))])
        #expect(order.state == .onHold && order.path == .validated)
    }

    /// An entity that lets nothing be allocated before it is validated.
    @Test func whatWaitsForTheVerdictGoesOnWithIt() throws {
        var rules = Self.online
        rules.lifecycle.override(from: .received, word: .state(.allocated), .park)
        var order = try Self.order([Event(1, "received", Self.lines("1"))], rules)
        #expect(order.validation.verdict == .pending)
        let allocated = Event(2, "allocated", channel: "wms")
        #expect(try Self.tell(allocated, to: &order, rules).outcome == .parked)
        let absent = try #require(order.checked(rules.validation, [MasterCode(.product, "A"): .absent]))
        let failed = order.take(absent, rules: rules)
        #expect(failed?.raised == [.unknownProduct] && failed?.releasesParked == false)
        let found = try #require(order.checked(rules.validation, [MasterCode(.product, "A"): .found]))
        let passed = order.take(found, rules: rules)
        #expect(passed?.resolved == [.unknownProduct] && passed?.releasesParked == true && passed?.to == .validated)
        #expect(order.take(found, rules: rules) == nil, "the same again changes nothing")
        order.parked = 0
        #expect(try Self.tell(allocated, to: &order, rules).outcome == .applied)
        // Lines told again, later, take nothing back.
        try Self.tell(Event(9, "received", Self.lines("1")), to: &order, rules)
        #expect(order.state == .allocated && order.open.isEmpty)
    }

    @Test func theDocumentLeadsToTheSameVerdicts() throws {
        for events in [
            [Event(1, "received", Self.lines("1"))],
            [Event(1, "received", Self.lines("0")), Event(2, "validated"), Event(3, "allocated", channel: "wms")],
        ] {
            let order = try Self.order(events)
            var bytes: [UInt8] = []
            order.writeDocument(to: &bytes)
            var read = try Order(document: bytes, revision: order.revision, version: order.version)
            #expect(read == order)
            let before = read.state
            try Self.tell(Event(9, "received"), to: &read, Self.rules)
            #expect(read.state == before)
        }
    }

    @Test(arguments: [rules, online]) func anyOrderOfArrivalEndsTheSame(rules: OrderRules) throws {
        let history = [
            Event(1, "received", Self.lines("0")), Event(2, "received", Self.lines("3")),
            Event(3, "validated", channel: "desk"), Event(4, "allocated", channel: "wms"),
            Event(5, "received", "\"currency\":\"EUR\",\"total\":\"-1\""),
        ]
        let checked = CheckedMasters(
            basis: try #require(
                Self.order(history, rules).checked(Self.online.validation, [MasterCode(.product, "A"): .found])
            ).basis, findings: [])
        var ends: Set<String> = []
        for arrival in Self.permutations(history) {
            // The look at the destination may come at any time, too.
            for place in 0...arrival.count {
                var order = Order()
                for (index, event) in arrival.enumerated() {
                    if index == place { _ = order.take(checked, rules: rules) }
                    try Self.tell(event, to: &order, rules)
                }
                if place == arrival.count { _ = order.take(checked, rules: rules) }
                guard order.parked == 0 else { continue }
                ends.insert(
                    "\(order.state?.name ?? "") \(order.validation.verdict) \(order.open) \(order.reached)")
            }
        }
        #expect(ends.count == 1, "\(ends)")
        #expect(ends.first?.contains("the total is negative") == true)
    }

    private static func permutations(_ events: [Event]) -> [[Event]] {
        guard events.count > 1 else { return [events] }
        return events.indices.flatMap { index in
            var rest = events
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }
}

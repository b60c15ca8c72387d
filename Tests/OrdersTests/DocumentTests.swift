import OrderEvents
import Testing

@testable import Orders

@Suite struct DocumentTests {
    private func document(_ order: Order) -> [UInt8] {
        var bytes: [UInt8] = []
        order.writeDocument(to: &bytes)
        return bytes
    }

    @Test func anyOrderComesBackAsItWas() throws {
        let seed = Random.seed("documents")
        var random = Random(seed: seed)
        for _ in 0..<3_000 {
            let order = AnyOrder.make(&random)
            let read = try Order(document: document(order), revision: order.revision, version: order.version)
            guard read == order else {
                Issue.record("seed \(seed): \(String(decoding: document(order), as: UTF8.self))")
                return
            }
        }
    }

    @Test func theUsualDocumentIsShort() {
        var order = Order()
        _ = order.apply(
            Told(.received, 5).with { ($0.lines, $0.total, $0.customer) = (["A"], 5, "C") }.event,
            channel: ChannelRules(name: "shop"))
        let text = String(decoding: document(order), as: UTF8.self)
        #expect(
            text
                == #"{"path":"received","channels":[{"channel":"shop","at":1000005,"word":"received"}],"words":[[0,1,1000005]],"lines":[{"line":"1","sku":"A","quantity":"1"}],"lines_by":[1000005],"total":"5","customer":"C"}"#
        )
    }

    @Test func theTraceIsThatOfTheNewestAppliedEventThatNamesOne() throws {
        func told(_ told: Told, _ trace: UInt64?) -> OrderEvent {
            var event = told.event
            event.source.trace = trace.map { TraceContext(high: 1, low: $0, parent: 3, flags: 1) }
            return event
        }
        let shop = ChannelRules(name: "shop")
        var order = Order()
        _ = order.apply(told(Told(.received, 5), nil), channel: shop)
        #expect(order.trace == nil)
        _ = order.apply(told(Told(.validated, 6), 10), channel: shop)
        #expect(order.trace?.context.low == 10 && order.trace?.version == 2)
        #expect(order.apply(told(Told(.received, 4), 11), channel: shop).outcome == .stale)
        _ = order.apply(told(Told(.allocated, 7), nil), channel: shop)
        #expect(order.trace?.context.low == 10 && order.trace?.version == 2 && order.version == 3)
        _ = order.apply(told(Told(.shipped, 8), 12), channel: shop)
        let text = String(decoding: document(order), as: UTF8.self)
        #expect(
            text.contains(
                #""trace":{"parent":"00-0000000000000001000000000000000c-0000000000000003-01","version":4}"#))
        let damaged = #"{"trace":{"parent":"00-1","version":4,"more":[]}}"#
        #expect(try Order(document: Array(damaged.utf8), revision: 1, version: 1).trace == nil)
    }

    @Test func membersOfANewerVersionArePassedOver() throws {
        let text =
            #"{"future":{"a":[1,{"b":null}]},"path":"shipped","reached":{"shipped":7,"teleported":9},"#
            + #""channels":[{"channel":"c","at":1,"mood":"good"}],"open":["sequence_gap","made_up"],"parked":2}"#
        let order = try Order(document: Array(text.utf8), revision: 3, version: 4)
        #expect(order.path == .shipped && order.reached[5] == 7 && order.open == [.sequenceGap])
        #expect(order.parked == 2 && order.revision == 3 && order.version == 4 && order.channels.count == 1)
    }

    @Test(arguments: [
        "", "{", "[]", "null", "{}x", #"{"path":3}"#, #"{"path":"lost"}"#, #"{"path":"on_hold"}"#,
        #"{"parked":"2"}"#, #"{"parked":1.5}"#, #"{"parked":9223372036854775808}"#, #"{"reached":{"shipped":1e3}}"#,
        #"{"total":"1x"}"#, #"{"total":5}"#, #"{"payments":[{"ref":"P","status":"guessed"}]}"#,
        #"{"channels":[{"channel":"c","skipped":[[1]]}]}"#, #"{"channels":[{"channel":"c","skipped":[[2,1]]}]}"#,
        #"{"open":[1]}"#, #"{"words":[[0,5,7]]}"#, #"{"words":[[0,5]]}"#,
        #"{"channels":[{"channel":"c"}],"words":[[0,8,7]]}"#,
        #"{"marks":[{"hold":5,"by":3}]}"#, #"{"lines_by":[5,1]}"#, #"{"claims":[{"kind":"rumour"}]}"#,
        #"{"names":{}}"#, "{\"currency\":\"\u{1}\"}",
    ])
    func aBrokenDocumentIsAnError(_ text: String) {
        #expect(throws: OrderDocumentError.self) {
            try Order(document: Array(text.utf8), revision: 0, version: 0)
        }
    }

    @Test func noPrefixAndNoFlippedByteTraps() {
        let seed = Random.seed("damaged documents")
        var random = Random(seed: seed)
        for _ in 0..<40 {
            let bytes = document(AnyOrder.make(&random))
            for count in 0..<bytes.count {
                #expect(throws: OrderDocumentError.self, "seed \(seed)") {
                    try Order(document: Array(bytes[..<count]), revision: 0, version: 0)
                }
            }
            for _ in 0..<300 {
                var damaged = bytes
                damaged[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                guard var order = try? Order(document: damaged, revision: 0, version: 0) else { continue }
                // What is read is an order that events may meet.
                for word in Lifecycle.words {
                    _ = order.apply(
                        Told(word, 5, sequence: 4).event, channel: ChannelRules(name: "shop", sequenceFrom: 1))
                }
            }
        }
    }

    @Test func anErrorDoesNotTellTheContent() {
        let text = #"{"customer_name":"Jane Doe","total":"Jane"}"#
        #expect {
            try Order(document: Array(text.utf8), revision: 0, version: 0)
        } throws: { "\($0)".contains("Jane") == false && "\($0)".contains("cannot be read") }
    }
}

/// Orders with every member set to anything, the extremes included.
enum AnyOrder {
    static func make(_ random: inout Random) -> Order {
        var order = Order()
        order.path = ([nil] + CanonicalState.allCases.filter { $0 != .onHold }).randomElement(using: &random) ?? nil
        for index in 1..<10 where Bool.random(using: &random) { order.reached[index] = number(&random) }
        if Bool.random(using: &random) {
            for index in 1..<8 { order.milestones[index] = number(&random) }
        }
        order.channels = (0..<3).map { _ in
            var channel = Order.ChannelProgress(channel: text(&random), lastAt: time(&random))
            channel.nextSequence = number(&random)
            channel.lastWord = text(&random)
            channel.highestParked = number(&random)
            channel.skipped = some(2, &random) { random in
                let first = number(&random)
                return Order.NumberRange(first: first, last: max(first, number(&random)))
            }
            return channel
        }
        told(&order, &random)
        order.lines = some(3, &random) { random in
            Order.Line(
                line: text(&random), sku: text(&random), quantity: decimal(&random), unitPrice: decimal(&random),
                tax: text(&random))
        }
        order.linesBy = origin(&random)
        terms(&order, &random)
        facts(&order, &random)
        order.names = some(2, &random) { random in
            Order.OtherName(
                kind: ReferenceKind.allCases.randomElement(using: &random) ?? .odoo, issuer: text(&random),
                value: text(&random))
        }
        if Bool.random(using: &random) {
            let context = TraceContext(
                high: random.next(), low: random.next(), parent: random.next() | 1,
                flags: UInt8.random(in: 0...255, using: &random))
            order.trace = Order.EventTrace(context: context, version: number(&random))
        }
        order.parked = [0, 1, Int32.max].randomElement(using: &random) ?? 0
        order.open = ExceptionCode.allCases.filter { _ in Int.random(in: 0..<10, using: &random) == 0 }
        order.revision = number(&random)
        order.version = number(&random)
        return order
    }

    private static func told(_ order: inout Order, _ random: inout Random) {
        order.words = some(4, &random) { random in
            Order.ToldWord(
                channel: channel(&random),
                word: CanonicalState.allCases.filter { $0 != .onHold }.randomElement(using: &random) ?? .received,
                first: number(&random), last: number(&random),
                flags: Order.ToldWord.Flags(rawValue: UInt8.random(in: 0..<16, using: &random)))
        }
        order.marks = some(3, &random) { random in
            Order.HoldMark(
                at: number(&random), sequence: number(&random), channel: channel(&random),
                isRelease: Bool.random(using: &random),
                flags: Order.HoldMark.Flags(rawValue: UInt8.random(in: 0..<16, using: &random)), reason: text(&random))
        }
        order.holds = some(3, &random) { random in
            Order.Hold(
                reason: text(&random), channel: text(&random), since: time(&random),
                endedAt: Bool.random(using: &random) ? time(&random) : nil, isViolated: Bool.random(using: &random))
        }
        order.claims = some(2, &random) { random in
            Order.Claim(
                kind: Order.Claim.Kind.allCases.randomElement(using: &random) ?? .lines, channel: channel(&random),
                at: number(&random), key: text(&random))
        }
    }

    private static func facts(_ order: inout Order, _ random: inout Random) {
        order.warehouses = some(2, &random) { random in
            Order.Warehouse(code: text(&random), since: number(&random))
        }
        order.toldShipments = some(2, &random) { random in
            Order.Shipment(
                ref: text(&random), isByTracking: Bool.random(using: &random), carrier: text(&random),
                tracking: text(&random), warehouse: text(&random), lines: some(2, &random, amount), at: time(&random),
                by: Order.ShipmentOrigins(
                    carrier: origin(&random), tracking: origin(&random), warehouse: origin(&random),
                    lines: origin(&random)))
        }
        order.invoices = some(2, &random) { random in
            Order.Invoice(
                ref: text(&random), lines: some(2, &random, amount), at: time(&random), linesBy: origin(&random))
        }
        order.payments = some(2, &random) { random in
            Order.Payment(
                ref: text(&random), status: PaymentStatus.allCases.randomElement(using: &random) ?? .failed,
                amount: decimal(&random), statusBy: origin(&random), amountBy: origin(&random))
        }
        order.allocations = some(2, &random) { random in
            Order.Allocation(
                warehouse: text(&random), line: text(&random), sku: text(&random), quantity: decimal(&random) ?? .one,
                backordered: decimal(&random), expected: text(&random), by: origin(&random))
        }
        order.cancellations = some(2, &random) { random in
            Order.Cancellation(
                line: text(&random), sku: text(&random), quantity: decimal(&random) ?? .one, reason: text(&random),
                by: origin(&random))
        }
    }

    private static func terms(_ order: inout Order, _ random: inout Random) {
        // Who told it is written where it has a value and is not who told the lines; nobody stands for those.
        let tellers = [order.linesBy, Origin(at: Int64.random(in: 1...9, using: &random), sequence: 2, channel: 1)]
        func teller(_ isTold: Bool) -> Origin { isTold ? tellers.randomElement(using: &random) ?? .none : .none }
        order.currency = text(&random)
        order.total = decimal(&random)
        order.customerRef = text(&random)
        order.customerName = text(&random)
        order.termsBy.currency = teller(!order.currency.isEmpty)
        order.termsBy.total = teller(order.total != nil)
        order.termsBy.customer = teller(!order.customerRef.isEmpty)
        order.termsBy.customerName = teller(!order.customerName.isEmpty)
    }

    private static func channel(_ random: inout Random) -> Int16 { Int16.random(in: 0..<3, using: &random) }

    private static func origin(_ random: inout Random) -> Origin {
        guard Bool.random(using: &random) else { return .none }
        return Origin(
            at: Int64.random(in: 1...Int64.max, using: &random), sequence: number(&random), channel: channel(&random),
            rank: UInt8.random(in: 0...255, using: &random))
    }

    private static func some<Element>(_ most: Int, _ random: inout Random, _ make: (inout Random) -> Element)
        -> [Element]
    {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in make(&random) }
    }

    private static func number(_ random: inout Random) -> Int64 {
        [0, 1, -1, .max, .max - 1, .min, Int64.random(in: .min ... .max, using: &random)].randomElement(using: &random)
            ?? 0
    }

    private static func time(_ random: inout Random) -> Timestamp { Timestamp(microseconds: number(&random)) }

    private static func decimal(_ random: inout Random) -> ExactDecimal? {
        ExactDecimal(
            mantissa: Int64.random(in: -999_999_999_999_999_999...999_999_999_999_999_999, using: &random),
            scale: Int.random(in: 0...10, using: &random))
    }

    private static func text(_ random: inout Random) -> String {
        let texts = [
            "", "shop", "\"", "\\", "\u{1}\u{1F}\n\t", "Grüße 🚚", "a/b", String(repeating: "x", count: 200),
            "\u{7F}\u{2028}", "{}",
        ]
        return texts.randomElement(using: &random) ?? ""
    }

    private static func amount(_ random: inout Random) -> Order.LineAmount {
        Order.LineAmount(line: text(&random), sku: text(&random), quantity: decimal(&random) ?? .one)
    }
}

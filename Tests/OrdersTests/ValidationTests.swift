import OrderEvents
import Orders
import Testing

/// Goal: an order is told valid or not, with every reason, by what was told of it and by nothing else.
@Suite struct ValidationTests {
    /// An order of which one event told `facts`, members of a canonical event.
    static func order(_ facts: String, before: Order = Order(), at time: String = "12:00:00") throws -> Order {
        let text =
            "{\"event_id\":\"e\(time)\",\"legal_entity\":\"A\",\"order_ref\":\"O\",\"status\":\"received\","
            + "\"occurred_at\":\"2026-11-23T\(time)Z\"" + (facts.isEmpty ? "" : ",\(facts)") + "}"
        let decoder = EventDecoder(ChannelFormat(name: "shop", index: 0, kind: .canonical))
        let source = SourcePosition(
            partition: 0, epoch: 1, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: .max))
        guard case .event(let event) = decoder.decode(value: Array(text.utf8), key: nil, source: source) else {
            throw NoEvent(text: text)
        }
        var order = before
        _ = order.apply(event, channel: ChannelRules(name: "shop"))
        return order
    }

    struct NoEvent: Error { var text: String }

    /// A hundredth may be rounding.
    static let rules = ValidationRules(by: .sluice, priceTolerance: ExactDecimal(mantissa: 1, scale: 2) ?? .zero)
    static let sound = "\"lines\":[{\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"2\",\"unit_price\":\"12.50\"}]"

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var facts: String
        var expected: [ValidationFinding]

        init(_ name: String, _ facts: String, _ expected: (ExceptionCode, String)...) {
            testDescription = name
            self.facts = facts
            self.expected = expected.map { ValidationFinding($0.0, $0.1) }
        }
    }

    static func lines(_ lines: String...) -> String { "\"lines\":[\(lines.map { "{\($0)}" }.joined(separator: ","))]" }
    static let a = "\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"2\""
    static let b = "\"line\":\"2\",\"sku\":\"B\",\"quantity\":\"1\""
    static let money = "\"currency\":\"EUR\",\"total\":"

    @Test(arguments: [
        Case("nobody has told lines", "\(money)\"5\""),
        Case("lines alone", lines(a, b)),
        Case(
            "total of the lines",
            "\(money)\"29.99\",\(lines("\(a),\"unit_price\":\"12.50\"", "\(b),\"unit_price\":\"4.99\""))"),
        Case(
            "no currency", "\"total\":\"5\",\(lines(a))", (.invalidOrder, "the amounts have no currency")),
        Case(
            "prices without a currency", lines("\(a),\"unit_price\":\"1\""),
            (.invalidOrder, "the amounts have no currency")),
        Case(
            "quantity of nothing", lines("\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"0\""),
            (.invalidOrder, "line 1: quantity not above zero")),
        Case(
            "quantity below nothing", lines(a, "\"line\":\"2\",\"sku\":\"B\",\"quantity\":\"-1\""),
            (.invalidOrder, "line 2: quantity not above zero")),
        Case(
            "no quantity, no article", lines("\"line\":\"1\",\"sku\":\"A\"", "\"line\":\"2\",\"quantity\":\"1\""),
            (.invalidOrder, "line 1: no quantity"), (.invalidOrder, "line 2: no article")),
        Case("a number twice", lines(a, a, b), (.invalidOrder, "line 1: number used twice")),
        Case(
            "some prices", "\"currency\":\"EUR\",\(lines("\(a),\"unit_price\":\"1\"", b))",
            (.invalidOrder, "line 2: no price, where others have one")),
        Case("one hundredth off", "\(money)\"25.01\",\(sound)"),
        Case(
            "two hundredths off", "\(money)\"25.02\",\(sound)",
            (.priceMismatch, "the total differs from what the lines come to")),
        Case(
            "too little", "\(money)\"24.98\",\(sound)",
            (.priceMismatch, "the total differs from what the lines come to")),
        Case(
            "exact where binary fractions are not",
            "\(money)\"0.31\",\(lines("\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"3\",\"unit_price\":\"0.1\""))"),
        Case("negative total", "\(money)\"-1\",\(lines(a))", (.invalidOrder, "the total is negative")),
        Case(
            "two faults of two lines",
            lines("\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"0\"", "\"line\":\"2\",\"sku\":\"B\",\"quantity\":\"0\""),
            (.invalidOrder, "lines 1, 2: quantity not above zero")),
    ]) func offlineChecksNameEveryReason(one: Case) throws {
        let order = try Self.order(one.facts)
        #expect(order.offlineFindings(Self.rules) == one.expected)
    }

    @Test func aCurrencyOfAnotherShapeIsNamed() throws {
        var order = try Self.order("\"currency\":\"EUR\",\(Self.sound)")
        for currency in ["eur", "EURO", "E1R"] {
            order.currency = currency
            #expect(
                order.offlineFindings(Self.rules)
                    == [ValidationFinding(.invalidOrder, "the currency is no ISO 4217 code")])
        }
    }

    /// The canonical event of the documentation: a total with taxes, prices without.
    @Test func aTotalMayHoldTheTaxes() throws {
        func findings(_ total: String, taxes: [String: String]?) throws -> [ExceptionCode] {
            let facts =
                "\(Self.money)\"\(total)\",\(Self.lines("\(Self.a),\"unit_price\":\"12.50\",\"tax\":\"DE19\""))"
            var rules = Self.rules
            rules.taxes = taxes
            return try Self.order(facts).offlineFindings(rules).map(\.code)
        }
        let rates = ["DE19": "19% S"]
        #expect(try findings("29.75", taxes: rates).isEmpty)
        #expect(try findings("25.00", taxes: rates).isEmpty, "prices that hold the taxes")
        #expect(try findings("29.77", taxes: rates) == [.priceMismatch])
        #expect(try findings("28.00", taxes: rates) == [.priceMismatch])
        // No rate is known: what is on top may be tax, unless it more than doubles the price.
        for taxes in [nil, ["DE19": "standard"]] {
            #expect(try findings("29.75", taxes: taxes).isEmpty)
            #expect(try findings("50.01", taxes: taxes) == [.priceMismatch])
            #expect(try findings("24.98", taxes: taxes) == [.priceMismatch])
        }
        #expect(try findings("29.75", taxes: ["FR20": "20%"]) == [.unknownTax])
    }

    @Test func unknownTaxCodesAreNamedWithTheirLines() throws {
        var rules = Self.rules
        rules.taxes = ["DE19": "19% S"]
        let order = try Self.order(Self.lines("\(Self.a),\"tax\":\"DE19\"", "\(Self.b),\"tax\":\"DE7\""))
        #expect(
            order.offlineFindings(rules)
                == [ValidationFinding(.unknownTax, "line 2 (DE7): tax code that is not configured")])
    }

    @Test func amountsThatDoNotFitAreAFindingAndNoTrap() throws {
        let huge = "999999999999999999"
        let order = try Self.order(
            "\(Self.money)\"\(huge)\","
                + Self.lines("\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"\(huge)\",\"unit_price\":\"-\(huge)\""))
        #expect(order.offlineFindings(Self.rules).map(\.code) == [.invalidOrder])
    }

    @Test func manyLinesAreCountedAndSomeAreNamed() throws {
        let lines = (1...30).map { "{\"line\":\"\($0)\",\"sku\":\"A\",\"quantity\":\"0\"}" }.joined(separator: ",")
        let findings = try Self.order("\"lines\":[\(lines)]").offlineFindings(Self.rules)
        #expect(findings.count == 1)
        #expect(findings.first?.detail.hasSuffix("20 and 10 more: quantity not above zero") == true)
    }

    // MARK: - Verdicts

    private func given(_ order: Order, _ rules: ValidationRules, _ answers: [MasterCode: MasterAnswer])
        -> ValidationVerdict
    {
        order.verdict(rules, checked: order.checked(rules, answers))
    }

    @Test func anOrderWithoutLinesIsPending() throws {
        let order = try Self.order("")
        #expect(order.verdict(Self.rules, checked: nil) == .pending)
        #expect(!order.needsChecking(Self.rules))
    }

    @Test func withoutLookUpsTheVerdictComesAtOnce() throws {
        #expect(try Self.order("\"currency\":\"EUR\",\(Self.sound)").verdict(Self.rules, checked: nil) == .passed)
        let failed = try Self.order(Self.sound).verdict(Self.rules, checked: nil)
        #expect(failed.codes == [.invalidOrder] && failed.name == "failed")
    }

    @Test func everythingThatIsReferredToIsLookedUp() throws {
        var rules = ValidationRules(by: .sluice, taxes: ["T1": "19% S"], check: Set(MasterKind.allCases))
        let order = try Self.order(
            "\"customer\":{\"ref\":\"C-1\"},"
                + Self.lines(
                    "\(Self.a),\"tax\":\"T1\"", "\(Self.b),\"tax\":\"T1\"",
                    "\"line\":\"3\",\"sku\":\"A\",\"quantity\":\"1\"")
                + ",\"shipment\":{\"ref\":\"S\",\"carrier\":\"DHL\"}")
        let all = [
            MasterCode(.customer, "C-1"), MasterCode(.product, "A"), MasterCode(.product, "B"),
            MasterCode(.tax, "19% S"), MasterCode(.carrier, "DHL"),
        ]
        #expect(order.masterCodes(rules) == all)
        #expect(order.verdict(rules, checked: nil) == .pending && order.needsChecking(rules))
        var answers = Dictionary(uniqueKeysWithValues: all.map { ($0, MasterAnswer.found) })
        #expect(given(order, rules, answers) == .passed)
        for (code, answer, exception) in [
            (all[0], MasterAnswer.absent, ExceptionCode.unknownCustomer), (all[1], .absent, .unknownProduct),
            (all[2], .several, .unknownProduct), (all[3], .absent, .unknownTax), (all[4], .absent, .unknownCarrier),
        ] {
            answers[code] = answer
            #expect(given(order, rules, answers).codes == [exception])
            answers[code] = .found
        }
        answers[all[4]] = nil
        #expect(order.checked(rules, answers) == nil, "one is not known")
        rules.check = [.product]
        #expect(order.masterCodes(rules) == [all[1], all[2]])
    }

    @Test func allReasonsAreGivenTogetherAndHoldNoPersonalData() throws {
        let rules = ValidationRules(by: .sluice, check: [.customer, .product])
        let order = try Self.order("\"customer\":{\"ref\":\"jane@example.com\",\"name\":\"Jane\"},\(Self.sound)")
        let verdict = given(
            order, rules, [MasterCode(.customer, "jane@example.com"): .absent, MasterCode(.product, "A"): .absent])
        #expect(verdict.codes == [.invalidOrder, .unknownCustomer, .unknownProduct])
        #expect(verdict.detail(of: .unknownProduct) == "line 1 (A): Odoo has no product")
        #expect(!verdict.reasons.contains { $0.detail.lowercased().contains("jane") })
    }

    @Test func aVerdictCountsOnlyForWhatItLookedAt() throws {
        let rules = ValidationRules(by: .sluice, check: [.product])
        let order = try Self.order(Self.lines(Self.a))
        let checked = order.checked(rules, [MasterCode(.product, "A"): .found])
        let more = try Self.order(
            Self.lines("\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"7\""), before: order, at: "12:01:00")
        #expect(more.verdict(rules, checked: checked) == .passed, "the same articles")
        var other = try Self.order(Self.lines(Self.b), before: order, at: "12:02:00")
        other.validation.checked = checked
        #expect(other.verdict(rules, checked: checked) == .pending && other.needsChecking(rules))
        let invalid = try Self.order(
            Self.lines("\"line\":\"1\",\"sku\":\"A\",\"quantity\":\"0\""), before: order, at: "12:03:00")
        #expect(invalid.verdict(rules, checked: checked).codes == [.invalidOrder])
    }

    @Test func theOrderOfLinesAndOfEventsDoesNotMatter() throws {
        let rules = ValidationRules(by: .sluice, check: [.product, .customer])
        let lines = Self.lines(Self.a, Self.b)
        let customer = "\"customer\":{\"ref\":\"C-1\"}"
        let one = try Self.order(customer, before: Self.order(lines, at: "12:00:00"), at: "12:01:00")
        let two = try Self.order(lines, before: Self.order(customer, at: "12:01:00"), at: "12:00:00")
        let turned = try Self.order("\(customer),\(Self.lines(Self.b, Self.a))", at: "12:00:00")
        #expect(one.masterCodes(rules) == two.masterCodes(rules) && one.masterCodes(rules) == turned.masterCodes(rules))
        let answers = [
            MasterCode(.product, "A"): MasterAnswer.found, MasterCode(.product, "B"): .found,
            MasterCode(.customer, "C-1"): .absent,
        ]
        #expect(one.checked(rules, answers) == two.checked(rules, answers))
        #expect(one.checked(rules, answers) == turned.checked(rules, answers))
    }

    @Test func whatTheVerdictWaitsForIsSaid() throws {
        var order = try Self.order("")
        #expect(order.validationWait(Self.rules) == "its lines: nobody has told them yet")
        #expect(order.validationWait(ValidationRules(by: .channel)) == "a channel's word validated")
        order = try Self.order(Self.sound)
        order.validation.verdict = .failed([
            ValidationFinding(.unknownTax, "line 1 (X): no"), ValidationFinding(.invalidOrder, "b"),
        ])
        #expect(order.validationWait(Self.rules) == "unknown_tax: line 1 (X): no; invalid_order: b")
        order.validation.verdict = .passed
        #expect(order.validationWait(Self.rules) == nil)
    }

    // MARK: - Documents and events

    @Test func theDocumentKeepsVerdictReasonsAndLook() throws {
        var order = try Self.order(Self.sound)
        for verdict in [
            ValidationVerdict.passed, .pending,
            .failed([ValidationFinding(.unknownTax, "line 1 (\"T\"): x"), ValidationFinding(.invalidOrder, "y")]),
        ] {
            order.validation.verdict = verdict
            for checked in [nil, CheckedMasters(basis: .max - 4, findings: [ValidationFinding(.unknownProduct, "z")])] {
                order.validation.checked = checked
                var bytes: [UInt8] = []
                order.writeDocument(to: &bytes)
                let read = try Order(document: bytes, revision: order.revision, version: order.version)
                #expect(read.validation == order.validation)
            }
        }
    }

    @Test func anOrderOfWhichNothingWasFoundHasNothingInItsDocument() throws {
        var bytes: [UInt8] = []
        try Self.order(Self.sound).writeDocument(to: &bytes)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("validation"))
    }

    @Test func aVerdictThatPassedIsACanonicalEvent() throws {
        let at = Timestamp(microseconds: 1_795_000_000_000_000)
        let payload = Order.event(
            of: .passed, legalEntity: "ACME", orderRef: "O-1", eventID: "validation-2-O-1", at: at)
        #expect(
            String(decoding: payload, as: UTF8.self)
                == "{\"version\":1,\"event_id\":\"validation-2-O-1\",\"legal_entity\":\"ACME\",\"order_ref\":\"O-1\","
                + "\"status\":\"validated\",\"occurred_at\":\"\(at.rfc3339)\",\"validation\":{\"verdict\":\"passed\"}}")
        let failed = Order.event(
            of: .failed([ValidationFinding(.priceMismatch, "d")]), legalEntity: "A", orderRef: "O", eventID: "i", at: at
        )
        let text = String(decoding: failed, as: UTF8.self)
        #expect(!text.contains("status"))
        #expect(
            text.hasSuffix("{\"verdict\":\"failed\",\"reasons\":[{\"code\":\"price_mismatch\",\"detail\":\"d\"}]}}"))
    }
}

import OrderEvents
import Orders
import Testing

/// Whose word counts, what becomes of other words, and the legal entity's own edges.
@Suite struct OwnerTests {
    private static let rules = OrderRules(
        owners: Owners([
            .order: ["shop", "portal"], .shipment: ["wms", "dhl"], .invoice: ["erp"], .hold: ["shop"],
            .cancellation: ["shop"],
        ]))

    private func desk(_ told: Told...) -> Desk { Desk(told, rules: Self.rules) }

    @Test func anOrderBeginsWithAnOwnerOfTheOrder() {
        var desk = desk()
        #expect(desk.tell(.shipped, 5, channel: "wms").code == .orderNotBegun)
        #expect(desk.tell(.received, 1, channel: "portal").to == .received)
        // What waited for it has gone on.
        #expect(desk.order.state == .shipped && desk.parked.isEmpty && desk.order.open == [])
    }

    @Test func anOwnersWordThatDoesNotCountBeginsTheOrderAllTheSame() {
        var desk = desk()
        #expect(desk.tell(.shipped, 5).to == .received)
        #expect(desk.order.open == [.notAuthoritative] && desk.order.disputing == ["shop"])
        #expect(desk.tell(.shipped, 6, channel: "wms").resolved == [.notAuthoritative])
    }

    @Test func anotherChannelsWordChangesNothingAndIsDisputedUntilAnOwnerAgrees() {
        var desk = desk(Told(.received, 1))
        let claim = desk.tell(.shipped, 5, channel: "erp")
        #expect(claim.outcome == .stale && claim.raised == [.notAuthoritative] && claim.changed)
        #expect(desk.order.state == .received && desk.order.version == 1)
        #expect(desk.tell(.shipped, 4, channel: "wms").resolved == [.notAuthoritative])
        // Said after the owner: it says nothing more.
        #expect(desk.tell(.shipped, 6, channel: "bank").raised == [])
    }

    @Test func factsOfAnotherChannelAreClaims() {
        var desk = desk(Told(.received, 1).with { $0.lines = ["A:2"] })
        let shipment = Told.milestone(.payment, 5, channel: "erp").with { $0.shipment = ("S-1", "", ["1:1"]) }
        #expect(desk.tell(shipment).raised == [.notAuthoritative] && desk.order.shipments.isEmpty)
        #expect(desk.tell(shipment.with { $0.channel = "wms" }).resolved == [.notAuthoritative])
        let invoice = Told.milestone(.payment, 6, channel: "wms").with { $0.invoice = "I-1" }
        #expect(desk.tell(invoice).raised == [.notAuthoritative] && desk.order.invoices.isEmpty)
        desk.tell(invoice.with { $0.channel = "erp" })
        #expect(desk.order.open == [])
        // Other lines than the owner's, of a later time: disputed until the owner speaks again or says the same.
        let lines = Told.milestone(.payment, 8, channel: "erp").with { $0.lines = ["A:3"] }
        #expect(desk.tell(lines).raised == [.notAuthoritative])
        #expect(desk.tell(Told(.received, 9).with { $0.lines = ["A:2"] }).resolved == [.notAuthoritative])
    }

    @Test func holdsOfAnotherChannelHoldNothing() {
        var desk = desk(Told(.received, 1))
        let hold = Told(.onHold, 3, channel: "wms").with { $0.reason = "stock" }
        #expect(desk.tell(hold).raised == [.notAuthoritative] && desk.order.state == .received)
        #expect(desk.tell(Told(.release, 4, channel: "wms")).resolved == [.notAuthoritative])
        #expect(desk.parked.isEmpty)
    }

    @Test func ofContradictingOwnersTheHigherCountsThenTheLater() {
        let low = Told(.shipped, 9, channel: "dhl").with { $0.shipment = ("S-1", "T-9", ["1:9"]) }
        let high = Told(.shipped, 5, channel: "wms").with { $0.shipment = ("S-1", "T-5", ["1:5"]) }
        for story in [[low, high], [high, low]] {
            let desk = Desk([Told(.received, 1)] + story, rules: Self.rules)
            #expect(desk.order.shipments.first?.tracking == "T-5")
            #expect(desk.order.shipments.first?.lines.first?.quantity == ExactDecimal(mantissa: 5))
        }
        var desk = desk(Told(.received, 1).with { $0.total = 10 })
        #expect(desk.tell(Told(.received, 9, channel: "portal").with { $0.total = 11 }).outcome == .stale)
        #expect(desk.tell(Told(.received, 2).with { $0.total = 12 }).outcome == .applied)
        #expect(desk.order.total == ExactDecimal(mantissa: 12))
    }

    @Test func claimsAreBounded() {
        var desk = desk(Told(.received, 1))
        for number in 1...100 {
            desk.tell(Told.milestone(.payment, Int64(number), channel: "bank").with { $0.invoice = "I-\(number)" })
        }
        #expect(desk.order.claims.count == 32 && desk.order.open == [.notAuthoritative])
    }

    @Test func everyGroupHasItsWords() {
        for group in FactGroup.allCases { #expect(FactGroup(name: group.name) == group) }
        #expect(FactGroup(name: "other") == nil)
        let groups: [StatusWord: FactGroup] = [
            .state(.received): .order, .state(.closed): .order, .state(.validated): .validation,
            .state(.allocated): .allocation, .state(.partiallyFulfilled): .shipment, .state(.shipped): .shipment,
            .state(.invoiced): .invoice, .state(.onHold): .hold, .release: .hold, .state(.cancelled): .cancellation,
        ]
        for (word, group) in groups { #expect(FactGroup(of: word) == group) }
        #expect(
            Milestone.allCases.map { FactGroup(of: $0) } == [
                .shipment, .shipment, .shipment, .shipment, .allocation, .payment, .payment,
            ])
    }

    // MARK: - Edges

    @Test func aLegalEntityMayAllowFlagParkAndRejectAnEdge() {
        var lifecycle = Lifecycle.standard
        lifecycle.override(from: .allocated, word: .state(.invoiced), .allow)
        lifecycle.override(from: .received, word: .state(.shipped), .reject)
        lifecycle.override(from: .validated, word: .state(.shipped), .flag)
        lifecycle.override(from: .received, word: .state(.allocated), .park)
        // What `sluice lifecycle` prints of them.
        for edge: (CanonicalState, CanonicalState) in [(.received, .shipped), (.validated, .shipped)] {
            #expect(lifecycle.rule(from: edge.0, word: .state(edge.1)).code == .illegalTransition)
        }
        let rules = OrderRules(lifecycle: lifecycle)
        var allowed = Desk([Told(.allocated, 1)], rules: rules)
        #expect(allowed.tell(.invoiced, 5).disposition == .allow && allowed.order.open == [])
        var rejected = Desk([Told(.received, 1)], rules: rules)
        let refused = rejected.tell(.shipped, 5)
        #expect(refused.outcome == .rejected && refused.code == .illegalTransition)
        #expect(rejected.tell(.allocated, 6).outcome == .parked)
        #expect(rejected.release(waited: true).map(\.disposition) == [.flag])
        #expect(rejected.order.state == .allocated)
        var flagged = Desk([Told(.validated, 1)], rules: rules)
        #expect(flagged.tell(.shipped, 5).code == .illegalTransition && flagged.order.state == .shipped)
        #expect(flagged.order.open == [.illegalTransition])
    }
}

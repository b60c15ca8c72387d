import OrderEvents
import Orders
import Testing

@Suite struct EventTimeTests {
    @Test func whatIsBehindAndTellsNothingNewIsStale() {
        var desk = Desk([Told(.received, 1), Told(.allocated, 3)])
        let version = desk.order.version
        #expect(desk.tell(.validated, 2).outcome == .stale)
        #expect(desk.tell(.allocated, 4, channel: "wms").outcome == .stale)
        #expect(desk.order.version == version && desk.order.state == .allocated)
        // Its time is remembered all the same.
        #expect(desk.order.time(of: .validated)?.microseconds == Told.epoch + 2)
    }

    @Test func whatIsBehindAndTellsAFactIsApplied() {
        var desk = Desk([Told(.received, 1), Told(.allocated, 3)])
        let late = desk.tell(Told(.validated, 2).with { $0.lines = ["A"] })
        #expect(late.outcome == .applied && late.to == .allocated)
        #expect(desk.order.lines.map(\.sku) == ["A"])
        #expect(desk.tell(Told(.validated, 2).with { $0.lines = ["A"] }).outcome == .stale)
    }

    @Test func aFirstShippedOrInvoicedBehindIsANewFact() {
        var desk = Desk([Told(.received, 1)])
        #expect(desk.tell(.invoiced, 5).raised == [.invoiceWithoutDispatch])
        let shipped = desk.tell(.shipped, 4)
        #expect(shipped.outcome == .applied && shipped.disposition == .behind)
        #expect(shipped.resolved == [.invoiceWithoutDispatch])
        #expect(desk.order.state == .invoiced)
        #expect(desk.tell(.shipped, 4, channel: "dhl").outcome == .stale)
        var closed = Desk([Told(.shipped, 1), Told(.closed, 9)])
        #expect(closed.order.open == [.shippedNotInvoiced])
        let invoiced = closed.tell(.invoiced, 5)
        #expect(invoiced.outcome == .applied && invoiced.resolved == [.shippedNotInvoiced])
        #expect(closed.order.state == .closed)
    }

    @Test func aPartialDispatchAnswersAnInvoiceWithoutOne() {
        var desk = Desk([Told(.received, 1), Told(.invoiced, 5)])
        let late = desk.tell(.partiallyFulfilled, 4)
        #expect(late.outcome == .applied && late.resolved == [.invoiceWithoutDispatch] && late.to == .invoiced)
    }

    @Test func aFutureTimeCountsAsTheTimeOfThePoll() {
        var desk = Desk()
        desk.tell(Told(.received, 1_000_000).with { $0.polledAt = 10 })
        #expect(desk.order.time(of: .received)?.microseconds == Told.epoch + 10)
        desk.tell(Told(nil, 5_000_000).with { ($0.milestone, $0.polledAt) = (.tracking, 20) })
        #expect(desk.order.milestones[Int(Milestone.tracking.rawValue)] == Told.epoch + 20)
    }

    @Test func milestonesKeepTheirLatestTimeAndNeverChangeTheState() {
        var desk = Desk([Told(.received, 1)])
        for milestone in Milestone.allCases {
            #expect(desk.tell(.milestone(milestone, 5)).outcome == .applied)
            #expect(desk.tell(.milestone(milestone, 4)).outcome == .stale)
            #expect(desk.tell(.milestone(milestone, 5)).outcome == .stale)
            #expect(desk.tell(.milestone(milestone, 6)).outcome == .applied)
        }
        #expect(desk.order.state == .received)
    }

    @Test func whatIsToldBeforeTheOrderBeginsWaitsForItHoweverLong() {
        var desk = Desk()
        #expect(desk.tell(.milestone(.tracking, 5, channel: "dhl")).code == .orderNotBegun)
        #expect(desk.tell(.closed, 9).code == .orderNotBegun)
        #expect(desk.release(waited: true).isEmpty)
        desk.tell(.received, 1)
        #expect(desk.order.milestones[Int(Milestone.tracking.rawValue)] != 0)
        // `closed` waits on, now for the dispatch.
        #expect(desk.parked.count == 1)
        desk.tell(.shipped, 6)
        #expect(desk.order.state == .closed && desk.parked.isEmpty)
        desk.tell(.invoiced, 7)
        #expect(desk.order.open == [] && desk.order.state == .closed)
    }

    @Test func aClosingToldBeforeItsDispatchIsFlaggedLikeAnyWithoutAnInvoice() {
        var desk = Desk([Told(.received, 1), Told(.closed, 3)])
        #expect(desk.parked.count == 1)
        desk.tell(.shipped, 5, channel: "wms")
        #expect(desk.order.state == .closed && desk.order.open == [.shippedNotInvoiced])
        #expect(desk.tell(.invoiced, 6).resolved == [.shippedNotInvoiced])
    }

    @Test func aCancellationAfterAPartialShipmentMakesTheOrderShippedInAnySequence() {
        let story = [Told(.received, 1), Told(.partiallyFulfilled, 5, channel: "wms"), Told(.cancelled, 9)]
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let desk = Desk(order.map { story[$0] })
            #expect(desk.order.state == .shipped)
            #expect(desk.order.time(of: .shipped)?.microseconds == Told.epoch + 9)
            #expect(desk.order.open == [])
        }
        var desk = Desk(story)
        #expect(desk.tell(.cancelled, 10, channel: "portal").outcome == .stale)
        #expect(desk.tell(.invoiced, 11).to == .invoiced)
    }

    @Test func aCancellationOvertakenByTheRestOfItsShipmentIsHistory() {
        var desk = Desk([Told(.partiallyFulfilled, 5, channel: "wms"), Told(.shipped, 7, channel: "wms")])
        let late = desk.tell(.cancelled, 6)
        #expect(late.outcome == .applied && late.to == .shipped && desk.order.open == [])
        #expect(desk.tell(.cancelled, 8, channel: "portal").outcome == .stale)
        var whole = Desk([Told(.received, 1), Told(.shipped, 7)])
        #expect(whole.tell(.cancelled, 8).outcome == .rejected)
        #expect(whole.order.state == .shipped)
    }

    @Test func anEndIsNotLeftButFactsAreKeptWithAFlag() {
        for end in [CanonicalState.cancelled, .closed] {
            var desk = LifecycleTableTests.desk(at: end)
            #expect(desk.tell(.allocated, 60).outcome == .rejected)
            #expect(desk.tell(.allocated, 40).outcome == .stale)
            let fact = desk.tell(Told(.shipped, 70).with { $0.shipment = ("S-1", "", []) })
            // Goods that left make a cancelled order a shipped one: the rest is cancelled.
            #expect(fact.outcome == .applied && fact.raised == [.factAfterEnd])
            #expect(fact.to == (end == .cancelled ? .shipped : end))
            #expect(desk.order.shipments.count == 1)
        }
    }

    @Test func goodsThatLeftBeforeTheCancellationAreFlaggedWhenToldAfterIt() {
        var desk = Desk([Told(.received, 1), Told(.cancelled, 9)])
        let late = desk.tell(.shipped, 5, channel: "wms")
        #expect(late.outcome == .applied && late.raised == [.factAfterEnd] && late.to == .cancelled)
        #expect(desk.tell(.shipped, 6, channel: "dhl").outcome == .stale)
        #expect(desk.tell(.partiallyFulfilled, 4, channel: "wms").resolved == [.factAfterEnd])
        #expect(desk.order.state == .shipped)
    }

    @Test func aRefusedWordTakesEffectWhenWhatAllowsItComes() {
        // Of two pieces one had left when the rest was cancelled: who knew only "shipped" refused that.
        var desk = Desk([Told(.received, 1), Told(.shipped, 5, channel: "wms")])
        #expect(desk.tell(.cancelled, 6).outcome == .rejected)
        #expect(desk.order.open == [.illegalTransition])
        let lines = desk.tell(
            Told(.validated, 2).with {
                $0.lines = ["A:2"]
                $0.shipment = ("S-1", "", ["1"])
            })
        #expect(lines.resolved == [.illegalTransition] && desk.order.state == .shipped)
        #expect(desk.order.quantities.map(\.cancelled) == [.one] && desk.order.quantities.map(\.shipped) == [.one])
    }

    @Test func theLatestTermsCountAndAreNews() {
        var desk = Desk()
        desk.tell(Told(.received, 5).with { ($0.total, $0.customer) = (10, "C-1") })
        #expect(desk.tell(Told(.received, 3).with { ($0.total, $0.customer) = (7, "C-0") }).outcome == .stale)
        #expect(desk.order.total == ExactDecimal(mantissa: 10) && desk.order.customerRef == "C-1")
        #expect(desk.tell(Told(.received, 6).with { $0.total = 12 }).outcome == .applied)
        #expect(desk.tell(Told(.received, 7).with { $0.total = 12 }).outcome == .stale)
        #expect(desk.order.total == ExactDecimal(mantissa: 12))
    }
}

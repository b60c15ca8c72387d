import OrderEvents
import Orders
import Testing

@Suite struct HoldTests {
    private func hold(_ reason: String, _ at: Int64, channel: String = "shop") -> Told {
        Told(.onHold, at, channel: channel).with { $0.reason = reason }
    }

    private func release(_ reason: String?, _ at: Int64, channel: String = "shop") -> Told {
        Told(.release, at, channel: channel).with { $0.reason = reason }
    }

    @Test func theStateShowsAgainWhenTheLastHoldEnds() {
        var desk = Desk([Told(.received, 1), hold("credit", 2), hold("fraud", 3)])
        #expect(desk.order.state == .onHold)
        desk.tell(.allocated, 4)
        #expect(desk.order.state == .onHold && desk.order.path == .allocated)
        desk.tell(release("credit", 5))
        #expect(desk.order.state == .onHold)
        #expect(desk.tell(release("fraud", 6)).to == .allocated)
    }

    @Test func aReleaseWithoutAReasonEndsAllOfItsChannelsHoldsAndNoOthers() {
        var desk = Desk([Told(.received, 1), hold("credit", 2), hold("fraud", 3), hold("stock", 4, channel: "wms")])
        desk.tell(release(nil, 5))
        #expect(desk.order.holds.filter { $0.endedAt == nil }.map(\.reason) == ["stock"])
        #expect(desk.tell(release("stock", 6)).outcome == .parked)
        #expect(desk.tell(release("stock", 6, channel: "wms")).to == .received)
    }

    @Test func aHoldThatItsReleaseOvertookIsRecordedAndNotOpen() {
        var desk = Desk([Told(.received, 1), hold("credit", 2), release(nil, 9)])
        let late = desk.tell(hold("fraud", 6))
        #expect(late.outcome == .applied && late.disposition == .behind)
        #expect(desk.order.state == .received && desk.order.holds.count == 2)
        #expect(desk.tell(hold("fraud", 6)).outcome == .stale)
        #expect(desk.tell(hold("fraud", 10)).to == .onHold)
    }

    @Test func aReleaseEndsNoHoldThatBeganAfterIt() {
        var desk = Desk([Told(.received, 1), hold("credit", 8)])
        #expect(desk.tell(release("credit", 6)).outcome == .parked)
        #expect(desk.tell(hold("credit", 5)).outcome == .applied)
        #expect(desk.parked.isEmpty && desk.order.state == .onHold)
        #expect(desk.tell(release("credit", 9)).to == .received)
    }

    @Test func aReleaseThatWaitsGoesOnWithItsHoldAlsoUnderAnother() {
        var desk = Desk([Told(.received, 1), hold("stock", 2, channel: "wms"), release("credit", 5)])
        #expect(desk.parked.count == 1)
        desk.tell(hold("credit", 4))
        #expect(desk.parked.isEmpty && desk.order.holds.filter { $0.endedAt == nil }.map(\.reason) == ["stock"])
        #expect(desk.order.open == [])
    }

    @Test func aReleaseWithoutAHoldIsOpenAsLongAsItWaits() {
        var desk = Desk([Told(.received, 1), release("credit", 5)])
        #expect(desk.parked.count == 1 && desk.order.open == [.releaseWithoutHold])
        #expect(desk.tell(.validated, 6).resolved == [])
        #expect(desk.order.open == [.releaseWithoutHold])
        #expect(desk.tell(hold("credit", 4)).outcome == .applied)
        #expect(desk.parked.isEmpty && desk.order.open == [])
    }

    @Test func theHoldOfAnOverruledReleaseClosesItsException() {
        var desk = Desk([Told(.received, 1), release("credit", 5)])
        #expect(desk.release(waited: true).first?.code == .releaseWithoutHold)
        #expect(desk.order.open == [.releaseWithoutHold] && desk.order.state == .received)
        let late = desk.tell(hold("credit", 4))
        #expect(late.resolved == [.releaseWithoutHold])
        #expect(desk.order.state == .received && desk.order.open == [])
        #expect(desk.tell(hold("credit", 6)).to == .onHold)
    }

    @Test func goodsThatLeaveUnderAHoldAreFlaggedUntilItEnds() {
        var desk = Desk([Told(.received, 1), hold("credit", 2)])
        let shipped = desk.tell(.shipped, 3, channel: "wms")
        #expect(shipped.disposition == .flag && shipped.raised == [.holdViolated] && shipped.to == .shipped)
        #expect(desk.tell(release(nil, 4)).resolved == [.holdViolated])
        #expect(desk.order.state == .shipped)
    }

    @Test func anInvoiceUnderAHoldRaisesBothItsExceptions() {
        var desk = Desk([Told(.received, 1), hold("credit", 2)])
        #expect(Set(desk.tell(.invoiced, 3).raised) == [.holdViolated, .invoiceWithoutDispatch])
        #expect(desk.tell(.shipped, 4).resolved == [.invoiceWithoutDispatch])
    }

    @Test func aHoldToldAfterTheGoodsItShouldHaveHeldIsFlagged() {
        var desk = Desk([Told(.received, 1), Told(.shipped, 5)])
        let late = desk.tell(hold("credit", 3))
        #expect(late.outcome == .applied && late.raised == [.holdViolated] && late.to == .shipped)
        #expect(desk.tell(hold("stock", 6)).outcome == .rejected)
        #expect(desk.tell(release("credit", 7)).resolved == [.holdViolated])
    }

    @Test func whatLeftBeforeTheHoldBeganViolatesNothing() {
        var desk = Desk([Told(.received, 1), hold("credit", 8)])
        let late = desk.tell(.partiallyFulfilled, 5, channel: "wms")
        #expect(late.disposition == .allow && late.raised.isEmpty && late.to == .onHold)
        #expect(desk.tell(.partiallyFulfilled, 9, channel: "wms").raised == [.holdViolated])
    }

    @Test func ofEqualTimesTheLogDecidesUnlessNumbersDo() {
        var byLog = Desk([Told(.received, 1), hold("credit", 2), release("credit", 2), hold("credit", 2)])
        #expect(byLog.order.state == .onHold)
        byLog.tell(release("credit", 2))
        #expect(byLog.order.state == .received)
        var byNumber = Desk([Told(.received, 1, sequence: 1), release("credit", 5).with { $0.sequence = 3 }])
        byNumber.release(waited: true)
        byNumber.tell(hold("credit", 5).with { $0.sequence = 2 })
        #expect(byNumber.order.state == .received)
    }

    @Test func numbersBeatTheClockOfTheirChannel() {
        let desk = Desk(
            [
                Told(.received, 1, sequence: 1), hold("credit", 9).with { $0.sequence = 2 },
                release("credit", 4).with { $0.sequence = 3 },
            ], counting: ["shop"])
        #expect(desk.order.state == .received && desk.parked.isEmpty)
    }

    @Test func holdsAreBoundedAndOpenOnesStay() {
        var desk = Desk([Told(.received, 1), hold("stock", 2, channel: "wms")])
        for round in 1...200 {
            desk.tell(hold("credit", Int64(round) * 10))
            desk.tell(release("credit", Int64(round) * 10 + 5))
        }
        #expect(desk.order.holds.count <= 64)
        #expect(desk.order.state == .onHold)
        for time in 1...200 { desk.tell(hold("fraud", 100_000 - Int64(time))) }
        #expect(desk.order.holds.count <= 129)
    }
}

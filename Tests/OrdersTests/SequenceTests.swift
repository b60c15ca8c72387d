import OrderEvents
import Orders
import Testing

@Suite struct SequenceTests {
    private func desk(_ told: Told...) -> Desk { Desk(told, counting: ["shop"]) }

    @Test func whatIsBehindAGapWaitsAndGoesOnInSequence() {
        var desk = desk(Told(.received, 1, sequence: 1))
        for (state, number) in [(CanonicalState.shipped, Int64(4)), (.allocated, 3)] {
            let result = desk.tell(state, number, sequence: number)
            #expect(result.outcome == .parked && result.code == .sequenceGap)
        }
        #expect(desk.order.state == .received && desk.order.parked == 2 && desk.order.open == [.sequenceGap])
        let missing = desk.tell(.validated, 2, sequence: 2)
        #expect(missing.releasesParked)
        #expect(desk.order.state == .shipped && desk.order.parked == 0 && desk.order.open == [])
        #expect(desk.order.version == 4)
    }

    @Test func otherChannelsGoOn() {
        var desk = desk(Told(.received, 1, sequence: 1), Told(.allocated, 3, sequence: 3))
        #expect(desk.tell(.validated, 2, channel: "portal").to == .validated)
        #expect(desk.tell(.milestone(.tracking, 3, channel: "dhl")).outcome == .applied)
        #expect(desk.order.parked == 1)
    }

    @Test func aMissingFirstNumberIsAGap() {
        var desk = desk()
        #expect(desk.tell(.validated, 2, sequence: 2).code == .sequenceGap)
        #expect(desk.tell(.received, 1, sequence: 1).outcome == .applied)
        #expect(desk.order.state == .validated)
    }

    @Test func numbersOfAChannelThatDoesNotCountNeverMakeAGap() {
        var desk = Desk([Told(.received, 1, sequence: 5), Told(.validated, 2, sequence: 90)])
        #expect(desk.order.state == .validated && desk.parked.isEmpty)
        #expect(desk.tell(.allocated, 3, sequence: 40).outcome == .applied)
    }

    @Test func whoeverWaitedLongEnoughIsAppliedWithAFlag() {
        var desk = desk(
            Told(.received, 1, sequence: 1), Told(.allocated, 3, sequence: 3), Told(.shipped, 5, sequence: 5))
        let results = desk.release(waited: true)
        #expect(results.map(\.disposition) == [.flag, .flag] && results.map(\.code) == [.sequenceGap, .sequenceGap])
        #expect(desk.order.state == .shipped && desk.order.open == [.sequenceGap])
        // The exception ends when all missing numbers have come after all.
        #expect(desk.tell(.validated, 2, sequence: 2).outcome == .stale)
        #expect(desk.order.open == [.sequenceGap])
        let last = desk.tell(Told(.partiallyFulfilled, 4, sequence: 4).with { $0.shipment = ("S-1", "", []) })
        #expect(last.resolved == [.sequenceGap] && last.outcome == .applied)
        #expect(desk.order.state == .shipped && desk.order.open == [])
    }

    @Test func aWordThatWaitedDoesNotTakeTheOrderBack() {
        var desk = desk(Told(.received, 1, sequence: 1), Told(.validated, 3, sequence: 3))
        desk.tell(.shipped, 9, channel: "wms")
        let result = desk.release(waited: true).first
        #expect(result?.outcome == .stale && result?.raised == [.sequenceGap])
        #expect(desk.order.state == .shipped && desk.order.path == .shipped)
    }

    @Test func aRefusedEventCountsItsNumberAndALaterMendedOneIsNoGap() {
        var desk = desk(Told(.received, 1, sequence: 1))
        let refused = desk.tell(Told(.validated, 2, sequence: 2).with { $0.refusal = .unknownWarehouse })
        #expect(refused.outcome == .rejected && refused.raised == [.unknownWarehouse] && refused.changed)
        #expect(desk.order.state == .received && desk.order.version == 1)
        #expect(desk.tell(.allocated, 3, sequence: 3).outcome == .applied)
        #expect(desk.tell(Told(.validated, 2, sequence: 2).with { $0.lines = ["A"] }).outcome == .applied)
        var gap = self.desk(Told(.received, 1, sequence: 1))
        gap.tell(Told(.allocated, 3, sequence: 3).with { $0.refusal = .unknownWarehouse })
        #expect(gap.parked.count == 1)
        gap.tell(.validated, 2, sequence: 2)
        #expect(gap.parked.isEmpty && gap.tell(.shipped, 4, sequence: 4).outcome == .applied)
    }

    @Test func aRejectedTransitionCountsItsNumber() {
        var desk = desk(Told(.shipped, 1, sequence: 1))
        #expect(desk.tell(.cancelled, 2, sequence: 2).outcome == .rejected)
        #expect(desk.tell(.invoiced, 3, sequence: 3).to == .invoiced)
    }

    @Test func aChannelThatMayNotSpeakLeavesNoTrace() {
        var desk = desk(Told(.received, 1, channel: "portal"))
        let before = desk.order
        for number in [Int64(1), 2, 7] {
            let result = desk.tell(Told(.shipped, 5, sequence: number).with { $0.refusal = .channelNotListed })
            #expect(result.outcome == .rejected && result.changed == false)
        }
        #expect(desk.order == before)
    }

    @Test func aGapBeforeAnOrderBeginsIsOverruledButTheOrderIsStillWaitedFor() {
        var desk = desk()
        desk.tell(Told(nil, 5, sequence: 3).with { $0.milestone = .tracking })
        #expect(desk.release(waited: true).isEmpty && desk.parked.count == 1)
        desk.tell(.received, 1, channel: "portal")
        #expect(desk.parked.isEmpty && desk.order.milestones[Int(Milestone.tracking.rawValue)] != 0)
    }

    @Test func aReleaseBehindAGapDoesNotHoldUpWhatItsChannelToldAfterIt() {
        var desk = desk(
            Told(.received, 1, sequence: 1), Told(.release, 3, sequence: 3), Told(.shipped, 4, sequence: 4))
        desk.tell(.validated, 2, sequence: 2)
        #expect(desk.order.state == .shipped && desk.order.parked == 1)
        #expect(desk.order.open.contains(.sequenceGap) == false || desk.order.parked > 0)
        desk.release(waited: true)
        #expect(desk.order.open == [.releaseWithoutHold])
    }

    @Test func extremeNumbersDoNotTrap() {
        for number in [Int64.min, -1, 0, .max - 1, .max] {
            for first in [Int64.min, 0, 1, .max] {
                var order = Order()
                for _ in 0..<3 {
                    for state in [CanonicalState.received, .shipped] {
                        let event = Told(state, 5, sequence: number).event
                        let channel = ChannelRules(name: "c", sequenceFrom: first)
                        if order.apply(event, channel: channel).outcome == .parked {
                            _ = order.applyParked(event, channel: channel, waited: true)
                        }
                    }
                }
                #expect(order.parked >= 0)
            }
        }
    }

    @Test func overruledNumbersAreBounded() {
        var desk = desk(Told(.received, 1, sequence: 1))
        for number in 1...100 {
            desk.tell(Told(nil, 5, sequence: Int64(number) * 10).with { $0.milestone = .inTransit })
            desk.release(waited: true)
        }
        #expect(desk.order.channels[0].skipped.count == 16)
        #expect(desk.order.channels[0].skipped.first?.first == 2)
        #expect(desk.order.channels[0].skipped.last?.last == 999)
    }
}

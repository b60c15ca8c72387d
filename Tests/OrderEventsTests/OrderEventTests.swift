import Testing

@testable import OrderEvents

/// An event is moved often and changed hardly ever.
struct OrderEventTests {
    private static func event() -> OrderEvent {
        let source = SourcePosition(
            partition: 1, epoch: 2, offset: 3, loggedAt: nil, polledAt: Timestamp(microseconds: 4))
        return OrderEvent(source: source, bytes: [1, 2, 3], payloadCount: 3, contentHash: 5, channel: 6)
    }

    @Test func itIsMovedAsThreeWords() {
        #expect(MemoryLayout<OrderEvent>.size == 24)
        #expect(MemoryLayout<Taken>.size == 24)
        #expect(MemoryLayout<Taken?>.size == 24)
    }

    @Test func changingACopyLeavesTheOtherAsItWas() {
        let first = Self.event()
        var second = first
        second.source.offset = 9
        second.refusal = Refusal(code: .unknownWarehouse, detail: "none")
        second.lane = 4
        #expect(first.source.offset == 3 && first.refusal == nil && first.lane == -1)
        #expect(second.source.offset == 9 && second.refusal?.code == .unknownWarehouse && second.lane == 4)
        #expect(second.bytes == [1, 2, 3] && second.contentHash == 5 && second.channel == 6)
    }

    @Test func itsCostFollowsWhatItHolds() {
        var event = Self.event()
        let least = event.cost
        event.bytes += [UInt8](repeating: 0, count: 100)
        #expect(event.cost == least + 100)
        event.lines = [OrderLine()]
        #expect(event.cost == least + 100 + MemoryLayout<OrderLine>.stride)
        event.facts = Facts(references: [Reference(kind: .tracking, issuer: .none, value: .none)])
        #expect(event.cost > least + 100 + MemoryLayout<OrderLine>.stride)
        let before = event.cost
        event.source.trace = TraceContext(high: 1, low: 2, parent: 3, flags: 0)
        #expect(event.cost == before + 48)
        event.entity = 1
        #expect(least > 24)
    }
}

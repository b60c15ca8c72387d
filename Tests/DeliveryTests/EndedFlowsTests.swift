import OrderEvents
import Orders
import Testing

@testable import Delivery

/// Which promises a visit ends.
@Suite struct EndedFlowsTests {
    private static let epoch: Int64 = 1_700_000_000_000_000

    /// An order that reached these states a second apart.
    private func order(_ states: CanonicalState...) throws -> Order {
        var order = Order()
        for (index, state) in states.enumerated() {
            let time = Timestamp(microseconds: Self.epoch + Int64(index) * 1_000_000)
            let record = """
                {"event_id":"e\(index)","legal_entity":"A","order_ref":"O","status":"\(state.name)",\
                "occurred_at":"\(time.rfc3339)"}
                """
            let decoder = EventDecoder(ChannelFormat(name: "shop", index: 0, kind: .canonical))
            let source = SourcePosition(
                partition: 0, epoch: 1, offset: Int64(index), loggedAt: nil, polledAt: time)
            guard case .event(let event) = decoder.decode(value: Array(record.utf8), key: nil, source: source) else {
                Issue.record("the event cannot be read")
                continue
            }
            _ = order.apply(
                event, channel: ChannelRules(name: "shop", sequenceFrom: nil))
        }
        return order
    }

    private func ended(_ order: Order, _ before: DeliveredState, _ after: DeliveredState) -> [Flow: Int64] {
        EndedFlows(order, before: before, after: after, now: Self.epoch + 60_000_000).took
    }

    @Test func acceptanceEndsWhenTheOrderIsFirstInOdoo() throws {
        let order = try order(.received, .validated)
        let nothing = DeliveredState()
        let created = DeliveredState(odooID: 7, version: 2, confirmed: true)
        #expect(ended(order, nothing, created) == [.acceptance: 60_000_000])
        #expect(ended(order, created, created) == [:])
        #expect(ended(order, nothing, nothing) == [:])
    }

    @Test func cancellationEndsWhenOdooHasIt() throws {
        let order = try order(.received, .cancelled)
        let created = DeliveredState(odooID: 7, version: 1)
        let cancelled = DeliveredState(odooID: 7, version: 2, cancelled: true)
        #expect(ended(order, created, cancelled) == [.cancellation: 59_000_000])
        #expect(ended(order, cancelled, cancelled) == [:])
        // What never was in Odoo has nothing to be cancelled there.
        #expect(ended(order, DeliveredState(), DeliveredState()) == [:])
    }
}

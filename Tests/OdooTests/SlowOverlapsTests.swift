import Synchronization
import Testing

@testable import Odoo

/// Goal: a conflict that Odoo hides behind a long call is seen, and nothing else is taken for one.
@Suite struct SlowOverlapsTests {
    /// Recorded of calls on the same products, in milliseconds: usual alone, 95 of 100 with two or four clients, and
    /// the longest where the server had tried again.
    private static let recorded: [(operation: String, records: Int, usual: Double, most: Double, met: Double)] = [
        ("sale.order/action_confirm", 1, 170.8, 221.1, 4294.5), ("sale.order/action_confirm", 1, 170.8, 575.3, 4238.3),
        ("sale.order/action_confirm", 1, 146.7, 215.2, 12_026.6),
        ("sale.order/action_confirm", 1, 197.6, 277.7, 4846.4), ("sale.order/action_confirm", 1, 162.7, 299.6, 2103.0),
        ("sale.order/action_confirm", 1, 146.7, 281.6, 1610.8),
        ("sale.order/action_confirm", 10, 954.0, 1024.0, 5330.8),
        ("sale.order/action_confirm", 10, 1198.9, 1749.1, 8489.1),
        ("sale.order/action_confirm", 50, 4382.4, 8045.6, 20_488.3),
        ("stock.picking/button_validate", 1, 113.3, 392.1, 10_206.1),
        ("stock.picking/button_validate", 1, 92.7, 426.1, 1836.8),
        ("stock.picking/button_validate", 10, 290.8, 852.8, 4539.5),
        ("stock.picking/button_validate", 50, 1153.2, 2335.8, 6637.3),
    ]
    /// The longest of two or four clients that confirmed orders of other products, which cannot meet.
    private static let disjoint = [184.2, 367.0, 209.3, 512.6, 202.2, 420.4, 229.4, 373.8]

    private static func learned(_ shape: String, _ milliseconds: Double) -> SlowOverlaps {
        var overlaps = SlowOverlaps()
        for _ in 0..<SlowOverlaps.known {
            let call = overlaps.began(["stock A"])
            _ = overlaps.ended(call, shape: shape, seconds: milliseconds / 1000)
        }
        return overlaps
    }

    private static func meets(_ overlaps: SlowOverlaps, _ shape: String, _ milliseconds: Double) -> Bool {
        var overlaps = overlaps
        let call = overlaps.began(["stock A"])
        let other = overlaps.began(["stock A", "order 1"])
        let isOther = overlaps.ended(other, shape: nil, seconds: 0.1)
        return overlaps.ended(call, shape: shape, seconds: milliseconds / 1000) && !isOther
    }

    @Test func whatWasRecordedIsToldApart() {
        for row in Self.recorded {
            let shape = SlowOverlaps.shape(row.operation, records: row.records)
            let overlaps = Self.learned(shape, row.usual)
            #expect(Self.meets(overlaps, shape, row.met), "\(row)")
            #expect(!Self.meets(overlaps, shape, row.most), "\(row)")
        }
        let shape = SlowOverlaps.shape("sale.order/action_confirm", records: 1)
        for longest in Self.disjoint { #expect(!Self.meets(Self.learned(shape, 121), shape, longest), "\(longest)") }
    }

    @Test func whoWasAloneOnItsRowsHasMetNobody() {
        var overlaps = Self.learned("x", 100)
        let call = overlaps.began(["stock A"])
        let other = overlaps.began(["stock B"])
        let met = [call, other].map { overlaps.ended($0, shape: "x", seconds: 60) }
        #expect(met == [false, false])
    }

    @Test func bothOfTwoAreOverlappedWhicheverCameFirst() {
        for isFirstSlow in [true, false] {
            var overlaps = Self.learned("x", 100)
            let calls = [overlaps.began(["stock A"]), overlaps.began(["stock A"])]
            let quick = overlaps.ended(calls[isFirstSlow ? 1 : 0], shape: "x", seconds: 0.1)
            let slow = overlaps.ended(calls[isFirstSlow ? 0 : 1], shape: "x", seconds: 2)
            #expect(!quick && slow)
        }
    }

    /// A server that is slow for everybody is no conflict.
    @Test func whatIsUsualFollowsTheServer() {
        var overlaps = Self.learned("x", 100)
        for _ in 0..<40 {
            let call = overlaps.began(["stock A"])
            _ = overlaps.ended(call, shape: "x", seconds: 2)
        }
        #expect(!Self.meets(overlaps, "x", 2000) && Self.meets(overlaps, "x", 7000))
    }

    @Test func nothingIsLearnedOfWhatIsNotKnownOrWasNotAnswered() {
        var overlaps = SlowOverlaps()
        for _ in 0..<(SlowOverlaps.known - 1) {
            let call = overlaps.began(["a"])
            _ = overlaps.ended(call, shape: "x", seconds: 0.1)
        }
        #expect(!Self.meets(overlaps, "x", 9000))
        #expect(!Self.meets(Self.learned("x", 100), "y", 9000))
        let call = overlaps.began(["a"])
        let met = [nil, "x"].map { overlaps.ended(call, shape: $0, seconds: 150) }
        #expect(met == [false, false])
    }

    /// Goal: after a call that met another one, calls for its rows go one at a time; others do not wait.
    @Test func rowsOnWhichCallsMetAreSpaced() async {
        let lanes = RowLanes()
        func call(
            _ took: Duration, _ rows: Set<String> = ["stock A"], movesStock: Bool = true, within: Bool = false
        ) async {
            _ = await lanes.run(rows, movesStock: movesStock) { () async -> [Result<Int, OrderFailure>] in
                CallWatch.current?.began()
                if within {
                    _ = await lanes.run(rows, movesStock: movesStock) { () async -> [Result<Int, OrderFailure>] in
                        CallWatch.current?.began()
                        CallWatch.current?.ended(Self.ended(.milliseconds(100)))
                        return [.success(1)]
                    }
                }
                CallWatch.current?.ended(Self.ended(took))
                return [.success(1)]
            }
        }
        for _ in 0..<SlowOverlaps.known { await call(.milliseconds(100)) }
        await call(.seconds(5))
        #expect(lanes.count == 0, "nobody else was there")
        await call(.seconds(5), movesStock: false, within: true)
        #expect(lanes.count == 0, "time tells nothing of what moves no stock")
        await call(.milliseconds(300), within: true)
        #expect(lanes.count == 0)
        await call(.seconds(5), ["stock A", "order 7"], within: true)
        #expect(lanes.count == 2)
    }

    private static func ended(_ took: Duration) -> WatchedAPI.Ended {
        WatchedAPI.Ended(operation: "sale.order/action_confirm", failure: nil, took: took, records: 1)
    }

    /// Goal: the time of a call is that at the server, without its wait for its turn.
    @Test func whatACallTookIsToldToWhoWatches() async throws {
        let told = Mutex<[String]>([])
        let api = WatchedAPI(Answering()) { _ in
            told.withLock { $0.append("turn") }
        } after: { _ in
        }
        let watch = CallWatch(
            began: { told.withLock { $0.append("began") } },
            ended: { ended in told.withLock { $0.append("\(ended.operation) \(ended.records)") } })
        _ = try await CallWatch.$current.withValue(watch) {
            try await api.call(OdooCall("sale.order", "action_confirm", ids: [1, 2]))
        }
        _ = try await api.call(OdooCall("sale.order", "read", ids: [1]))
        #expect(told.withLock { $0 } == ["turn", "began", "sale.order/action_confirm 2", "turn"])
    }

    private struct Answering: OdooAPI {
        func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue { true }
        func version() async throws(OdooFailure) -> String { "19.0" }
    }
}

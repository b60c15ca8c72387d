import OrderEvents
import Testing

@testable import Ingest

@Suite struct IngestRuleTests {
    @Test(
        arguments: [
            // ledgered, committed, end, start, remark
            (nil, nil, 10, nil, nil),
            (4, nil, 10, 4, nil),
            (4, 4, 10, 4, nil),
            (6, 4, 10, 6, nil),
            (10, 10, 10, 10, nil),
            (4, 6, 10, 6, .ledgerBehindCommitted),
            (nil, 6, 10, 6, .ledgerBehindCommitted),
            (11, 6, 10, 6, .ledgerAheadOfLog),
            (11, nil, 10, nil, .ledgerAheadOfLog),
            (11, 11, 10, nil, .ledgerAheadOfLog),
            (nil, 11, 10, nil, .ledgerAheadOfLog),
            (4, 11, 10, 4, nil),
        ] as [(Int64?, Int64?, Int64, Int64?, StartOffset.Remark?)])
    func readingBeginsWhereWorkIsLeft(
        ledgered: Int64?, committed: Int64?, end: Int64, offset: Int64?, remark: StartOffset.Remark?
    ) {
        let start = StartOffset(ledgered: ledgered, committed: committed, end: end)
        #expect(start.offset == offset)
        #expect(start.remark == remark)
    }

    private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test func theAgeOfARecordIsNeverUnderstated() {
        var clock = LogClock()
        #expect(clock.age(of: 0, now: at(100)) == nil)
        for offset: Int64 in 0..<2000 { clock.note(offset, at: at(offset)) }
        for offset: Int64 in stride(from: 0, to: 2000, by: 7) {
            let age = clock.age(of: offset, now: at(3000)) ?? -1
            #expect(age >= Double(3000 - offset))
            #expect(age <= Double(3000 - offset + 32))
        }
        clock.drop(before: 1999)
        clock.note(2000, at: at(2000))
        clock.note(2001, at: at(2001))
        clock.drop(before: 2001)
        #expect(clock.age(of: 2001, now: at(3000)) == 999)
        #expect(clock.age(of: 5000, now: at(3000)) == 999)
    }

    @Test func statusFollowsWhatMoves() {
        var watch = PartitionWatch(now: 0)
        func look(_ now: Double, _ committed: Int64, _ polled: Int64, lag: Int64, paused: Bool = false)
            -> PartitionStatus
        {
            watch.observe(now: now, committed: committed, polled: polled, lag: lag, isPaused: paused, limit: 60)
        }
        #expect(look(1, 0, 0, lag: 0) == .ok)
        #expect(look(2, 5, 9, lag: 4) == .ok)
        #expect(look(11, 5, 20, lag: 20) == .ok)
        #expect(look(13, 5, 30, lag: 30) == .warn)
        #expect(look(14, 5, 30, lag: 30, paused: true) == .paused)
        #expect(look(63, 5, 40, lag: 40) == .stall)
        #expect(look(125, 5, 40, lag: 40) == .stop)
        #expect(look(126, 6, 40, lag: 39) == .ok)
        #expect(look(300, 45, 45, lag: 0) == .ok)
    }

    @Test func everythingIsPausedOnlyWhenNothingGetsRoom() {
        var rule = BackPressure()
        let patience = BackPressure.patience
        #expect(rule.answer(isFull: false, now: 0) == .poll)
        #expect(rule.answer(isFull: true, now: 10) == .hold)
        #expect(rule.answer(isFull: true, now: 10 + patience * 0.9) == .hold)
        // Room for a moment: the time begins anew.
        #expect(rule.answer(isFull: false, now: 10 + patience * 0.95) == .poll)
        #expect(rule.answer(isFull: true, now: 10 + patience) == .hold)
        #expect(rule.answer(isFull: true, now: 10 + patience * 2) == .pause)
        #expect(rule.answer(isFull: true, now: 1000) == .pause)
        #expect(rule.answer(isFull: false, now: 1001) == .poll)
    }

    @Test func theLibraryIsWokenWhenRecordsShouldComeAndDoNot() {
        let longest = Duration.milliseconds(100)
        var rule = WakeRule()
        // Nothing is expected before the first record.
        #expect(rule.wait(atMost: longest) == longest)
        #expect(!rule.polled(0) { true })
        #expect(!rule.polled(5) { true })
        #expect(rule.wait(atMost: longest) == WakeRule.firstWait)
        // Caught up.
        #expect(!rule.polled(0) { false })
        #expect(rule.wait(atMost: longest) == longest)
        #expect(!rule.polled(0) { true })
        #expect(!rule.polled(1) { true })
        var waited = Duration.zero
        for _ in 0..<WakeRule.mostWakes {
            waited += rule.wait(atMost: longest)
            #expect(rule.polled(0) { true })
        }
        // The library sleeps for a second at most: then what is behind can be read by nobody.
        #expect(waited >= .milliseconds(500))
        #expect(!rule.polled(0) { true })
        #expect(rule.wait(atMost: longest) == longest)
        rule.expectRecords()
        #expect(rule.wait(atMost: longest) == WakeRule.firstWait)
        #expect(rule.polled(0) { true })
    }
}

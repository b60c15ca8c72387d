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
        // Everything is read, and nothing of it is done: the reading does not stand still.
        func read(_ now: Double) -> PartitionStatus {
            watch.observe(now: now, committed: 45, polled: 50, lag: 5, unread: 0, isPaused: false, limit: 60)
        }
        #expect(read(301) == .ok)
        #expect(read(400) == .stall)
        #expect(read(500) == .stall)
    }

    @Test func withoutBrokersNobodyKnowsThatThereIsNothingToRead() {
        var watch = PartitionWatch(now: 0)
        func look(_ now: Double, _ isReachable: Bool) -> PartitionStatus {
            watch.observe(
                now: now, committed: 5, polled: 5, lag: 0, isPaused: false, isReachable: isReachable, limit: 60)
        }
        #expect(look(1, true) == .ok)
        #expect(look(5, false) == .ok)
        #expect(look(12, false) == .warn)
        #expect(look(62, false) == .stop)
        #expect(look(63, true) == .ok)
    }

    @Test func lagEndsWhereNobodyCanRead() {
        var lag = PartitionLag(now: 0, logStart: 2)
        func isDoubtful(
            _ now: Double, polled: Int64, high: Int64, isPaused: Bool = false, isClose: Bool = false
        ) -> Bool {
            lag.isDoubtful(now: now, polled: polled, high: high, isPaused: isPaused, isClose: isClose)
        }
        // Reading began at the oldest record; what retention removed does not count.
        #expect(lag.records(committed: nil, polled: nil, high: 10) == 8)
        #expect(lag.records(committed: 0, polled: nil, high: 10) == 8)
        #expect(lag.records(committed: 4, polled: 4, high: nil) == 0)
        // Behind 10 lies an open transaction up to 15.
        #expect(!isDoubtful(1, polled: 10, high: 15))
        #expect(!isDoubtful(1.5, polled: 10, high: 15))
        #expect(isDoubtful(2, polled: 10, high: 15))
        #expect(lag.records(committed: 10, polled: 10, high: 15) == 5)
        lag.answered(start: 2, end: 10, polled: 10)
        #expect(lag.records(committed: 10, polled: 10, high: 15) == 0)
        // It is committed: the fetch knows better than the answer.
        #expect(lag.records(committed: 10, polled: 12, high: 20) == 10)
        // Nothing is fetched of a paused partition, so the fetch knows nothing of what came.
        #expect(isDoubtful(3, polled: 16, high: 16, isPaused: true))
        lag.answered(start: 12, end: 40, polled: 16)
        #expect(lag.records(committed: 10, polled: 16, high: 16) == 28)
        // What stands still without lag is looked at now and then.
        #expect(!isDoubtful(7.5, polled: 16, high: 16))
        #expect(isDoubtful(8, polled: 16, high: 16))
        // Or at once where an answer was refused.
        #expect(isDoubtful(8, polled: 16, high: 16, isClose: true))
        #expect(!isDoubtful(9, polled: 17, high: 17, isClose: true))
        #expect(isDoubtful(9.5, polled: 17, high: 17, isClose: true))
        // An answer of a broker that lags behind makes the log no longer.
        lag.answered(start: 3, end: 40, polled: 16)
        #expect(lag.logStart == 12)
    }

    @Test func lagHasAnAgeAlsoWhenNoRecordWasSeen() {
        var lag = PartitionLag(now: 0)
        func seconds(_ now: Double, records: Int64, age: Double?) -> Double {
            lag.seconds(now: now, records: records, age: age)
        }
        #expect(seconds(10, records: 0, age: nil) == 0)
        #expect(seconds(20, records: 3, age: nil) == 0)
        #expect(seconds(25, records: 3, age: nil) == 5)
        #expect(seconds(25, records: 3, age: 60) == 60)
        #expect(seconds(26, records: 0, age: nil) == 0)
        #expect(seconds(30, records: 1, age: nil) == 0)
    }

    @Test func theEndOfAnUnreadableStretchIsFoundExactly() {
        for length: Int64 in Array(1...70) + [1000, 4096, 99_999] {
            for behind: Int64 in [0, 1, 5, 1000] {
                let first: Int64 = 500
                var stretch = UnreadableStretch(first: first, end: first + length + behind)
                var tries = 0
                while let offset = stretch.next {
                    #expect(offset > first && offset < first + length + max(behind, 1))
                    stretch.tried(offset, isReadable: offset >= first + length)
                    tries += 1
                    if tries > ReadProbe.mostTries { break }
                }
                #expect(stretch.range == first..<first + length)
                #expect(tries <= 2 * 17 + UnreadableStretch.closelyTried)
            }
        }
        // One record that is too large, which is the usual case, takes one try.
        var single = UnreadableStretch(first: 7, end: 1_000_000)
        #expect(single.next == 8)
        single.tried(8, isReadable: true)
        #expect(single.next == nil && single.range == 7..<8)
    }

    @Test func recordsAreTakenAloneAfterUncleanEnds() {
        #expect(Caution(PartitionOpening(nextOffset: 4), now: 100) == nil)
        #expect(Caution(PartitionOpening(nextOffset: 4, uncleanEnds: 1, suspect: (4, 1)), now: 100) == nil)
        guard var caution = Caution(PartitionOpening(nextOffset: 4, uncleanEnds: 2, suspect: (5, 3)), now: 100) else {
            Issue.record("no caution")
            return
        }
        let now = 100.0
        func step(_ first: Int64?, noted: Int64?) -> Caution.Step { caution.step(first: first, noted: noted, now: now) }
        #expect(step(nil, noted: nil) == .wait)
        #expect(step(4, noted: nil) == .note(4))
        #expect(step(4, noted: 4) == .take(1))
        // Three times alone in hand when its reader ended.
        #expect(step(5, noted: 4) == .giveUp)
        for offset in 6..<Int64(Caution.records + 4) {
            #expect(step(offset, noted: offset - 1) == .note(offset))
            #expect(step(offset, noted: offset) == .take(1))
        }
        #expect(step(5000, noted: nil) == .end)
    }

    @Test func groupsAreTakenAsLongAsNobodyEndedWithOne() {
        guard var caution = Caution(PartitionOpening(nextOffset: 4, uncleanEnds: 2), now: 100) else {
            Issue.record("no caution")
            return
        }
        for group in 0..<Caution.records / Caution.group {
            let first = Int64(4 + group * Caution.group)
            #expect(caution.step(first: first, noted: nil, now: 100) == .note(first))
            #expect(caution.step(first: first, noted: first, now: 100) == .take(Caution.group))
        }
        #expect(caution.step(first: 5000, noted: nil, now: 100) == .end)
    }

    @Test func twiceAloneInHandIsNotEnough() {
        var caution = Caution(PartitionOpening(nextOffset: 4, uncleanEnds: 9, suspect: (4, 2)), now: 100)
        // Not before a rest, in which whoever is killed for another reason ends with nothing in hand.
        let early = caution?.step(first: 4, noted: nil, now: 100 + Caution.rest - 0.1)
        #expect(early == .wait)
        let step = caution?.step(first: 4, noted: nil, now: 100 + Caution.rest)
        #expect(step == .note(4))
        let other = caution?.step(first: 5, noted: nil, now: 100)
        #expect(other == .note(5))
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

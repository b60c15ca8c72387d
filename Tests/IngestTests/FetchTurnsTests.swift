import Testing

@testable import Ingest

/// Whose turn it is to be fetched.
@Suite struct FetchTurnsTests {
    /// A library that reads the first partition that is not paused, batch by batch, as librdkafka does behind a full
    /// queue.
    private struct Library {
        static let batch: Int64 = 2_000
        var turns = FetchTurns()
        var next: [Int64]
        var logs: [Int64]
        /// Partitions whose next record cannot be read.
        var stuck: Set<Int> = []
        var now = 0.0

        init(logs: [Int64]) {
            self.logs = logs
            next = logs.map { _ in 0 }
        }

        /// One poll, and a look; returns who got something.
        @discardableResult
        mutating func poll() -> Int? {
            look()
            now += 0.02
            let index = next.indices.first { index in
                next[index] < logs[index] && !stuck.contains(index) && !turns.standingBack.contains(Int32(index))
            }
            if let index { next[index] = min(logs[index], next[index] + Self.batch) }
            look()
            return index
        }

        private mutating func look() {
            turns.look(
                next.indices.map {
                    FetchTurns.Seat(partition: Int32($0), next: next[$0], isBehind: next[$0] < logs[$0])
                }, now: now)
        }
    }

    /// Goal: each begins after `mostRecords` of the others and one turn of each at most, and has turns ever after:
    /// `mostFloodRecords` of the others and one turn of each apart at most.
    @Test(arguments: [2, 8, 20, 200])
    func nobodyIsReadToItsEndBeforeTheOthersBegin(partitions: Int) {
        var library = Library(logs: Array(repeating: 1_000_000, count: partitions))
        var turnsAgo = Array(repeating: 0, count: partitions)
        let first = Int(FetchTurns.mostRecords / Library.batch) + 1 + 2 * partitions
        let most = Int(FetchTurns.mostFloodRecords / Library.batch) + 1 + 2 * partitions
        for poll in 1...(partitions * 40) {
            guard let index = library.poll() else {
                Issue.record("nobody has a turn")
                return
            }
            for other in turnsAgo.indices { turnsAgo[other] += 1 }
            turnsAgo[index] = 0
            #expect(turnsAgo.max() ?? 0 <= most)
            if poll == first { #expect(!library.next.contains(0)) }
        }
        #expect(library.turns.count > 0)
    }

    /// Goal: once all have begun, a library that comes round by itself is not interrupted.
    @Test func whoeverIsServedInTurnAnywayIsLeftAlone() {
        var turns = FetchTurns()
        var next = Array(repeating: Int64(0), count: 8)
        func look() {
            turns.look(
                next.indices.map { FetchTurns.Seat(partition: Int32($0), next: next[$0], isBehind: true) }, now: 0)
        }
        look()
        var begun = 0
        for round in 1...50 {
            for index in next.indices {
                next[index] += Library.batch
                look()
            }
            if round == 3 { begun = turns.count }
        }
        #expect(turns.count == begun)
        #expect(turns.standingBack.isEmpty)
    }

    @Test func aPartitionAloneIsNeverHeldBack() {
        var library = Library(logs: [100_000, 0, 0])
        for _ in 0..<50 {
            #expect(library.poll() == 0)
            #expect(library.turns.standingBack.isEmpty)
        }
        #expect(library.turns.count == 0)
    }

    /// Goal: what comes while a flood is read has its turn within `mostRecords` and one batch.
    @Test func whoeverComesLaterHasItsTurn() {
        var library = Library(logs: [1_000_000, 0])
        for _ in 0..<100 { library.poll() }
        library.logs[1] = 10
        var others: Int64 = 0
        while library.poll() == 0 { others += Library.batch }
        #expect(others <= FetchTurns.mostRecords + Library.batch)
        #expect(library.next[1] == 10)
        #expect(library.poll() == 0)
    }

    /// Goal: a partition whose next record cannot be read costs the others `patience`, once.
    @Test func nobodyWaitsForWhatCannotBeRead() {
        var library = Library(logs: [1_000_000, 10])
        library.stuck = [1]
        var idle = 0.0
        for _ in 0..<500 where library.poll() == nil { idle += 0.02 }
        #expect(idle > 0)
        #expect(idle <= FetchTurns.patience + 0.04)
        // It counts again as soon as it gets something.
        library.stuck = []
        library.next[1] = 1
        let before = library.turns.count
        for _ in 0..<10 { library.poll() }
        #expect(library.turns.count == before + 1)
    }

    /// Goal: somebody who is served all the time does not keep the others waiting for what cannot be read.
    @Test func aTrickleDoesNotProlongTheWait() {
        var turns = FetchTurns()
        var flood: Int64 = 0
        var since: Double?
        for step in 0..<400 {
            let now = Double(step) / 100
            if turns.standingBack.contains(0) {
                since = since ?? now
                #expect(now - (since ?? now) <= FetchTurns.patience + 0.02)
            } else {
                since = nil
                flood += 2_000
            }
            turns.look(
                [
                    FetchTurns.Seat(partition: 0, next: flood, isBehind: true),
                    FetchTurns.Seat(partition: 1, next: 7, isBehind: true),
                    FetchTurns.Seat(partition: 2, next: Int64(step), isBehind: false),
                ], now: now)
        }
        #expect(turns.count == 1)
    }

    @Test func whatWasPausedByOthersBeginsAnew() {
        var turns = FetchTurns()
        func seat(_ partition: Int32, _ next: Int64) -> FetchTurns.Seat {
            FetchTurns.Seat(partition: partition, next: next, isBehind: true)
        }
        turns.look([seat(0, 0), seat(1, 0)], now: 0)
        // 1 is full meanwhile.
        for step in 1...100 { turns.look([seat(0, Int64(step) * 1_000)], now: Double(step) / 100) }
        turns.look([seat(0, 101_000), seat(1, 0)], now: 2)
        #expect(turns.standingBack.isEmpty)
        turns.look([seat(0, 106_000), seat(1, 0)], now: 3)
        #expect(turns.standingBack == [0])
        turns.look([seat(0, 106_000), seat(1, 500)], now: 3.01)
        #expect(turns.standingBack.isEmpty)
    }
}

import OrderEvents
import Partitioner
import Testing

@Suite struct OffsetLedgerTests {
    private func position(_ partition: Int32, _ offset: Int64, epoch: UInt32 = 1) -> SourcePosition {
        SourcePosition(
            partition: partition, epoch: epoch, offset: offset, loggedAt: nil, polledAt: Timestamp(microseconds: 0))
    }

    private func record(_ partition: Int32, _ offset: Int64, entity: Int32 = 0) -> LedgerRecord {
        LedgerRecord(partition: partition, entity: entity, offset: offset)
    }

    @Test func advancesOnlyOverTheDoneRecordsAtTheFront() {
        var ledger = OffsetLedger()
        ledger.assign(0, epoch: 1, from: 10)
        for offset: Int64 in 10..<15 { #expect(ledger.polled(record(0, offset, entity: Int32(offset % 2))) == true) }
        ledger.completed([position(0, 12), position(0, 11)])
        #expect(ledger.advance() == [])
        #expect(ledger.inFlight(0) == 3)
        ledger.completed([position(0, 10)])
        #expect(
            ledger.advance() == [
                LedgerAdvance(
                    partition: 0, epoch: 1, firstOffset: 10, nextOffset: 13, records: 3,
                    byEntity: [.init(entity: 0, count: 2), .init(entity: 1, count: 1)])
            ])
        #expect(ledger.advance() == [])
        #expect(ledger.open(0) == 2)
    }

    @Test func countsRecordsAndNotOffsetsAcrossGaps() {
        var ledger = OffsetLedger()
        ledger.assign(3, epoch: 7, from: nil)
        for offset: Int64 in [100, 250, 251, 900] { #expect(ledger.polled(record(3, offset)) == true) }
        ledger.completed([100, 250, 251, 900].map { position(3, $0, epoch: 7) })
        let advance = ledger.advance().first
        #expect(advance?.firstOffset == 100)
        #expect(advance?.nextOffset == 901)
        #expect(advance?.records == 4)
    }

    @Test func reachesOverTheGapBehindTheLastRecord() {
        var ledger = OffsetLedger()
        ledger.assign(0, epoch: 1, from: 5)
        _ = ledger.polled(record(0, 5))
        ledger.reached(0, offset: 8)
        #expect(ledger.advance() == [])
        ledger.completed([position(0, 5)])
        #expect(ledger.advance().first?.nextOffset == 8)
        ledger.reached(0, offset: 9)
        #expect(
            ledger.advance() == [
                LedgerAdvance(partition: 0, epoch: 1, firstOffset: 8, nextOffset: 9, records: 0, byEntity: [])
            ])
        #expect(ledger.isSettled(0))
    }

    @Test func ignoresWhatWasPolledUnderAnEarlierAssignment() {
        var ledger = OffsetLedger()
        ledger.assign(0, epoch: 1, from: 0)
        _ = ledger.polled(record(0, 0))
        #expect(ledger.revoke(0) == 1)
        ledger.assign(0, epoch: 2, from: 0)
        _ = ledger.polled(record(0, 0))
        ledger.completed([position(0, 0, epoch: 1)])
        #expect(ledger.inFlight(0) == 1)
        ledger.completed([position(0, 0, epoch: 2), position(0, 0, epoch: 2)])
        #expect(ledger.inFlight(0) == 0)
        #expect(ledger.advance().first?.records == 1)
    }

    @Test func refusesARecordThatWasPolledBefore() {
        var ledger = OffsetLedger()
        ledger.assign(0, epoch: 1, from: 4)
        #expect(ledger.polled(record(0, 3)) == false)
        #expect(ledger.polled(record(0, 4)) == true)
        #expect(ledger.polled(record(0, 4)) == false)
        #expect(ledger.polled(record(1, 4)) == false)
        #expect(ledger.openRecords == 1)
    }

    /// Goal: the ledger agrees with a model that keeps everything in dictionaries, whatever happens in any sequence.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agreesWithANaiveModel(seed: UInt64) {
        var random = SplitMix(state: seed)
        var ledger = OffsetLedger()
        var model = NaiveLedger()
        for step in 0..<100_000 {
            let partition = Int32(random.next() % 5)
            switch random.next() % 100 {
            case 0:
                let epoch = UInt32(step + 1)
                let from = random.next() % 3 == 0 ? nil : Int64(random.next() % 1000)
                ledger.assign(partition, epoch: epoch, from: from)
                model.assign(partition, epoch: epoch, from: from)
            case 1:
                #expect(ledger.revoke(partition) == model.revoke(partition), "seed \(seed), step \(step)")
            case 2..<5:
                let offset = model.nextOffset(partition) + Int64(random.next() % 4)
                ledger.reached(partition, offset: offset)
                model.reached(partition, offset: offset)
            case 5..<50:
                // Mostly the next offset, at times a gap, at times a repetition.
                let jump: Int64 = [0, 0, 0, 0, 0, 0, 7, -1][Int(random.next() % 8)]
                let record = LedgerRecord(
                    partition: partition, entity: Int32(random.next() % 3) - 1,
                    offset: model.nextOffset(partition) + jump)
                let wasTaken = ledger.polled(record)
                #expect(wasTaken == model.polled(record), "seed \(seed), step \(step)")
            case 50..<95:
                let positions = model.somePositions(partition, &random)
                #expect(ledger.completed(positions) == model.completed(positions), "seed \(seed), step \(step)")
            default:
                let advances = ledger.advance()
                #expect(advances == model.advance(), "seed \(seed), step \(step)")
            }
            if step % 97 == 0 {
                for partition: Int32 in 0..<5 {
                    #expect(ledger.inFlight(partition) == model.inFlight(partition), "seed \(seed), step \(step)")
                }
                #expect(ledger.openRecords == model.openRecords, "seed \(seed), step \(step)")
            }
        }
    }

    @Test(arguments: [1, 2, 7, 30_000] as [Int])
    func whatLiesBehindAnOpenRecordIsTakenWholeWhenThatIsDone(consecutive: Int) {
        var ledger = OffsetLedger()
        ledger.assign(0, epoch: 1, from: 0)
        let offsets = (0..<30_000).map { Int64($0 + $0 / consecutive * 3) }
        for (index, offset) in offsets.enumerated() {
            #expect(ledger.polled(record(0, offset, entity: Int32(index % 5_000) - 1)) == true)
        }
        ledger.completed(offsets.dropFirst().reversed().map { position(0, $0) })
        ledger.completed(offsets.map { position(0, $0 + 1_000_000) } + [position(0, -1)])
        #expect(ledger.inFlight(0) == 1)
        #expect(ledger.advance() == [])
        ledger.completed([position(0, 0)])
        let counts = (0..<5_000).map { LedgerAdvance.EntityCount(entity: Int32($0) - 1, count: 6) }
        #expect(
            ledger.advance() == [
                LedgerAdvance(
                    partition: 0, epoch: 1, firstOffset: 0, nextOffset: (offsets.last ?? 0) + 1, records: 30_000,
                    byEntity: counts)
            ])
        #expect(ledger.isSettled(0))
    }

    @Test func waitersSeeAPartitionDrain() async {
        let ledger = SharedLedger()
        ledger.assign(0, epoch: 1, from: 0)
        #expect(ledger.polled([record(0, 0), record(0, 1)]) == [])
        #expect(!ledger.waitUntilDrained([0], within: .milliseconds(1)))
        async let isDrained = Task.detached { ledger.waitUntilDrained([0], within: .seconds(60)) }.value
        ledger.completed([position(0, 1)])
        ledger.completed([position(0, 0)])
        #expect(await isDrained)
        #expect(ledger.advance().map(\.records) == [2])
    }
}

/// The ledger's meaning, slowly.
private struct NaiveLedger {
    struct Partition {
        var epoch: UInt32
        var next: Int64?
        var end: Int64?
        var records: [Int64: (entity: Int32, isDone: Bool)] = [:]
    }

    var partitions: [Int32: Partition] = [:]

    var openRecords: Int { partitions.values.reduce(0) { $0 + $1.records.count } }

    func inFlight(_ partition: Int32) -> Int {
        partitions[partition]?.records.values.filter { !$0.isDone }.count ?? 0
    }

    func nextOffset(_ partition: Int32) -> Int64 { partitions[partition]?.end ?? 500 }

    mutating func assign(_ partition: Int32, epoch: UInt32, from offset: Int64?) {
        partitions[partition] = Partition(epoch: epoch, next: offset, end: offset)
    }

    mutating func revoke(_ partition: Int32) -> Int {
        defer { partitions[partition] = nil }
        return inFlight(partition)
    }

    mutating func reached(_ partition: Int32, offset: Int64) {
        if let end = partitions[partition]?.end { partitions[partition]?.end = max(end, offset) }
    }

    mutating func polled(_ record: LedgerRecord) -> Bool {
        guard var state = partitions[record.partition] else { return false }
        if let end = state.end, record.offset < end { return false }
        state.next = state.next ?? record.offset
        state.end = record.offset + 1
        state.records[record.offset] = (record.entity, false)
        partitions[record.partition] = state
        return true
    }

    func somePositions(_ partition: Int32, _ random: inout SplitMix) -> [SourcePosition] {
        guard let state = partitions[partition] else { return [] }
        var offsets = state.records.keys.sorted().filter { _ in random.next() % 3 == 0 }
        // Some that are not open, some of another assignment, in no particular sequence.
        if random.next() % 4 == 0 { offsets.append(Int64(random.next() % 2000)) }
        if random.next() % 2 == 0 { offsets.reverse() }
        let epoch = random.next() % 8 == 0 ? state.epoch &- 1 : state.epoch
        return offsets.map {
            SourcePosition(
                partition: partition, epoch: epoch, offset: $0, loggedAt: nil, polledAt: Timestamp(microseconds: 0))
        }
    }

    mutating func completed(_ positions: [SourcePosition]) -> Int {
        var finished = 0
        for position in positions where partitions[position.partition]?.epoch == position.epoch {
            if partitions[position.partition]?.records[position.offset]?.isDone == false {
                partitions[position.partition]?.records[position.offset]?.isDone = true
                finished += 1
            }
        }
        return finished
    }

    mutating func advance() -> [LedgerAdvance] {
        partitions.keys.sorted().compactMap { advance($0) }
    }

    private mutating func advance(_ partition: Int32) -> LedgerAdvance? {
        guard var state = partitions[partition], let start = state.next, let end = state.end else { return nil }
        let open = state.records.filter { !$0.value.isDone }.keys.min()
        let taken = state.records.filter { open == nil || $0.key < open ?? 0 }
        let reached = open == nil ? end : taken.keys.max().map { $0 + 1 } ?? start
        if reached == start { return nil }
        for offset in taken.keys { state.records[offset] = nil }
        state.next = reached
        partitions[partition] = state
        let counts = Dictionary(grouping: taken.values, by: \.entity)
        return LedgerAdvance(
            partition: partition, epoch: state.epoch, firstOffset: start, nextOffset: reached, records: taken.count,
            byEntity: counts.keys.sorted().map { .init(entity: $0, count: counts[$0]?.count ?? 0) })
    }
}

/// A small seeded generator.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

import Postgres
import Testing

@testable import Store

/// Who reads a partition, and the record that ends its readers.
@Suite struct ReadingsTests {
    private func open(_ reader: String, _ connection: inout Connection) throws -> PartitionReadings.Opening {
        let openings = try PartitionReadings.open(
            topics: ["a", "t"], partitions: [3, 0], reader: reader, &connection)
        #expect(openings.count == 2)
        #expect(openings[0].suspect == nil)
        return openings[1]
    }

    private func suspect(by reader: String, _ connection: inout Connection) throws -> [Int64]? {
        try open(reader, &connection).suspect.map { [$0.offset, Int64($0.ends)] }
    }

    private func take(_ offset: Int64, _ reader: String, _ connection: inout Connection) throws {
        try PartitionReadings.take(topics: ["t"], partitions: [0], offsets: [offset], reader: reader, &connection)
    }

    private func ledger(_ first: Int64, _ next: Int64, _ connection: inout Connection) throws {
        let stretch = LedgerStretch(
            topic: "t", partition: 0, firstOffset: first, nextOffset: next, counts: [("ACME", next - first)])
        #expect(try PartitionLedger.begin([stretch], &connection) == [.append])
        try PartitionLedger.append([stretch], instance: "i", &connection)
        try connection.execute("COMMIT")
    }

    @Test func endsWithoutAWordAreCountedAndGoodOnesAreNot() throws {
        var connection = try freshStore()
        #expect(try open("one", &connection) == .init(nextOffset: nil, uncleanEnds: 0))
        // The same process again: an assignment that was given back and came again, or an answer that was lost.
        #expect(try open("one", &connection) == .init(nextOffset: nil, uncleanEnds: 0))
        #expect(try open("two", &connection).uncleanEnds == 1)
        #expect(try open("three", &connection).uncleanEnds == 2)
        // Somebody who was overtaken ends nobody's reading.
        try PartitionReadings.close(topics: ["t"], partitions: [0], reader: "two", &connection)
        #expect(try open("four", &connection).uncleanEnds == 3)
        try PartitionReadings.close(topics: ["t"], partitions: [0], reader: "four", &connection)
        #expect(try open("five", &connection).uncleanEnds == 0)
    }

    @Test func whoGotFarIsNoSignOfABadRecord() throws {
        var connection = try freshStore()
        _ = try open("one", &connection)
        #expect(try open("two", &connection).uncleanEnds == 1)
        #expect(try open("three", &connection).uncleanEnds == 2)
        try ledger(0, 1, &connection)
        #expect(try open("four", &connection) == .init(nextOffset: 1, uncleanEnds: 1))
        // What is taken alone gets on one by one, up to the record that ends its reader.
        try take(1, "four", &connection)
        try ledger(1, 2, &connection)
        #expect(try open("five", &connection).uncleanEnds == 2)
    }

    @Test func aRecordInHandIsSuspectedForEachReadingThatEndedWithIt() throws {
        var connection = try freshStore()
        _ = try open("one", &connection)
        try take(7, "one", &connection)
        #expect(try suspect(by: "two", &connection) == [7, 1])
        // Ended before it was in hand again.
        #expect(try suspect(by: "three", &connection) == [7, 1])
        try take(7, "three", &connection)
        try take(7, "three", &connection)
        #expect(try suspect(by: "four", &connection) == [7, 2])
        // Another one: counted anew. Somebody who was overtaken notes nothing.
        try take(8, "four", &connection)
        try take(9, "three", &connection)
        #expect(try suspect(by: "five", &connection) == [8, 1])
        // It has its outcome.
        try ledger(0, 9, &connection)
        #expect(try open("six", &connection).suspect == nil)
        try take(10, "six", &connection)
        try PartitionReadings.close(topics: ["t"], partitions: [0], reader: "six", &connection)
        #expect(try open("seven", &connection).suspect == nil)
    }

    /// Goal: what a store that follows holds of attempts that were not confirmed is replaced, whatever its bounds were.
    @Test func anAttemptThatWasNotConfirmedIsReplaced() throws {
        var connection = try freshStore()
        func follow(_ first: Int64, _ next: Int64, _ records: Int64) throws {
            let stretch = LedgerStretch(
                topic: "t", partition: 0, firstOffset: first, nextOffset: next, counts: [("ACME", records)])
            try PartitionLedger.follow([stretch], instance: "i", &connection)
        }
        func sum() throws -> Int64 {
            try connection.execute("SELECT sum(records)::bigint FROM partition_ledger").int64(0, 0)
        }
        try follow(0, 100, 10)
        // Not confirmed: the next process cuts it otherwise, and the first part has no records of this store.
        try follow(100, 200, 5)
        try follow(150, 220, 5)
        #expect(try sum() == 15)
        try follow(220, 230, 1)
        #expect(try sum() == 16)
    }
}

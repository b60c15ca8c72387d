import OrderEvents
import Partitioner
internal import Postgres
internal import Store

// Records that are polled again although they have their row: after a crash or a rebalance, the ones between what was
// ledgered and what was applied.
//
// One whose row is in the journal shows by its key. Duplicates, rejected and dead letters claim no key, and a refused
// event could be judged otherwise when it is told again: the order has gone on, or the configuration has changed. So
// their positions are looked up, wherever they could be: below the highest position that had such a row when this
// assignment of the partition began, and everywhere for as long as its last owner may still be writing.

/// Looks up positions that have a row without a key.
struct Redeliveries: Sendable {
    private struct Assignment: Sendable {
        var epoch: UInt32
        var since: Timestamp
        var ceiling: Int64
    }

    /// How long after the first look another owner of the partition may still be writing, in microseconds: a minute,
    /// beyond every deadline of a connection.
    private static let handover: Int64 = 60_000_000

    /// By process index of the partition.
    private var assignments: [Int32: Assignment] = [:]

    /// The outcomes of those items whose position has a row without a key, by item.
    ///
    /// `everywhere`: whatever the assignments say.
    mutating func find(
        _ items: [Taken], _ numbers: [Int32: Int32], everywhere: Bool, now: Timestamp, _ connection: inout Connection
    ) throws(PostgresError) -> [Int: Outcome] {
        var ranges: [Int32: ClosedRange<Int64>] = [:]
        for item in items {
            let source = item.source
            if let known = ranges[source.partition] {
                if !known.contains(source.offset) {
                    ranges[source.partition] =
                        min(known.lowerBound, source.offset)...max(known.upperBound, source.offset)
                }
            } else {
                ranges[source.partition] = source.offset...source.offset
                try begin(source, numbers, now, &connection)
            }
        }
        if !everywhere {
            for (partition, range) in ranges {
                guard let known = assignments[partition] else { continue }
                if now.microseconds - known.since.microseconds < Self.handover { continue }
                if range.lowerBound > known.ceiling {
                    ranges[partition] = nil
                } else {
                    ranges[partition] = range.lowerBound...min(range.upperBound, known.ceiling)
                }
            }
        }
        return try ask(ranges, items, numbers, &connection)
    }

    /// Notes a partition, or a new assignment of it.
    private mutating func begin(
        _ source: SourcePosition, _ numbers: [Int32: Int32], _ now: Timestamp, _ connection: inout Connection
    ) throws(PostgresError) {
        guard assignments[source.partition]?.epoch != source.epoch, let number = numbers[source.partition] else {
            return
        }
        var parameters = Parameters()
        parameters.int32(number)
        let rows = try connection.query(ApplyStatements.highestKeyless, parameters)
        assignments[source.partition] = Assignment(
            epoch: source.epoch, since: now, ceiling: rows.optionalInt64(0, 0) ?? -1)
    }

    private func ask(
        _ ranges: [Int32: ClosedRange<Int64>], _ items: [Taken], _ numbers: [Int32: Int32],
        _ connection: inout Connection
    ) throws(PostgresError) -> [Int: Outcome] {
        guard !ranges.isEmpty else { return [:] }
        var partitions = Int32Array()
        var lows = Int64Array(), highs = Int64Array()
        for (partition, range) in ranges {
            partitions.append(numbers[partition] ?? -1)
            lows.append(range.lowerBound)
            highs.append(range.upperBound)
        }
        var parameters = Parameters()
        parameters.array(partitions)
        parameters.array(lows)
        parameters.array(highs)
        let rows = try connection.query(ApplyStatements.findKeyless, parameters)
        guard rows.count > 0 else { return [:] }
        var outcomes: [StoredPosition: Outcome] = [:]
        for row in 0..<rows.count {
            outcomes[StoredPosition(partition: rows.int32(row, 0), offset: rows.int64(row, 1))] =
                Outcome(rawValue: UInt8(rows.int16(row, 2)))
        }
        var stored: [Int: Outcome] = [:]
        for (index, item) in items.enumerated() {
            let source = item.source
            let position = StoredPosition(partition: numbers[source.partition] ?? -1, offset: source.offset)
            if let outcome = outcomes[position] { stored[index] = outcome }
        }
        return stored
    }
}

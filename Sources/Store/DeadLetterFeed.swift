public import OrderEvents
public import Postgres

/// A dead letter of the store that dead_letter_topic has not acknowledged yet.
public struct StoredDeadLetter: Sendable {
    /// The topic it was read from.
    public var topic: String
    /// The partition within it.
    public var partition: Int32
    /// Its offset.
    public var offset: Int64
    /// The record's timestamp.
    public var loggedAt: Timestamp?
    /// Name of the channel, or empty.
    public var channel: String
    /// Why.
    public var reason: String
    /// What is wrong, without values of the payload.
    public var detail: String
    /// The record's key, as far as it was kept.
    public var key: [UInt8]?
    /// The record's value, as far as it was kept.
    public var payload: [UInt8]?
    /// The trace that the record named.
    public var trace: TraceContext?
    let partitionID: Int32
}

/// The way from the rows of `dead_letters` to dead_letter_topic: the row is there first, so nothing is lost between.
public enum DeadLetterFeed {
    private static let due = Statement(
        "dead_letters_due",
        """
        SELECT s.topic, s.partition, d.source_offset, d.logged_at, d.channel, d.reason, d.detail, d.record_key,
               d.payload, d.source_partition, d.trace
        FROM (SELECT * FROM dead_letters WHERE produced_at IS NULL ORDER BY recorded_at LIMIT $1) d
        JOIN source_partitions s ON s.id = d.source_partition
        """)
    private static let mark = Statement(
        "dead_letters_produced",
        """
        UPDATE dead_letters d SET produced_at = now() FROM unnest($1::integer[], $2::bigint[]) AS r(p, o)
        WHERE d.source_partition = r.p AND d.source_offset = r.o AND d.produced_at IS NULL
        """)

    /// The oldest that are not produced, at most `limit`.
    public static func due(
        limit: Int, _ connection: inout Connection
    ) throws(PostgresError) -> [StoredDeadLetter] {
        var parameters = Parameters()
        parameters.int64(Int64(limit))
        let rows = try connection.query(due, parameters)
        return (0..<rows.count).map { row in
            StoredDeadLetter(
                topic: rows.text(row, 0), partition: rows.int32(row, 1), offset: rows.int64(row, 2),
                loggedAt: rows.optionalTimestamp(row, 3).map { Timestamp(microseconds: $0) },
                channel: rows.text(row, 4), reason: rows.text(row, 5), detail: rows.text(row, 6),
                key: rows.optionalBytes(row, 7), payload: rows.optionalBytes(row, 8),
                trace: rows.optionalBytes(row, 10).flatMap(TraceContext.init(stored:)), partitionID: rows.int32(row, 9))
        }
    }

    /// Marks those that dead_letter_topic has acknowledged.
    public static func markProduced(
        _ letters: [StoredDeadLetter], _ connection: inout Connection
    ) throws(PostgresError) {
        guard !letters.isEmpty else { return }
        var parameters = Parameters()
        parameters.int32s(letters.map(\.partitionID))
        parameters.int64s(letters.map(\.offset))
        _ = try connection.query(mark, parameters)
    }
}

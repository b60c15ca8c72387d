public import Postgres

/// Who reads which source partition, so that a record that ends its readers again and again is found.
///
/// Kept in the store that decides about the partition ledger. A process that ends in good order says so; whoever comes
/// after one that did not counts.
public enum PartitionReadings {
    /// What is known of a partition when its reading begins.
    public struct Opening: Sendable, Equatable {
        /// Up to where it is ledgered; nil where nothing is.
        public var nextOffset: Int64?
        /// Readings in a row that ended without a word.
        public var uncleanEnds: Int
        /// The record that such readings had in hand, alone, and how many of them.
        public var suspect: (offset: Int64, ends: Int)?

        /// The same, field by field.
        public static func == (left: Opening, right: Opening) -> Bool {
            left.nextOffset == right.nextOffset && left.uncleanEnds == right.uncleanEnds
                && left.suspect?.offset == right.suspect?.offset && left.suspect?.ends == right.suspect?.ends
        }
    }

    /// A reading that got further is no sign of a bad record, unless it took records with care: what is committed in
    /// front of such a record is less with each reading, and then nothing.
    private static let begin = Statement(
        "readings_begin",
        """
        INSERT INTO partition_readings AS r (source_partition, began_offset, reader)
        SELECT s.id, n.next, $4 FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS n(t, p, next)
        JOIN source_partitions s ON s.topic = n.t AND s.partition = n.p ORDER BY s.id
        ON CONFLICT (source_partition) DO UPDATE SET
            unclean_ends = CASE
                WHEN r.reader IS NULL THEN 0
                WHEN r.reader = excluded.reader THEN r.unclean_ends
                WHEN r.in_hand OR excluded.began_offset <= r.began_offset THEN r.unclean_ends + 1
                ELSE 1 END,
            suspect_ends = CASE
                WHEN r.reader IS NULL OR r.suspect_offset IS NULL OR r.suspect_offset < excluded.began_offset THEN 0
                WHEN r.in_hand AND r.reader <> excluded.reader THEN r.suspect_ends + 1
                ELSE r.suspect_ends END,
            suspect_offset = CASE
                WHEN r.reader IS NULL OR r.suspect_offset < excluded.began_offset THEN NULL
                ELSE r.suspect_offset END,
            in_hand = false, began_offset = excluded.began_offset, reader = excluded.reader
        """)
    private static let look = Statement(
        "readings_look",
        """
        SELECT n.i, r.unclean_ends, r.suspect_offset, r.suspect_ends
        FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS n(t, p, i)
        JOIN source_partitions s ON s.topic = n.t AND s.partition = n.p
        JOIN partition_readings r ON r.source_partition = s.id
        """)
    private static let end = Statement(
        "readings_end",
        """
        UPDATE partition_readings r SET reader = NULL
        FROM unnest($1::text[], $2::integer[]) AS n(t, p)
        JOIN source_partitions s ON s.topic = n.t AND s.partition = n.p
        WHERE r.source_partition = s.id AND r.reader = $3
        """)
    private static let take = Statement(
        "readings_take",
        """
        UPDATE partition_readings r
        SET suspect_ends = CASE WHEN r.suspect_offset = n.taken THEN r.suspect_ends ELSE 0 END,
            suspect_offset = n.taken, in_hand = true
        FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS n(t, p, taken)
        JOIN source_partitions s ON s.topic = n.t AND s.partition = n.p
        WHERE r.source_partition = s.id AND r.reader = $4
        """)

    /// Begins readings by `reader`, and tells what is known of the partitions.
    ///
    /// Repeating it changes nothing.
    public static func open(
        topics: [String], partitions: [Int32], reader: String, _ connection: inout Connection
    ) throws(PostgresError) -> [Opening] {
        var names = Parameters()
        names.texts(topics)
        names.int32s(partitions)
        _ = try connection.query(ApplyStatements.addPartitions, names)
        let next = try PartitionLedger.nextOffsets(topics: topics, partitions: partitions, &connection)
        var parameters = names
        parameters.int64s(next.map { $0 ?? 0 })
        parameters.text(reader)
        _ = try connection.query(begin, parameters)
        let rows = try connection.query(look, names)
        var openings = next.map { Opening(nextOffset: $0, uncleanEnds: 0, suspect: nil) }
        for row in 0..<rows.count {
            let place = Int(rows.int64(row, 0)) - 1
            openings[place].uncleanEnds = Int(rows.int32(row, 1))
            openings[place].suspect = rows.optionalInt64(row, 2).map { ($0, Int(rows.int32(row, 3))) }
        }
        return openings
    }

    /// Notes that `reader` ends its readings in good order.
    public static func close(
        topics: [String], partitions: [Int32], reader: String, _ connection: inout Connection
    ) throws(PostgresError) {
        var parameters = Parameters()
        parameters.texts(topics)
        parameters.int32s(partitions)
        parameters.text(reader)
        _ = try connection.query(end, parameters)
    }

    /// Notes that `reader` takes one record of each partition alone, before it is looked at.
    public static func take(
        topics: [String], partitions: [Int32], offsets: [Int64], reader: String, _ connection: inout Connection
    ) throws(PostgresError) {
        var parameters = Parameters()
        parameters.texts(topics)
        parameters.int32s(partitions)
        parameters.int64s(offsets)
        parameters.text(reader)
        _ = try connection.query(take, parameters)
    }
}

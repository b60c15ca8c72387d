public import OrderEvents
public import Postgres

// What gauges show of the store, cheap enough to be asked every 15 to 30 seconds.

/// Business exceptions that are open.
public struct ExceptionCounts: Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// The code.
    public var code: String
    /// How many.
    public var open: Int64

    private static let count = Statement(
        "gauge_exceptions",
        "SELECT legal_entity, code, count(*) FROM exceptions WHERE resolved_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2")

    /// Counts them by legal entity and code.
    ///
    /// Costs in proportion to the open ones, by the partial index `exceptions_open`: about 0.2 µs each.
    public static func read(_ connection: inout Connection) throws(PostgresError) -> [ExceptionCounts] {
        let rows = try connection.query(count)
        return (0..<rows.count).map {
            ExceptionCounts(legalEntity: rows.text($0, 0), code: rows.text($0, 1), open: rows.int64($0, 2))
        }
    }
}

/// Events of one legal entity that wait.
public struct ParkedCounts: Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// How many.
    public var events: Int64
    /// Since when the one that has waited longest does.
    public var oldestSince: Timestamp

    private static let count = Statement(
        "gauge_parked",
        """
        SELECT legal_entity, count(*), min(parked_at) FROM parked WHERE released_at IS NULL GROUP BY 1 ORDER BY 1
        """)

    /// Counts them by legal entity.
    ///
    /// Costs in proportion to what waits, by the partial index `parked_age`: about 0.2 µs each.
    public static func read(_ connection: inout Connection) throws(PostgresError) -> [ParkedCounts] {
        let rows = try connection.query(count)
        return (0..<rows.count).map {
            ParkedCounts(
                legalEntity: rows.text($0, 0), events: rows.int64($0, 1),
                oldestSince: Timestamp(microseconds: rows.timestamp($0, 2)))
        }
    }
}

/// Orders of one legal entity in one canonical state.
public struct StateCounts: Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// The state; orders that have not begun are not counted.
    public var state: CanonicalState
    /// How many.
    public var orders: Int64
    /// Since when the one that has been in it longest is there, in event time; nil where no time is known.
    public var oldestSince: Timestamp?
}

/// Counts the orders by state, walking through their primary key in bounded bites.
///
/// An index by state would cost every event of every order an index entry in the apply path, and counters would be rows
/// that all batches update. So the gauges are the result of the last complete walk: with a bite of 50,000 orders every
/// 15 seconds they are of this moment for up to 50,000 orders, and behind by 15 seconds for each further 50,000. A bite
/// reads its orders' pages once, about 1.5 µs an order when they are in memory.
public struct StateWalk: Sendable {
    private static let bite = Statement(
        "gauge_states",
        """
        WITH bite AS (
            SELECT legal_entity, order_ref, state, state_since FROM orders
            WHERE (legal_entity, order_ref) > ($1, $2) ORDER BY legal_entity, order_ref LIMIT $3
        ), last AS (
            SELECT legal_entity, order_ref FROM bite ORDER BY legal_entity DESC, order_ref DESC LIMIT 1
        )
        SELECT b.legal_entity, b.state, count(*), min(b.state_since), (SELECT legal_entity FROM last),
               (SELECT order_ref FROM last)
        FROM bite b GROUP BY 1, 2
        """)

    private struct Key: Hashable {
        var legalEntity: String
        var state: UInt8
    }

    private struct Sum {
        var orders: Int64 = 0
        var oldest: Int64?
    }

    private var after: (legalEntity: String, orderRef: String) = ("", "")
    private var sums: [Key: Sum] = [:]

    /// Begins with the first order.
    public init() {}

    /// Looks at the next `limit` orders.
    ///
    /// - Returns: the counts, by legal entity and state, when the walk has come to its end; the next call begins anew.
    public mutating func advance(
        limit: Int = 50_000, _ connection: inout Connection
    ) throws(PostgresError) -> [StateCounts]? {
        var parameters = Parameters()
        parameters.text(after.legalEntity)
        parameters.text(after.orderRef)
        parameters.int64(Int64(limit))
        let rows = try connection.query(Self.bite, parameters)
        var seen: Int64 = 0
        for row in 0..<rows.count {
            seen += rows.int64(row, 2)
            after = (rows.text(row, 4), rows.text(row, 5))
            let key = Key(legalEntity: rows.text(row, 0), state: UInt8(clamping: rows.int64(row, 1)))
            var sum = sums[key] ?? Sum()
            sum.orders += rows.int64(row, 2)
            if let oldest = rows.optionalTimestamp(row, 3) { sum.oldest = min(sum.oldest ?? oldest, oldest) }
            sums[key] = sum
        }
        guard seen < Int64(limit) else { return nil }
        let counts = sums.compactMap { key, sum in
            CanonicalState(rawValue: key.state).map {
                StateCounts(
                    legalEntity: key.legalEntity, state: $0, orders: sum.orders,
                    oldestSince: sum.oldest.map { Timestamp(microseconds: $0) })
            }
        }
        self = StateWalk()
        return counts.sorted {
            ($0.legalEntity, $0.state.rawValue) < ($1.legalEntity, $1.state.rawValue)
        }
    }
}

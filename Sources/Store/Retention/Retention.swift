public import OrderEvents
public import Postgres

// What leaves the store, and when. One pass goes through all stages; each step does one bounded bite of one stage in
// one transaction and says whether there is more, so whoever runs it paces it. Any number of instances may run it: the
// steps exclude each other by an advisory lock.
//
// Why a record is never applied twice, however late it is told again. Its key is in the journal, or it has moved:
// - A row moves when it was recorded and happened longer ago than retention.keys and `margin`. Whoever applies an event
//   that happened longer ago than retention.keys looks into the archive too, after the journal; clocks differ by less
//   than `margin`. A row that claims to have happened after it was recorded never moves.
// - A partition of the archive goes when all of it was recorded longer ago than retention.journal and `margin`, so its
//   rows happened longer ago than retention.journal: such an event is stale without a look.
// Parked rows that still wait stay where they are, with their payload.

/// How long things are kept; microseconds.
public struct RetentionSettings: Sendable {
    /// Keys, and rows of duplicates.
    public var keys: Int64
    /// The journal.
    public var journal: Int64
    /// Payloads of the journal, and rows of rejected events.
    public var payloads: Int64
    /// Dead letters.
    public var deadLetters: Int64
    /// Whether a dead letter stays, whatever its age, until dead_letter_topic has it.
    public var awaitsDeadLetterTopic: Bool
    /// The audit trail; nothing of it goes before it is 30 days old.
    public var audit: Int64

    /// How long things are kept; see the properties.
    public init(
        keys: Int64, journal: Int64, payloads: Int64, deadLetters: Int64, awaitsDeadLetterTopic: Bool,
        audit: Int64 = 730 * 86_400_000_000
    ) {
        self.keys = keys
        self.journal = max(journal, keys)
        self.payloads = payloads
        self.deadLetters = deadLetters
        self.awaitsDeadLetterTopic = awaitsDeadLetterTopic
        self.audit = audit
    }
}

/// What one step of the retention did.
public struct RetentionReport: Sendable {
    /// What it was about; also a label for logs.
    public var stage: Retention.Stage
    /// Rows that went or moved; partitions that were dropped or sealed.
    public var rows: Int
    /// Whether the pass goes on: false when it is over, or when another instance is at it.
    public var hasMore: Bool
    /// Sealing found an imbalance of that many records, which the books go on showing.
    public var imbalance: Int64 = 0
}

/// Moves and drops what is old, bite by bite.
public struct Retention: Sendable {
    /// The parts of a pass, in their sequence.
    public enum Stage: String, CaseIterable, Sendable {
        case fold
        case seal
        case move
        case payloads
        case duplicates
        case rejected
        case deadLetters = "dead_letters"
        case parked
        case audit
        case partitions
    }

    /// By how much clocks may differ, and a claimed time may be ahead of its record: one hour.
    public static let margin: Int64 = 3_600_000_000
    /// Rows of a bite.
    static let bite: Int64 = 2_000

    let settings: RetentionSettings
    private(set) var stage = Stage.fold
    /// Rows of the journal recorded before have been looked at in this pass.
    var movedTo: Int64 = 0
    /// Rows of the journal recorded before have lost their payload, or wait; kept from pass to pass.
    var clearedTo: Int64 = 0

    /// Begins with a new pass.
    public init(_ settings: RetentionSettings) { self.settings = settings }

    /// Does one bite.
    ///
    /// After `hasMore == false` the next call begins a new pass: once an hour is often enough.
    ///
    /// The connection must not be inside a transaction. Takes a few seconds at most, and no lock that the apply path
    /// waits for.
    public mutating func step(now: Timestamp, _ connection: inout Connection) throws(StoreError) -> RetentionReport {
        let place = stage
        do throws(PostgresError) {
            _ = try connection.execute("BEGIN")
            guard try connection.query(RetentionStatements.lock).bool(0, 0) else {
                _ = try connection.execute("ROLLBACK")
                return RetentionReport(stage: place, rows: 0, hasMore: false)
            }
            var next = self
            let (rows, isDone, imbalance) = try next.bite(place, now.microseconds, &connection)
            _ = try connection.execute("COMMIT")
            self = next
            if isDone { advance() }
            return RetentionReport(
                stage: place, rows: rows, hasMore: !isDone || stage != .fold, imbalance: imbalance)
        } catch {
            if !error.isConnectionLost { _ = try? connection.execute("ROLLBACK") }
            throw StoreError("retention (\(place.rawValue)) failed and goes on later", underlying: error)
        }
    }

    private mutating func advance() {
        let all = Stage.allCases
        let index = (all.firstIndex(of: stage) ?? 0) + 1
        if index < all.count {
            stage = all[index]
        } else {
            stage = .fold
            movedTo = 0
        }
    }

    /// Rows, whether the stage is done, and the imbalance found.
    private mutating func bite(
        _ stage: Stage, _ now: Int64, _ connection: inout Connection
    ) throws(PostgresError) -> (Int, Bool, Int64) {
        switch stage {
        case .fold:
            let rows = try fold(now, &connection)
            return (rows, rows == 0, 0)
        case .seal:
            let (partitions, isDone, imbalance) = try seal(now, &connection)
            return (partitions, isDone, imbalance)
        case .move:
            let (rows, isDone) = try move(now, &connection)
            return (rows, isDone, 0)
        case .payloads:
            let (rows, isDone) = try clearPayloads(now, &connection)
            return (rows, isDone, 0)
        case .duplicates:
            let rows = try drop(RetentionStatements.dropDuplicates, before: now - settings.keys, &connection)
            return (rows, rows < Self.bite, 0)
        case .rejected:
            let before = now - max(settings.payloads, settings.keys)
            var rows = try drop(RetentionStatements.dropRejected, before: before, &connection)
            if settings.payloads < settings.keys {
                rows += try drop(RetentionStatements.clearRejected, before: now - settings.payloads, &connection)
            }
            return (rows, rows < Self.bite, 0)
        case .deadLetters:
            let before = now - max(settings.deadLetters, settings.keys)
            let awaits = settings.awaitsDeadLetterTopic
            var rows = try drop(RetentionStatements.dropDeadLetters, before: before, awaits: awaits, &connection)
            if settings.deadLetters < settings.keys {
                let content = now - settings.deadLetters
                rows += try drop(RetentionStatements.clearDeadLetters, before: content, awaits: awaits, &connection)
            }
            return (rows, rows < Self.bite, 0)
        case .parked:
            let rows = try drop(RetentionStatements.dropParked, before: now - settings.keys, &connection)
            return (rows, rows < Self.bite, 0)
        case .audit:
            let rows = try dropAudit(now, &connection)
            return (rows, rows < Self.bite, 0)
        case .partitions:
            let dropped = try dropPartitions(now, &connection)
            return (dropped, dropped == 0, 0)
        }
    }
}

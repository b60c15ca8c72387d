import Metrics
import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

/// One worker: a thread that owns one connection and applies one batch after the other.
///
/// A batch is not left before it has its durable outcomes, whatever the store does meanwhile, unless the service is
/// told to stop: then Kafka still has it.
struct Worker {
    let service: WorkerService
    var applier: BatchApplier
    var counts: BatchCounts
    var random = SystemRandomNumberGenerator()

    mutating func run() {
        var session = Session(service: service)
        while let batch = service.queues.take() {
            let start = LaneQueues.clock()
            guard work(batch.items, &session) else {
                service.queues.complete(batch)
                continue
            }
            service.completed(batch.items.map(\.source))
            let microseconds = LaneQueues.clock() - start
            service.batchSeconds.observe(Double(microseconds) / 1_000_000)
            service.batchEvents.observe(Double(batch.items.count))
            service.queues.complete(batch, microseconds: microseconds)
        }
    }

    /// Applies the items, splitting off what the store refuses.
    ///
    /// Returns false when the service stops before it is done.
    ///
    /// `first`: how the first attempt goes about it.
    private mutating func work(
        _ items: [Taken], _ session: inout Session, first: BatchApplier.Manner = .quick
    ) -> Bool {
        var manner = first
        var attempt = 0
        while true {
            guard session.ensure(&applier, &random) else { return false }
            let now = service.now()
            do throws(ApplyError) {
                let applied = try session.apply(items, manner, now, &applier)
                counts.add(applied, items, now: service.now(), sourceName: service.sourceName)
                return true
            } catch {
                attempt += 1
                switch verdict(on: error, &manner) {
                case .again(let backoff):
                    guard service.pause(backoff.delay(attempt: attempt, random: random.next())) else { return false }
                case .reconnect:
                    session.drop()
                    // At once the first time; a server that takes sessions and ends them is not asked without a pause.
                    let delay = attempt > 1 ? Backoff.outage.delay(attempt: attempt, random: random.next()) : 0
                    guard service.pause(delay) else { return false }
                case .split(let detail):
                    return split(items, detail, &session, manner)
                }
            }
        }
    }

    private enum Verdict {
        case again(Backoff)
        case reconnect
        case split(String)
    }

    private func verdict(on error: ApplyError, _ manner: inout BatchApplier.Manner) -> Verdict {
        switch error {
        case .conflict:
            if manner == .quick { manner = .careful }
            service.metrics.retries.with(service.store, "conflict").add()
            return .again(.contention)
        case .document(let error):
            service.log.error(
                "store.document_unreadable", [("store", .text(service.store)), ("reason", .text(error.description))])
            return .split("an order's document in the store cannot be read")
        case .postgres(let error):
            let stateClass = error.sqlState?.errorClass.rawValue ?? "none"
            service.metrics.retries.with(service.store, stateClass).add()
            service.log.warning(
                "store.batch_failed",
                [
                    ("store", .text(service.store)), ("sqlstate", .text(error.sqlState?.rawValue ?? "none")),
                    ("reason", .text(error.message)),
                ])
            switch error.retryClass {
            case .retry:
                if manner == .quick { manner = .careful }
                return .again(.contention)
            case .reconnectAndRetry:
                // The answer to COMMIT may have been lost: whatever is there at our own positions is ours.
                manner = .redo
                return .reconnect
            case .poison:
                return .split("the store refuses it (SQLSTATE \(error.sqlState?.rawValue ?? "none"))")
            case .ownFault:
                service.log.error(
                    "store.fault",
                    [
                        ("store", .text(service.store)), ("reason", .text(error.message)),
                        ("remedy", "mend the schema or the role's rights; the batch waits"),
                    ])
                return .again(.fault)
            }
        }
    }

    /// Something in the items is refused: halves them until it is alone, in sequence, and makes it a dead letter.
    private mutating func split(
        _ items: [Taken], _ detail: String, _ session: inout Session, _ manner: BatchApplier.Manner
    ) -> Bool {
        guard items.count > 1 else {
            guard let item = items.first else { return true }
            guard let letter = item.refused(detail, settings: service.settings) else {
                // Nothing is left of it that could be refused: the table is to blame, and the position needs its row.
                service.log.error(
                    "store.dead_letter_refused",
                    [
                        ("store", .text(service.store)), ("reason", .text(detail)),
                        ("remedy", "mend the table dead_letters; the record waits"),
                    ])
                guard service.pause(Backoff.fault.cap) else { return false }
                return work(items, &session, first: manner)
            }
            return work([.deadLetter(letter)], &session, first: manner)
        }
        let middle = items.count / 2
        return work(Array(items[..<middle]), &session, first: manner)
            && work(Array(items[middle...]), &session, first: manner)
    }
}

/// A worker's connection: there, or being made.
private struct Session: ~Copyable {
    private let service: WorkerService
    private var connection: Connection?

    init(service: WorkerService) {
        self.service = service
        self.connection = nil
    }

    deinit { if connection != nil { service.connections.add(-1) } }

    mutating func drop() {
        if connection != nil { service.connections.add(-1) }
        connection = nil
    }

    /// Connects until it works.
    ///
    /// Returns false when the service stops meanwhile.
    mutating func ensure(_ applier: inout BatchApplier, _ random: inout SystemRandomNumberGenerator) -> Bool {
        var attempt = 0
        while connection == nil {
            do throws(PostgresError) {
                connection = try Connection(service.connection)
                applier.connectionChanged()
                service.connections.add(1)
                service.reached()
            } catch {
                attempt += 1
                service.unreachable(error)
                let delay = Backoff.outage.delay(attempt: attempt, random: random.next())
                guard service.pause(max(10_000, delay)) else { return false }
            }
        }
        return true
    }

    mutating func apply(
        _ items: [Taken], _ manner: BatchApplier.Manner, _ now: Timestamp, _ applier: inout BatchApplier
    ) throws(ApplyError) -> AppliedBatch {
        guard var open = connection.take() else { throw .conflict }
        do throws(ApplyError) {
            let applied = try applier.apply(items, manner: manner, now: now, &open)
            connection = consume open
            return applied
        } catch {
            connection = consume open
            throw error
        }
    }

    /// Reads how many events wait.
    mutating func count(_ applier: BatchApplier) throws(ApplyError) {
        guard var open = connection.take() else { throw .conflict }
        do throws(PostgresError) {
            applier.waiting.refresh(try ParkedCounts.read(&open), applier.settings)
            connection = consume open
        } catch {
            connection = consume open
            throw .postgres(error)
        }
    }

    mutating func sweep(
        _ now: Timestamp, _ limit: Int, _ applier: inout BatchApplier, missed: Bool = false
    ) throws(ApplyError) -> (AppliedBatch, Int)? {
        guard var open = connection.take() else { throw .conflict }
        do throws(ApplyError) {
            let swept =
                missed
                ? try applier.sweepMissed(now: now, limit: limit, &open)
                : try applier.sweepParked(now: now, limit: limit, &open)
            connection = consume open
            return swept
        } catch {
            connection = consume open
            throw error
        }
    }
}

/// Gives parked events whose time is up their fallback, in bounded bites.
struct ParkSweep {
    let service: WorkerService
    var applier: BatchApplier
    var counts: BatchCounts
    var random = SystemRandomNumberGenerator()

    /// Orders of one transaction.
    static let bite = 200
    /// Microseconds between looks.
    static let interval: Int64 = 1_000_000
    /// So many looks later it is counted again how many events wait.
    static let looksBetweenCounts = 10
    /// So many looks later it is looked again for events that were missed.
    static let looksBetweenMissed = 600

    mutating func run() {
        var session = Session(service: service)
        var looks = 0
        while service.pause(looks == 0 ? 0 : Self.interval) {
            guard session.ensure(&applier, &random) else { return }
            looks += 1
            do throws(ApplyError) {
                if looks % Self.looksBetweenCounts == 1 { try session.count(applier) }
                while looks % Self.looksBetweenMissed == 1,
                    let (swept, count) = try session.sweep(service.now(), Self.bite, &applier, missed: true)
                {
                    counts.addPlan(swept)
                    if count < Self.bite { break }
                }
                while let (swept, count) = try session.sweep(service.now(), Self.bite, &applier) {
                    counts.addPlan(swept)
                    if count < Self.bite { break }
                }
            } catch {
                guard case .postgres(let error) = error else { continue }
                service.metrics.retries.with(service.store, error.sqlState?.errorClass.rawValue ?? "none").add()
                if error.retryClass == .reconnectAndRetry { session.drop() }
            }
        }
    }
}

extension Taken {
    /// The dead letter of an item that the store refuses; nil when it is a bare one already.
    fileprivate func refused(_ detail: String, settings: ApplySettings) -> DeadLetter? {
        switch self {
        case .deadLetter(var letter):
            // Its own bytes are refused: keep the fact, drop the bytes.
            guard letter.payload != nil || letter.key != nil || !letter.channel.isEmpty else { return nil }
            letter.payload = nil
            letter.key = nil
            letter.channel = ""
            letter.detail = detail
            return letter
        case .event(let event):
            let kept = min(event.payloadCount, DeadLetter.maximumKeptBytes)
            return DeadLetter(
                source: event.source, reason: .invalidValue, detail: detail,
                channel: settings.channelName(event.channel), key: nil, payload: Array(event.bytes.prefix(kept)),
                payloadCount: event.payloadCount)
        }
    }
}

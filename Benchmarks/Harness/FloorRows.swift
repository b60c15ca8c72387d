import Embedded
import Foundation
import OrderEvents
import Orders
import Postgres
import Store

/// The rows of one transaction as the fastest way known sends them, ready for libpq.
struct FloorBatch: Sendable {
    var records = 0
    var journal: CopyBuffer.Rows?
    var duplicates: CopyBuffer.Rows?
    var newOrders: CopyBuffer.Rows?
    /// Orders that have a row already, as parameters of one statement; nil: none.
    var oldOrders: Parameters?
    var references: CopyBuffer.Rows?
    var backlog: CopyBuffer.Rows?
    /// References and backlog marks as parameters, instead of the two above.
    var marks: (references: Parameters, backlog: Parameters)?
}

/// The rows of one transaction as parameters of prepared statements.
struct InsertBatch: Sendable {
    var records = 0
    var journal = Parameters()
    var duplicates: Parameters?
    var orders = Parameters()
    var references = Parameters()
    var backlog = Parameters()
}

/// Makes the transactions of the floor out of the reference load: what Sluice writes, made by Sluice's own types.
struct FloorRows {
    /// A batch before it is encoded.
    struct Draft {
        var steps: [HotPath.Step] = []
        /// Orders that the batch changes, and whether they begin with it; in key order.
        var orders: [(index: Int, isNew: Bool)] = []
        var now = Timestamp(microseconds: 0)
    }

    private var path: HotPath
    private var traffic: ReferenceTraffic
    private let batchRecords: Int
    private let clients: Int
    private let isInKeyOrder: Bool
    /// An order's key, and how many batches have written it.
    struct Name {
        var entity: String
        var ref: String
        var writes: Int64 = 0
    }

    /// By the order's index in `path`.
    private var names: [Name] = []
    private var document: [UInt8] = []

    /// The rows of `load` in transactions of `batchRecords` records.
    ///
    /// Orders are divided among `clients` connections; an order's events stay with one. `isInKeyOrder`: rows of the
    /// journal are sorted as its key is, as Sluice's are, and not as they came.
    init(_ load: ReferenceLoad, batchRecords: Int, clients: Int, isInKeyOrder: Bool = true) {
        path = HotPath(legalEntities: load.settings.legalEntities)
        traffic = ReferenceTraffic(load.settings)
        self.batchRecords = batchRecords
        self.clients = clients
        self.isInKeyOrder = isInKeyOrder
    }

    /// All transactions, for each client its own, encoded by `encode`.
    mutating func make<Batch>(_ encode: (inout FloorRows, Draft) -> Batch) throws -> [[Batch]] {
        var batches = [[Batch]](repeating: [], count: clients)
        var drafts = [Draft](repeating: Draft(), count: clients)
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        while let record = traffic.next() {
            let step = try path.take(record.value ?? [], now)
            if step.order == names.count {
                names.append(
                    Name(entity: step.event.text(step.event.legalEntity), ref: step.event.text(step.event.orderRef)))
            }
            let client = step.order % clients
            drafts[client].steps.append(step)
            guard drafts[client].steps.count == batchRecords else { continue }
            batches[client].append(finish(&drafts[client], now, encode))
        }
        for client in 0..<clients where !drafts[client].steps.isEmpty {
            batches[client].append(finish(&drafts[client], now, encode))
        }
        return batches
    }

    private mutating func finish<Batch>(
        _ draft: inout Draft, _ now: Timestamp, _ encode: (inout FloorRows, Draft) -> Batch
    ) -> Batch {
        var ready = draft
        draft = Draft()
        ready.now = now
        if isInKeyOrder {
            // Neighbours in the index are written together.
            let keys = ready.steps.map { $0.event.text($0.event.legalEntity) + $0.event.text($0.event.eventID) }
            ready.steps = keys.indices.sorted { keys[$0] < keys[$1] }.map { ready.steps[$0] }
        }
        let touched = Set(ready.steps.lazy.filter { !$0.isDuplicate }.map(\.order))
        let sorted = touched.sorted { (names[$0].entity, names[$0].ref) < (names[$1].entity, names[$1].ref) }
        for index in sorted {
            names[index].writes += 1
            ready.orders.append((index, names[index].writes == 1))
        }
        return encode(&self, ready)
    }
}

// How a transaction is encoded: the columns are those of Sluice's own statements.
extension FloorRows {
    static let copyOrders = """
        COPY orders (revision, version, updated_at, state_since, state, legal_entity, order_ref, document, told_class,
                     told_revision)
        FROM STDIN (FORMAT binary)
        """
    static let copyReferences =
        "COPY order_references (learned_at, kind, legal_entity, issuer, value, order_ref) FROM STDIN (FORMAT binary)"
    static let copyBacklog =
        "COPY backlog (since, due_at, class, legal_entity, order_ref) FROM STDIN (FORMAT binary)"
    static let copyDuplicates = """
        COPY duplicates (source_offset, recorded_at, source_partition, legal_entity, channel, event_id)
        FROM STDIN (FORMAT binary)
        """
    static let insertJournal = Statement(
        "bench_insert_journal",
        """
        INSERT INTO journal (source_offset, occurred_at, logged_at, recorded_at, content_hash, sequence, order_version,
                             source_partition, outcome, disposition, status, milestone, state_before, state_after,
                             legal_entity, channel, event_id, order_ref, warehouse, code, payload)
        SELECT o, t, l, $1::timestamptz, h, s, v, 1, 1, 1, st, 0, b, a, e, $2::text, k, r, w, NULL, p
        FROM unnest($3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::bigint[],
                    $9::smallint[], $10::smallint[], $11::smallint[], $12::text[], $13::text[], $14::text[],
                    $15::text[], $16::bytea[]) AS r(o, t, l, h, s, v, st, b, a, e, k, r, w, p)
        ON CONFLICT DO NOTHING
        """)

    /// The fastest way known: COPY for what is new, one upsert for the orders that have a row.
    mutating func encodeCopies(_ draft: Draft, upsertsAll: Bool = false) -> FloorBatch {
        var batch = FloorBatch(records: draft.steps.count)
        var journal = CopyBuffer(capacity: 1 << 20)
        var duplicates = CopyBuffer()
        for step in draft.steps {
            if step.isDuplicate {
                duplicates.beginRow(columns: 6)
                duplicates.int64(step.event.source.offset)
                duplicates.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
                duplicates.int32(1)
                duplicates.text(step.event.text(step.event.legalEntity))
                duplicates.text(ReferenceTraffic.channelName)
                duplicates.text(step.event.text(step.event.eventID))
            } else {
                Self.write(step, draft.now, &journal)
            }
        }
        batch.journal = journal.finish()
        if duplicates.rows > 0 { batch.duplicates = duplicates.finish() }
        encodeOrders(draft, upsertsAll: upsertsAll, &batch)
        return batch
    }

    private static func write(_ step: HotPath.Step, _ now: Timestamp, _ journal: inout CopyBuffer) {
        let event = step.event
        journal.beginRow(columns: ApplyStatements.journalColumns)
        journal.int64(event.source.offset)
        journal.timestamp(microsecondsSinceUnixEpoch: event.occurredAt.microseconds)
        journal.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        journal.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        journal.int64(Int64(bitPattern: event.contentHash))
        if let sequence = event.sequence { journal.int64(sequence) } else { journal.null() }
        journal.int64(step.version)
        journal.int32(1)
        journal.int16(Int16(step.evaluation.outcome.rawValue))
        journal.int16(Int16(step.evaluation.disposition.rawValue))
        journal.int16(Int16(step.evaluation.to?.rawValue ?? 0))
        journal.int16(0)
        journal.int16(Int16(step.evaluation.from?.rawValue ?? 0))
        journal.int16(Int16(step.evaluation.to?.rawValue ?? 0))
        journal.text(event.bytes, Int(event.legalEntity.start), Int(event.legalEntity.count))
        journal.text(ReferenceTraffic.channelName)
        journal.text(event.bytes, Int(event.eventID.start), Int(event.eventID.count))
        journal.text(event.bytes, Int(event.orderRef.start), Int(event.orderRef.count))
        journal.text(step.warehouse)
        journal.null()
        journal.bytea(event.bytes, 0, event.payloadCount)
    }

    private mutating func encodeOrders(_ draft: Draft, upsertsAll: Bool, _ batch: inout FloorBatch) {
        var orders = CopyBuffer(), references = CopyBuffer(), backlog = CopyBuffer()
        var old = OrderArrays()
        for (index, isNew) in draft.orders {
            let order = path.orders[index]
            let name = names[index]
            document.removeAll(keepingCapacity: true)
            order.writeDocument(to: &document)
            if !isNew || upsertsAll { old.append(order, name, document) }
            guard isNew else { continue }
            for other in order.names {
                references.beginRow(columns: 6)
                references.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
                references.int16(Int16(other.kind.rawValue))
                references.text(name.entity)
                references.text(other.issuer)
                references.text(other.value)
                references.text(name.ref)
            }
            backlog.beginRow(columns: 5)
            backlog.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
            backlog.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
            backlog.int16(1)
            backlog.text(name.entity)
            backlog.text(name.ref)
            if upsertsAll { continue }
            orders.beginRow(columns: 10)
            orders.int64(1)
            orders.int64(order.version)
            orders.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
            orders.timestamp(microsecondsSinceUnixEpoch: OrderArrays.since(order))
            orders.int16(Int16(order.state?.rawValue ?? 0))
            orders.text(name.entity)
            orders.text(name.ref)
            orders.text(bytes: document)
            orders.int16(1)
            orders.int64(1)
        }
        if orders.rows > 0 { batch.newOrders = orders.finish() }
        if references.rows > 0 { batch.references = references.finish() }
        if backlog.rows > 0 { batch.backlog = backlog.finish() }
        if old.count > 0 { batch.oldOrders = old.parameters(draft.now) }
    }

    /// What most people would write: every table by one prepared INSERT with unnest and ON CONFLICT.
    mutating func encodeInserts(_ draft: Draft) -> InsertBatch {
        var batch = InsertBatch(records: draft.steps.count)
        let fresh = draft.steps.filter { !$0.isDuplicate }
        let again = draft.steps.filter(\.isDuplicate)
        func texts(_ steps: [HotPath.Step], _ slice: (OrderEvent) -> Slice) -> TextArray {
            var array = TextArray()
            for step in steps {
                let found = slice(step.event)
                array.append(step.event.bytes, Int(found.start), Int(found.count))
            }
            return array
        }
        batch.journal.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
        batch.journal.text(ReferenceTraffic.channelName)
        batch.journal.int64s(fresh.map(\.event.source.offset))
        batch.journal.timestamps(microsecondsSinceUnixEpoch: fresh.map(\.event.occurredAt.microseconds))
        batch.journal.timestamps(microsecondsSinceUnixEpoch: fresh.map { _ in draft.now.microseconds })
        batch.journal.int64s(fresh.map { Int64(bitPattern: $0.event.contentHash) })
        batch.journal.int64s(fresh.map { $0.event.sequence ?? 0 })
        batch.journal.int64s(fresh.map(\.version))
        for state in [\HotPath.Step.evaluation.to, \.evaluation.from, \.evaluation.to] {
            batch.journal.int16s(fresh.map { Int16($0[keyPath: state]?.rawValue ?? 0) })
        }
        batch.journal.array(texts(fresh, \.legalEntity))
        batch.journal.array(texts(fresh, \.eventID))
        batch.journal.array(texts(fresh, \.orderRef))
        batch.journal.texts(fresh.map(\.warehouse))
        var payloads = ByteaArray()
        for step in fresh { payloads.append(step.event.bytes, 0, step.event.payloadCount) }
        batch.journal.array(payloads)
        if !again.isEmpty {
            var duplicates = Parameters()
            duplicates.int64s(again.map(\.event.source.offset))
            duplicates.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
            duplicates.int32s(again.map { _ in 1 })
            duplicates.array(texts(again, \.legalEntity))
            duplicates.texts(again.map { _ in ReferenceTraffic.channelName })
            duplicates.array(texts(again, \.eventID))
            batch.duplicates = duplicates
        }
        encodeUpserts(draft, &batch)
        return batch
    }

    /// Replaces the copies of new references and marks by upserts of all.
    mutating func markAll(_ draft: Draft, _ batch: inout FloorBatch) {
        var inserts = InsertBatch()
        encodeUpserts(draft, &inserts)
        batch.references = nil
        batch.backlog = nil
        batch.marks = (inserts.references, inserts.backlog)
    }

    private mutating func encodeUpserts(_ draft: Draft, _ batch: inout InsertBatch) {
        var all = OrderArrays()
        var kinds = Int16Array()
        var entities = TextArray(), issuers = TextArray(), values = TextArray(), refs = TextArray()
        for (index, _) in draft.orders {
            let order = path.orders[index]
            document.removeAll(keepingCapacity: true)
            order.writeDocument(to: &document)
            all.append(order, names[index], document)
            for other in order.names {
                kinds.append(Int16(other.kind.rawValue))
                entities.append(names[index].entity)
                issuers.append(other.issuer)
                values.append(other.value)
                refs.append(names[index].ref)
            }
        }
        batch.orders = all.parameters(draft.now)
        batch.references.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
        batch.references.array(kinds)
        for texts in [entities, issuers, values, refs] { batch.references.array(texts) }
        batch.backlog.timestamp(microsecondsSinceUnixEpoch: draft.now.microseconds)
        batch.backlog.int16s(draft.orders.map { _ in 1 })
        batch.backlog.texts(draft.orders.map { names[$0.index].entity })
        batch.backlog.texts(draft.orders.map { names[$0.index].ref })
    }
}

/// The columns of `ApplyStatements.writeOrders`.
private struct OrderArrays {
    private var revisions = Int64Array(), versions = Int64Array()
    private var since = TimestampArray()
    private var states = Int16Array()
    private var entities = TextArray(), refs = TextArray(), documents = TextArray()
    private var told = Int16Array()

    var count: Int { revisions.count }

    static func since(_ order: Order) -> Int64 { order.state.flatMap { order.time(of: $0) }?.microseconds ?? 0 }

    mutating func append(_ order: Order, _ name: FloorRows.Name, _ document: [UInt8]) {
        revisions.append(name.writes)
        versions.append(order.version)
        since.append(microsecondsSinceUnixEpoch: Self.since(order))
        states.append(Int16(order.state?.rawValue ?? 0))
        entities.append(name.entity)
        refs.append(name.ref)
        documents.append(bytes: document)
        told.append(1)
    }

    func parameters(_ now: Timestamp) -> Parameters {
        var parameters = Parameters()
        parameters.array(revisions)
        parameters.array(versions)
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(since)
        parameters.array(states)
        parameters.array(entities)
        parameters.array(refs)
        parameters.array(documents)
        parameters.array(told)
        return parameters
    }
}

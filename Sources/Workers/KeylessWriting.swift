import OrderEvents
import Orders
import Partitioner
internal import Postgres
internal import Store

// Rows of records that claim no key: duplicates, rejected and dead letters. A position that has its row keeps it.

extension BatchWriter {
    func writeDuplicates(
        _ plan: BatchPlan, _ items: [Taken], _ numbers: [Int32: Int32], _ settings: ApplySettings, _ now: Timestamp,
        _ result: inout WriteResult, _ connection: inout Connection
    ) throws {
        guard !plan.duplicates.isEmpty else { return }
        var offsets = Int64Array()
        var partitions = Int32Array()
        var entities = TextArray()
        var channels = TextArray()
        var ids = TextArray()
        for item in plan.duplicates {
            guard case .event(let event) = items[item] else { continue }
            offsets.append(event.source.offset)
            partitions.append(numbers[event.source.partition] ?? -1)
            entities.append(settings.entityName(event.entity))
            channels.append(settings.channelName(event.channel))
            ids.append(event.bytes, Int(event.eventID.start), Int(event.eventID.count))
        }
        var parameters = Parameters()
        parameters.array(offsets)
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(partitions)
        parameters.array(entities)
        parameters.array(channels)
        parameters.array(ids)
        let rows = try connection.query(ApplyStatements.insertDuplicates, parameters)
        takePositions(rows, &result)
    }

    private func takePositions(_ rows: borrowing Rows, _ result: inout WriteResult) {
        for row in 0..<rows.count {
            result.newPositions.insert(StoredPosition(partition: rows.int32(row, 0), offset: rows.int64(row, 1)))
        }
    }

    func writeRejected(
        _ plan: BatchPlan, _ items: [Taken], _ numbers: [Int32: Int32], _ settings: ApplySettings, _ now: Timestamp,
        _ result: inout WriteResult, _ connection: inout Connection
    ) throws {
        guard !plan.rejected.isEmpty else { return }
        var offsets = Int64Array(), hashes = Int64Array(), sequences = Int64Array()
        var times = TimestampArray()
        var partitions = Int32Array()
        var statuses = Int16Array(), milestones = Int16Array()
        var entities = TextArray(), channels = TextArray(), ids = TextArray(), refs = TextArray()
        var codes = TextArray(), details = TextArray()
        var payloads = ByteaArray(), traces = ByteaArray()
        for row in plan.rejected {
            guard case .event(let event) = items[row.item] else { continue }
            offsets.append(event.source.offset)
            times.append(microsecondsSinceUnixEpoch: event.occurredAt.microseconds)
            hashes.append(Int64(bitPattern: event.contentHash))
            if let sequence = event.sequence { sequences.append(sequence) } else { sequences.appendNull() }
            partitions.append(numbers[event.source.partition] ?? -1)
            statuses.append(event.status.storedValue)
            milestones.append(Int16(event.milestone?.rawValue ?? 0))
            entities.append(settings.entityName(event.entity))
            channels.append(settings.channelName(event.channel))
            ids.append(event.bytes, Int(event.eventID.start), Int(event.eventID.count))
            if row.otherOrder < 0 {
                refs.append(event.bytes, Int(event.orderRef.start), Int(event.orderRef.count))
            } else {
                refs.append(plan.orders[row.otherOrder].ref)
            }
            codes.append(row.code.rawValue)
            details.append(row.detail)
            payloads.append(event.bytes, 0, event.payloadCount)
            if let trace = event.source.trace { traces.append(trace.stored) } else { traces.appendNull() }
        }
        var parameters = Parameters()
        parameters.array(offsets)
        parameters.array(times)
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(hashes)
        parameters.array(sequences)
        parameters.array(partitions)
        parameters.array(statuses)
        parameters.array(milestones)
        for texts in [entities, channels, ids, refs, codes, details] { parameters.array(texts) }
        parameters.array(payloads)
        parameters.array(traces)
        let rows = try connection.query(ApplyStatements.insertRejected, parameters)
        takePositions(rows, &result)
    }

    func writeDeadLetters(
        _ plan: BatchPlan, _ items: [Taken], _ numbers: [Int32: Int32], _ now: Timestamp,
        _ result: inout WriteResult, _ connection: inout Connection
    ) throws {
        guard !plan.deadLetters.isEmpty else { return }
        var offsets = Int64Array(), sizes = Int64Array()
        var times = TimestampArray()
        var partitions = Int32Array()
        var channels = TextArray(), reasons = TextArray(), details = TextArray()
        var keys = ByteaArray(), payloads = ByteaArray(), traces = ByteaArray()
        for item in plan.deadLetters {
            guard case .deadLetter(let letter) = items[item] else { continue }
            offsets.append(letter.source.offset)
            if let logged = letter.source.storableLoggedAt {
                times.append(microsecondsSinceUnixEpoch: logged.microseconds)
            } else {
                times.appendNull()
            }
            partitions.append(numbers[letter.source.partition] ?? -1)
            sizes.append(Int64(letter.payloadCount))
            channels.append(letter.channel)
            reasons.append(letter.reason.rawValue)
            details.append(letter.detail)
            if let key = letter.key { keys.append(key) } else { keys.appendNull() }
            if let payload = letter.payload { payloads.append(payload) } else { payloads.appendNull() }
            if let trace = letter.source.trace { traces.append(trace.stored) } else { traces.appendNull() }
        }
        var parameters = Parameters()
        parameters.array(offsets)
        parameters.array(times)
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(partitions)
        parameters.array(sizes)
        for texts in [channels, reasons, details] { parameters.array(texts) }
        parameters.array(keys)
        parameters.array(payloads)
        parameters.array(traces)
        let rows = try connection.query(ApplyStatements.insertDeadLetters, parameters)
        takePositions(rows, &result)
    }
}

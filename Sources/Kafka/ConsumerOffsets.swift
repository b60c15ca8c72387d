internal import CLibrdkafka

extension Consumer {
    /// Sends a commit of these offsets (each the next to read) and returns; `ConsumerEvent.committed` tells the result.
    public func commit(_ offsets: [PartitionOffset]) throws(KafkaError) {
        if offsets.isEmpty { return }
        let list = TopicPartitionList(offsets: offsets)
        let code = unsafe rd_kafka_commit(handle, list.list, 1)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "committing offsets") }
    }

    /// Commits these offsets and waits at most `bound` for the answer.
    ///
    /// - Throws: `KafkaError`; after `timedOut` the commit may still happen.
    public func commit(_ offsets: [PartitionOffset], within bound: Duration) throws(KafkaError) {
        if offsets.isEmpty { return }
        // Not rd_kafka_commit with async = 0: that waits for the coordinator without a bound of ours.
        let list = TopicPartitionList(offsets: offsets)
        let queue = unsafe rd_kafka_queue_new(handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        let code = unsafe rd_kafka_commit_queue(handle, list.list, queue, nil, nil)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "committing offsets") }
        guard let event = unsafe rd_kafka_queue_poll(queue, milliseconds(bound)) else {
            throw KafkaError(.timedOut, "committing offsets")
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        let result = unsafe rd_kafka_event_error(event)
        if result != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(result, "committing offsets") }
        let answered = unsafe rd_kafka_event_topic_partition_list(event)
        for index in 0..<Int(unsafe answered?.pointee.cnt ?? 0) {
            let code = unsafe answered?.pointee.elems[index].err ?? RD_KAFKA_RESP_ERR_NO_ERROR
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "committing offsets") }
        }
    }

    /// What the group has committed for `sources`; `PartitionOffset.invalid` where nothing.
    ///
    /// Asks the broker, waiting at most `bound`.
    public func committed(_ sources: [TopicPartition], within bound: Duration) throws(KafkaError) -> [PartitionOffset] {
        if sources.isEmpty { return [] }
        let list = TopicPartitionList(sources)
        let code = unsafe rd_kafka_committed(handle, list.list, milliseconds(bound))
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "reading committed offsets") }
        if let error = list.firstError { throw KafkaError(error, "reading committed offsets") }
        return list.offsets
    }

    /// The offset behind the newest record of each of `sources`.
    ///
    /// Asks the brokers, waiting at most `bound`.
    ///
    /// By the look-up of offsets by time, whose time-out is kept; the library's query of watermarks ignores its own.
    ///
    /// With `isolation.level` `read_committed` what lies in an open transaction, and behind it, is not there yet.
    public func endOffsets(_ sources: [TopicPartition], within bound: Duration) throws(KafkaError) -> [PartitionOffset]
    {
        if sources.isEmpty { return [] }
        let list = TopicPartitionList(offsets: sources.map { PartitionOffset($0, PartitionOffset.end) })
        let code = unsafe rd_kafka_offsets_for_times(handle, list.list, milliseconds(bound))
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "reading log ends") }
        if let error = list.firstError { throw KafkaError(error, "reading log ends") }
        return list.offsets
    }

    /// Makes the library look again whether it should fetch from the brokers that lead `sources`.
    ///
    /// 2.0.2 fetches nothing for up to a second after its queue was full or a partition was resumed, whatever room
    /// there is: its thread for the broker sleeps until the second is over or it has a request to send. So it gets one,
    /// whose answer nobody needs. Waits at most a millisecond.
    public func wake(_ sources: [TopicPartition]) {
        if sources.isEmpty { return }
        let list = TopicPartitionList(offsets: sources.map { PartitionOffset($0, PartitionOffset.end) })
        _ = unsafe rd_kafka_offsets_for_times(handle, list.list, 1)
    }

    /// The next offset to be lent of each of `sources`; `PartitionOffset.invalid` before the first record.
    ///
    /// Local.
    public func positions(_ sources: [TopicPartition]) throws(KafkaError) -> [PartitionOffset] {
        let list = TopicPartitionList(sources)
        let code = unsafe rd_kafka_position(handle, list.list)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, "reading positions") }
        return list.offsets
    }

    /// The offset behind the newest record as the last fetch told it; nil before the first.
    ///
    /// Local. While a partition is paused nothing is fetched, so this stays what it was.
    public func highWatermark(_ source: TopicPartition) -> Int64? {
        var low = PartitionOffset.invalid
        var high = PartitionOffset.invalid
        let code = unsafe rd_kafka_get_watermark_offsets(handle, source.topic, source.partition, &low, &high)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return nil }
        return high
    }
}

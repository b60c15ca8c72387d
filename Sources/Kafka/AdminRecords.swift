internal import CLibrdkafka

extension Admin {
    /// Removes the records in front of `offset`, as retention does, and waits for the answer.
    public func deleteRecords(
        of source: TopicPartition, before offset: Int64, within bound: Duration
    ) throws(KafkaError) {
        let context = "deleting records of \(source)"
        let list = TopicPartitionList(offsets: [PartitionOffset(source, offset)])
        var request = unsafe rd_kafka_DeleteRecords_new(list.list)
        defer { unsafe rd_kafka_DeleteRecords_destroy(request) }
        var text = [CChar](repeating: 0, count: 256)
        let options = unsafe rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_DELETERECORDS)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, milliseconds(bound), &text, text.count)
        let queue = unsafe rd_kafka_queue_new(handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        unsafe rd_kafka_DeleteRecords(handle, &request, 1, options, queue)
        guard let event = unsafe rd_kafka_queue_poll(queue, milliseconds(bound)) else {
            throw KafkaError(.timedOut, context)
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        let whole = unsafe rd_kafka_event_error(event)
        if whole != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(whole, context) }
        let answered = unsafe rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event))
        for index in 0..<Int(unsafe answered?.pointee.cnt ?? 0) {
            let code = unsafe answered?.pointee.elems[index].err ?? RD_KAFKA_RESP_ERR_NO_ERROR
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, context) }
        }
    }
}

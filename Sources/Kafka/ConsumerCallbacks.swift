internal import CLibrdkafka

/// Registers what only consumers have: rebalances, results of commits, statistics.
func registerConsumerCallbacks(in conf: OpaquePointer) {
    unsafe rd_kafka_conf_set_rebalance_cb(conf) { handle, code, list, opaque in
        guard let events = unsafe clientEvents(opaque) else { return }
        unsafe rebalance(handle, code, list, events)
    }
    unsafe rd_kafka_conf_set_offset_commit_cb(conf) { _, code, list, opaque in
        guard let events = unsafe clientEvents(opaque), code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
        let offsets = unsafe TopicPartitionList.offsets(in: list)
        let error =
            code == RD_KAFKA_RESP_ERR_NO_ERROR
            ? unsafe firstError(in: list) : KafkaError(code, "committing offsets")
        events.append(.committed(offsets, error))
    }
    unsafe rd_kafka_conf_set_stats_cb(conf) { _, text, count, opaque in
        guard let events = unsafe clientEvents(opaque), let text = unsafe text else { return 0 }
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: count)
        events.append(.statistics(unsafe String(decoding: bytes, as: UTF8.self)))
        return 0  // 0: the library frees the text.
    }
}

private func firstError(in list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> KafkaError? {
    guard let list = unsafe list else { return nil }
    for index in 0..<Int(unsafe list.pointee.cnt) {
        let code = unsafe list.pointee.elems[index].err
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { return KafkaError(code, "committing offsets") }
    }
    return nil
}

/// Runs inside poll or close, on the thread that called it.
///
/// While polling it only notes what is asked: the owner answers when the work in flight is settled, and the group
/// waits. While closing nobody will, so it is answered here: everything was settled before.
private func rebalance(
    _ handle: OpaquePointer?, _ code: rd_kafka_resp_err_t,
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ events: ClientEvents
) {
    if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS { events.noteAssignment() }
    let sources = unsafe TopicPartitionList.offsets(in: list).map(\.source)
    if events.isClosing {
        // A nil list clears the assignment whatever the protocol is, which is what closing wants.
        _ = unsafe rd_kafka_assign(handle, nil)
        return
    }
    switch code {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        events.append(.assigned(sources))
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        events.append(unsafe rd_kafka_assignment_lost(handle) != 0 ? .lost(sources) : .revoked(sources))
    default:
        events.append(.clientFailed(KafkaError(code, "rebalancing")))
        events.append(.lost(sources))
    }
    // Lets the poll return now instead of at the end of its wait.
    unsafe rd_kafka_yield(handle)
}

internal import CLibrdkafka

/// Transactions of a producer with `transactional.id`; each call waits for the brokers, at most `bound` where it has
/// one.
extension Producer {
    /// Ends what an earlier producer of the same `transactional.id` left open; once, before the first transaction.
    public func initTransactions(within bound: Duration) throws(KafkaError) {
        unsafe try Self.check(rd_kafka_init_transactions(handle, milliseconds(bound)), "preparing transactions")
    }

    /// Begins a transaction: what is produced from now on is part of it.
    public func beginTransaction() throws(KafkaError) {
        unsafe try Self.check(rd_kafka_begin_transaction(handle), "beginning a transaction")
    }

    /// Commits the transaction.
    public func commitTransaction(within bound: Duration) throws(KafkaError) {
        unsafe try Self.check(rd_kafka_commit_transaction(handle, milliseconds(bound)), "committing a transaction")
    }

    /// Gives the transaction up: nobody who reads committed records sees what was produced in it.
    public func abortTransaction(within bound: Duration) throws(KafkaError) {
        unsafe try Self.check(rd_kafka_abort_transaction(handle, milliseconds(bound)), "aborting a transaction")
    }

    private static func check(_ error: OpaquePointer?, _ context: String) throws(KafkaError) {
        if let problem = unsafe consumeError(error, context) { throw problem }
    }
}

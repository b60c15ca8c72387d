internal import CLibrdkafka

/// A request of the Kafka protocol whose answer a mock cluster can be told to make an error.
public enum MockRequest: Int16, Sendable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case syncGroup = 14
}

/// librdkafka's in-process brokers: they listen on loopback ports, so that other processes can use them too.
///
/// Keeps about 5 MB a partition and drops older records. The first join of a group takes about 3 s.
/// Safe: the handles never change, and every call of the mock only posts an operation to the cluster's own thread.
@safe public final class MockCluster: @unchecked Sendable {
    private let handle: OpaquePointer
    private let cluster: OpaquePointer
    private let events: ClientEvents

    /// Starts `brokers` brokers.
    public init(brokers: Int = 1) throws(KafkaError) {
        let events = ClientEvents()
        let handle = try unsafe makeClient(RD_KAFKA_PRODUCER, ClientSettings(["client.id": "mock"])) { conf in
            unsafe events.register(in: conf)
        }
        guard let cluster = unsafe rd_kafka_mock_cluster_new(handle, Int32(brokers)) else {
            unsafe rd_kafka_destroy(handle)
            throw KafkaError(.invalidArgument, "starting a mock cluster")
        }
        unsafe self.handle = handle
        unsafe self.cluster = cluster
        self.events = events
    }

    deinit {
        unsafe rd_kafka_mock_cluster_destroy(cluster)
        unsafe rd_kafka_destroy(handle)
    }

    /// `host:port` of the brokers, separated by commas.
    public var bootstrapServers: String {
        unsafe rd_kafka_mock_cluster_bootstraps(cluster).map { unsafe String(cString: $0) } ?? ""
    }

    /// Creates a topic.
    public func createTopic(_ name: String, partitions: Int) throws(KafkaError) {
        let code = unsafe rd_kafka_mock_topic_create(cluster, name, Int32(partitions), 1)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS {
            throw KafkaError(code, "creating topic \(name)")
        }
    }

    /// Makes the next `count` answers to `request` the error `code`; `transport` cuts the connection instead.
    public func pushErrors(_ request: MockRequest, _ code: KafkaError.Code, count: Int = 1) {
        let errors = [rd_kafka_resp_err_t](repeating: rd_kafka_resp_err_t(code.rawValue), count: count)
        unsafe rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
    }

    /// Forgets the errors pushed for `request`.
    public func clearErrors(_ request: MockRequest) {
        unsafe rd_kafka_mock_clear_request_errors(cluster, request.rawValue)
    }

    /// Takes a broker (numbered from 1) away: its connections end and its port refuses.
    public func setDown(broker: Int32) { _ = unsafe rd_kafka_mock_broker_set_down(cluster, broker) }

    /// Brings a broker back.
    public func setUp(broker: Int32) { _ = unsafe rd_kafka_mock_broker_set_up(cluster, broker) }

    /// Delays every answer of a broker.
    public func setRoundTrip(broker: Int32, _ delay: Duration) {
        _ = unsafe rd_kafka_mock_broker_set_rtt(cluster, broker, milliseconds(delay))
    }
}

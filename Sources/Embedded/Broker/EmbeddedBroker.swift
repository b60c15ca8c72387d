package import Kafka
internal import Synchronization

/// A Kafka broker for demo, development and tests: librdkafka's mock cluster, or a private real Kafka.
///
/// Listens on loopback ports of its own choosing and ends with this object, with `stop`, or with the process.
public final class EmbeddedBroker: Sendable {
    /// What stands behind it.
    public enum Kind: Equatable, Sendable {
        /// librdkafka's mock cluster, inside this process. Keeps about 5 MB a partition; first join of a group 3 s.
        case mock
        /// A real Apache Kafka whose installation is in this folder. Needs Java.
        case kafka(home: String)

        /// A real Kafka when the variable `KAFKA_HOME` is set in `environment`, else the mock.
        public static func chosen(by environment: [String: String]) -> Kind {
            if let home = environment["KAFKA_HOME"], !home.isEmpty { return .kafka(home: home) }
            return .mock
        }

        /// The word that benches and people use: `mock` or `kafka`.
        public var name: String {
            switch self {
            case .mock: "mock"
            case .kafka: "kafka"
            }
        }
    }

    private enum Backing {
        case mock(MockCluster)
        case kafka(PrivateKafka)
        case stopped
    }

    /// What stands behind it.
    public let kind: Kind
    /// `host:port` of the brokers.
    public let bootstrapServers: [String]
    /// The same for the guarded user; nil where there is none.
    public let guardedServers: [String]?
    private let backing: Mutex<Backing>

    /// Starts a broker and returns when it answers: at once for the mock, after about 5 s for a real Kafka.
    ///
    /// - Throws: `BrokerError` when it cannot be started.
    public init(_ kind: Kind) throws(BrokerError) {
        self.kind = kind
        switch kind {
        case .mock:
            do throws(KafkaError) {
                let cluster = try MockCluster(brokers: 1)
                bootstrapServers = cluster.bootstrapServers.split(separator: ",").map(String.init)
                guardedServers = nil
                backing = Mutex(.mock(cluster))
            } catch {
                throw BrokerError(error.description)
            }
        case .kafka(let home):
            let kafka = try PrivateKafka(home: home)
            bootstrapServers = [kafka.bootstrapServer]
            guardedServers = nil
            backing = Mutex(.kafka(kafka))
        }
    }

    /// Starts a real Kafka with an authorizer.
    ///
    /// Who comes by `bootstrapServers` may do everything; who comes by `guardedServers` is `user` (SASL PLAIN, not
    /// encrypted) and may do what the ACLs say, which is nothing at first.
    /// - Throws: `BrokerError` when it cannot be started.
    public init(kafkaHome home: String, guardedUser user: String, password: String) throws(BrokerError) {
        kind = .kafka(home: home)
        let kafka = try PrivateKafka(home: home, guarded: .init(user: user, password: password))
        bootstrapServers = [kafka.bootstrapServer]
        guardedServers = kafka.guardedServer.map { [$0] }
        backing = Mutex(.kafka(kafka))
    }

    deinit { stop() }

    /// Creates a topic and waits until it can be used; one that is there already is no error.
    ///
    /// - Parameters:
    ///   - name: of the topic.
    ///   - partitions: how many it has.
    ///   - settings: of the topic, by Kafka's names; the mock takes none of them.
    /// - Throws: `BrokerError` when it could not be created within 30 s.
    public func createTopic(
        _ name: String, partitions: Int, settings: KeyValuePairs<String, String> = [:]
    ) throws(BrokerError) {
        do throws(KafkaError) {
            if let cluster = mock {
                try cluster.createTopic(name, partitions: partitions)
                return
            }
            let admin = try Admin(ClientSettings(["bootstrap.servers": bootstrapServers.joined(separator: ",")]))
            try admin.createTopic(name, partitions: partitions, settings: settings, within: .seconds(30))
            guard admin.waitForTopics([name], within: .seconds(30)) else {
                throw KafkaError(.timedOut, "waiting for topic \(name)")
            }
        } catch {
            throw BrokerError(error.description)
        }
    }

    /// The mock cluster behind it, for injecting faults; nil for a real Kafka and after `stop`.
    package var mock: MockCluster? {
        backing.withLock { if case .mock(let cluster) = $0 { cluster } else { nil } }
    }

    /// Ends the broker: a real Kafka by SIGTERM, by SIGKILL when that takes more than 10 s; its folder is removed.
    public func stop() {
        let ending = backing.withLock { backing in
            defer { backing = .stopped }
            return backing
        }
        if case .kafka(let kafka) = ending { kafka.stop() }
    }
}

/// Why a broker could not be started or used.
public struct BrokerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed and what to do.
    public let description: String

    init(_ description: String) { self.description = "broker: \(description)" }
}

public import Embedded
import Foundation
public import Kafka
import Synchronization

/// The brokers that tests which touch Kafka run on: the mock always, a real Kafka where `KAFKA_HOME` is set.
public enum BrokerKinds {
    /// For `@Test(arguments:)`.
    public static let all: [EmbeddedBroker.Kind] = hasKafka ? [.mock, kafka] : [.mock]

    /// For `.enabled(if:)` of tests that only a real Kafka can pass.
    public static let hasKafka = ProcessInfo.processInfo.environment["KAFKA_HOME"]?.isEmpty == false

    /// Why such a test is skipped.
    public static let reason = "needs a real Kafka: set KAFKA_HOME to its folder (and have Java 17)"

    /// A real Kafka at `KAFKA_HOME`.
    public static var kafka: EmbeddedBroker.Kind {
        .kafka(home: ProcessInfo.processInfo.environment["KAFKA_HOME"] ?? "")
    }

    private static let shared = Mutex<EmbeddedBroker?>(nil)

    /// A broker of `kind`: a mock of one's own, or the one real Kafka of this test process, which ends with it.
    public static func broker(_ kind: EmbeddedBroker.Kind) throws -> EmbeddedBroker {
        if kind == .mock { return try EmbeddedBroker(.mock) }
        return try shared.withLock { shared in
            if let shared { return shared }
            let broker = try EmbeddedBroker(kind)
            shared = broker
            return broker
        }
    }

    /// A name that no other test uses, because the real Kafka is shared.
    public static func uniqueName(_ stem: String) -> String {
        "\(stem)-\(UUID().uuidString.lowercased().prefix(8))"
    }
}

/// Longest wait for anything that a test needs and promises nothing about: only what hangs is ended by it.
///
/// Several times what a busy machine takes, because the tests of a whole run share two cores.
public let patience: Duration = .seconds(120)

/// Calls `isReady` until it holds, at most `bound`; between two calls it gives way for a moment.
///
/// For what can only be asked and not waited on, such as a broker's answers.
public func eventually(within bound: Duration = patience, _ isReady: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now.advanced(by: bound)
    repeat {
        if try isReady() { return true }
        Thread.sleep(forTimeInterval: 0.005)
    } while ContinuousClock.now < end
    return try isReady()
}

extension EmbeddedBroker {
    /// Settings of a client of this broker.
    public func clientSettings(_ more: KeyValuePairs<String, String> = [:]) -> ClientSettings {
        var settings = ClientSettings(["bootstrap.servers": bootstrapServers.joined(separator: ",")])
        for (name, value) in more { settings.set(name, value) }
        return settings
    }

    /// Produces `records` and waits until the broker has them.
    public func produce(_ records: [OutgoingRecord], settings: KeyValuePairs<String, String> = [:]) throws {
        let producer = try Producer(clientSettings(settings))
        for record in records { try producer.produce(record) }
        guard producer.flush(within: patience), producer.failed == 0 else {
            throw KafkaError(.timedOut, "producing in a test")
        }
    }

    /// What `group` has committed for `sources`; nil where nothing.
    public func committed(_ group: String, _ sources: [TopicPartition]) throws -> [Int64?] {
        let reader = try Consumer(clientSettings(["group.id": group]))
        return try reader.committed(sources, within: patience).map { $0.offset >= 0 ? $0.offset : nil }
    }
}

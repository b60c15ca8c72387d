import Foundation
import Metrics
import Synchronization

/// What librdkafka tells of itself every few seconds, as far as it matters: brokers, the group, records fetched ahead.
///
/// The poll thread only leaves the text here; it is read when a page is asked for, once.
final class KafkaStatistics: Sendable {
    /// States of a connection to a broker, good ones first.
    private static let states = ["up", "connecting", "down"]

    private let latest = Mutex<String?>(nil)
    private let brokers: StateSetFamily
    private let brokerErrors: CounterFamily
    private let roundTrip: GaugeFamily
    private let rebalances: Counter
    private let isGroupUp: Gauge
    private let fetchedRecords: Gauge
    private let fetchedBytes: Gauge

    init(_ registry: Registry) {
        brokers = registry.stateSet(
            "sluice_kafka_broker_state", help: "Connection to a broker, by its number in the cluster.",
            labels: ["broker"], states: Self.states)
        brokerErrors = registry.counter(
            "sluice_kafka_broker_errors_total", help: "Failed sends, failed receptions and requests without an answer.",
            labels: ["broker", "kind"])
        roundTrip = registry.gauge(
            "sluice_kafka_broker_round_trip_seconds",
            help: "99th percentile of the time that a broker took to answer, over the last seconds.",
            labels: ["broker"])
        rebalances = registry.counter(
            "sluice_kafka_rebalances_total", help: "Rebalances of the consumer group that this member took part in."
        ).with()
        isGroupUp = registry.gauge(
            "sluice_kafka_group_up", help: "Whether the group's coordinator is reached."
        ).with()
        fetchedRecords = registry.gauge(
            "sluice_kafka_fetch_queue_records", help: "Records that were fetched ahead and not polled yet."
        ).with()
        fetchedBytes = registry.gauge(
            "sluice_kafka_fetch_queue_bytes", help: "Memory of the records that were fetched ahead."
        ).with()
        registry.onScrape { self.refresh() }
    }

    /// Takes what the library told; any thread.
    func note(_ text: String) { latest.withLock { $0 = text } }

    private func refresh() {
        let text = latest.withLock { latest in
            defer { latest = nil }
            return latest
        }
        // What cannot be read changes nothing: another one comes.
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let text, let told = try? decoder.decode(Told.self, from: Data(text.utf8)) else { return }
        for broker in told.brokers.values where broker.nodeid >= 0 {
            let name = String(broker.nodeid)
            brokers.with(name).set(Self.state(broker.state))
            brokerErrors.with(name, "send").raise(to: broker.txerrs)
            brokerErrors.with(name, "receive").raise(to: broker.rxerrs)
            brokerErrors.with(name, "timeout").raise(to: broker.reqTimeouts)
            if let rtt = broker.rtt, rtt.cnt > 0 { roundTrip.with(name).set(rtt.p99 / 1_000_000) }
        }
        if let group = told.cgrp {
            rebalances.raise(to: group.rebalanceCnt)
            isGroupUp.set(group.state == "up" ? 1 : 0)
        }
        let partitions = told.topics.values.flatMap { $0.partitions.values }
        fetchedRecords.set(Double(partitions.reduce(0) { $0 + $1.fetchqCnt }))
        fetchedBytes.set(Double(partitions.reduce(0) { $0 + $1.fetchqSize }))
    }

    /// The library's states, of which it has a dozen, as one of ours.
    static func state(_ text: String) -> String {
        switch text {
        case "UP", "UPDATE": "up"
        case "INIT", "DOWN": "down"
        default: "connecting"
        }
    }

    /// The library's names; numbers are microseconds, bytes and counts.
    private struct Told: Decodable {
        struct Broker: Decodable {
            struct Window: Decodable {
                var p99: Double
                var cnt: Int
            }

            var nodeid: Int
            var state: String
            var txerrs: Int
            var rxerrs: Int
            var reqTimeouts: Int
            var rtt: Window?
        }

        struct Topic: Decodable {
            struct Partition: Decodable {
                var fetchqCnt: Int
                var fetchqSize: Int
            }

            var partitions: [String: Partition]
        }

        struct Group: Decodable {
            var state: String
            var rebalanceCnt: Int
        }

        var brokers: [String: Broker]
        var topics: [String: Topic]
        var cgrp: Group?
    }
}

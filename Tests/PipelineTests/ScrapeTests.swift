import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// What scrapers get of a real pipeline.
    @Suite struct ScrapeTests {
        /// A metric of the contract: dashboards and alerts elsewhere rely on name, type and labels.
        struct Promise {
            var name: String
            var type: String
            var labels: [String]

            init(_ name: String, _ type: String, _ labels: String...) {
                self.name = name
                self.type = type
                self.labels = labels
            }
        }

        static let promises = [
            Promise("sluice_ingest_records_total", "counter", "topic", "partition"),
            Promise("sluice_events_total", "counter", "legal_entity", "channel", "outcome"),
            Promise("sluice_event_latency_seconds", "histogram", "legal_entity", "stage"),
            Promise("sluice_transitions_total", "counter", "legal_entity", "from", "to", "disposition"),
            Promise("sluice_consumer_lag_records", "gauge", "topic", "partition", "consumergroup"),
            Promise("sluice_consumer_lag_seconds", "gauge", "topic", "partition", "consumergroup"),
            Promise("sluice_consumer_partition_status", "stateset", "topic", "partition"),
            Promise("sluice_lane_queue_events", "gauge", "legal_entity", "warehouse"),
            Promise("sluice_lane_queue_bytes", "gauge", "legal_entity", "warehouse"),
            Promise("sluice_lane_oldest_seconds", "gauge", "legal_entity", "warehouse"),
            Promise("sluice_backlog_orders", "gauge", "legal_entity"),
            Promise("sluice_backlog_oldest_seconds", "gauge", "legal_entity"),
            Promise("sluice_backlog_drain_seconds", "gauge", "legal_entity"),
            Promise("sluice_business_exceptions_total", "counter", "legal_entity", "code"),
            Promise("sluice_business_exceptions_open", "gauge", "legal_entity", "code"),
            Promise("sluice_business_exception_resolution_seconds", "histogram", "legal_entity", "code"),
            Promise("sluice_order_stage_seconds", "histogram", "legal_entity", "from", "to"),
            Promise("sluice_orders_in_state", "gauge", "legal_entity", "state"),
            Promise("sluice_order_state_oldest_seconds", "gauge", "legal_entity", "state"),
            Promise("sluice_channel_last_event_timestamp_seconds", "gauge", "legal_entity", "channel"),
            Promise("sluice_parked_released_total", "counter", "legal_entity"),
            Promise("sluice_redelivered_records_total", "counter", "topic", "partition"),
            Promise("sluice_dead_letters_total", "counter", "topic", "reason"),
            Promise("sluice_store_batch_seconds", "histogram", "store"),
            Promise("sluice_store_batch_events", "histogram", "store"),
            Promise("sluice_store_retries_total", "counter", "store", "sqlstate_class"),
            Promise("sluice_odoo_requests_total", "counter", "legal_entity", "operation", "result"),
            Promise("sluice_odoo_request_seconds", "histogram", "legal_entity", "operation", "result"),
            Promise("sluice_odoo_limit_concurrency", "gauge", "legal_entity"),
            Promise("sluice_odoo_in_flight", "gauge", "legal_entity"),
            Promise("sluice_odoo_breaker_state", "stateset", "legal_entity"),
            Promise("sluice_books_imbalance_records", "gauge", "topic", "partition"),
            Promise("sluice_config_reloads_total", "counter", "result"),
            Promise("sluice_config_last_reload_success_timestamp_seconds", "gauge"),
            Promise("sluice_http_requests_total", "counter", "path", "status"),
            Promise("sluice_http_refused_total", "counter"),
            Promise("sluice_build_info", "info", "version"),
            Promise("process_cpu_seconds_total", "counter"),
            Promise("process_resident_memory_bytes", "gauge"),
            Promise("process_virtual_memory_bytes", "gauge"),
            Promise("process_open_fds", "gauge"),
            Promise("process_max_fds", "gauge"),
            Promise("process_start_time_seconds", "gauge"),
        ]

        static let openMetrics = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"

        /// A pipeline whose traffic has its outcomes, its orders in Odoo and its gauges read.
        private func settled(_ stage: Stage) throws -> (pipeline: Program, port: Int) {
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sender = try stage.sendTraffic(orders: 60, seed: 5, rate: 5000)
            try stage.waitUntilSettled(try stage.sent(by: sender), pipeline)
            // The store's gauges are read every fifteen seconds.
            let isRead = eventually {
                let page = WebPage.get(port, "/metrics")
                return page?.samples("sluice_orders_in_state").contains { $0.value > 0 } == true
                    && page?.samples("sluice_business_exceptions_open").isEmpty == false
                    && page?.samples("sluice_kafka_broker_state").isEmpty == false
            }
            try #require(isRead, pipeline.report)
            return (pipeline, port)
        }

        @Test func everyMetricOfTheContractIsThere() throws {
            let stage = try Stage()
            let (pipeline, port) = try settled(stage)
            for format in Judges.Format.allCases {
                let accept = format == .text ? "text/plain" : Self.openMetrics
                let page = try #require(WebPage.get(port, "/metrics", accept: accept), pipeline.report)
                #expect(try Judges.complaints(Array(page.body.utf8), format) == [])
                for promise in Self.promises { check(promise, page, format) }
                let one = try #require(WebPage.get(port, "/metrics?legal_entity=ACME-DE", accept: accept))
                #expect(try Judges.complaints(Array(one.body.utf8), format) == [])
                #expect(
                    one.samples("sluice_odoo_request_seconds_count").allSatisfy {
                        $0.labels["legal_entity"] == "ACME-DE"
                    })
                #expect(!one.samples("sluice_odoo_request_seconds_count").isEmpty)
                // Both pages tell of the same calls.
                #expect(
                    page.samples("sluice_odoo_request_seconds_count").allSatisfy {
                        $0.labels["legal_entity"] == "other"
                    })
            }
            #expect(WebPage.get(port, "/metrics?legal_entity=NOBODY")?.status == 404)
        }

        private func check(_ promise: Promise, _ page: WebPage, _ format: Judges.Format) {
            let isOpen = format == .openmetrics
            var name = promise.name
            if isOpen, promise.type == "counter" { name = String(name.dropLast("_total".count)) }
            if isOpen, promise.type == "info" { name = String(name.dropLast("_info".count)) }
            let type = isOpen || !["stateset", "info"].contains(promise.type) ? promise.type : "gauge"
            #expect(page.body.contains("# TYPE \(name) \(type)\n"), "\(promise.name) \(type)")
            let sample = promise.type == "histogram" ? "\(promise.name)_bucket" : promise.name
            var labels = Set(promise.labels)
            if promise.type == "histogram" { labels.insert("le") }
            if promise.type == "stateset" { labels.insert(promise.name) }
            if labels.isEmpty {
                #expect(page.body.contains("\n\(sample) "), "\(sample)")
                return
            }
            let samples = page.samples(sample)
            #expect(!samples.isEmpty, "\(sample) has no sample")
            for found in samples { #expect(Set(found.labels.keys) == labels, "\(sample)") }
        }

        /// A scrape at any moment adds up: histograms with themselves, outcomes with what was polled.
        @Test func scrapesUnderLoadAddUp() throws {
            let stage = try Stage()
            let pipeline = try stage.run()
            let port = try stage.port(of: pipeline)
            let sender = try stage.sendTraffic(orders: 300, seed: 9, rate: 1500)
            var pages = 0
            var last = 0.0
            while sender.isRunning {
                let page = try #require(WebPage.get(port, "/metrics"), pipeline.report)
                for count in page.samples("sluice_event_latency_seconds_count") {
                    let buckets = page.samples("sluice_event_latency_seconds_bucket").filter {
                        $0.labels["legal_entity"] == count.labels["legal_entity"]
                            && $0.labels["stage"] == count.labels["stage"]
                    }
                    #expect(buckets.last?.value == count.value && buckets.last?.labels["le"] == "+Inf")
                    #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.value <= $1.value })
                }
                let events = page.samples("sluice_events_total").reduce(0) { $0 + $1.value }
                let polled = page.samples("sluice_ingest_records_total").reduce(0) { $0 + $1.value }
                #expect(events >= last && events <= polled, "a record has its outcome after it was polled")
                last = events
                pages += 1
            }
            #expect(pages > 5)
            let sent = try stage.sent(by: sender)
            try stage.waitUntilSettled(sent, pipeline)
            let page = try #require(WebPage.get(port, "/metrics"))
            #expect(page.samples("sluice_events_total").reduce(0) { $0 + $1.value } == Double(sent))
            // A row that goes is found by who compares what was ledgered.
            #expect(page.samples("sluice_books_imbalance_records").allSatisfy { $0.value == 0 })
        }
    }
}

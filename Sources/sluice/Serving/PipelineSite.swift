import Configuration
import Delivery
import Foundation
import HTTPServer
import Ingest
import Metrics
import OperatorAPI
import OrderEvents
import Partitioner
import Postgres
import Store
import Workers

// What the HTTP API answers from, as far as it is the pipeline's.
extension Pipeline {
    /// A site for who has one of `tokens`.
    func site(tokens: Tokens?) throws(CommandFailure) -> Site {
        let configuration = wiring.configuration
        var pools: [StorePool] = []
        for store in configuration.stores {
            pools.append(
                StorePool(name: store.name, settings: ReaderSession.settings(try Wiring.readerConnection(store))))
        }
        let indexes = Dictionary(uniqueKeysWithValues: configuration.stores.enumerated().map { ($1.name, $0) })
        let entities = Dictionary(uniqueKeysWithValues: configuration.entities.map { ($0.name, $0) })
        return Site(
            tokens: tokens, stores: pools,
            storeOfEntity: entities.compactMapValues { indexes[$0.store] }, live: live(),
            orderJSON: { view in
                guard let entity = entities[view.legalEntity] else { return Array("{}".utf8) }
                return Array(JSONText.render(OrderPage(view: view, entity: entity).json).utf8)
            },
            awaitedJSON: { names in Array(JSONText.render(["awaited": names.map(AwaitedPage.json)]).utf8) })
    }

    private func live() -> Live {
        Live(
            lanes: { [self] in lanesNow() }, entities: { [self] in entitiesNow() },
            partitions: { [self] in
                ingest.partitions.map {
                    Live.Partition(
                        topic: $0.topic, partition: Int($0.partition), status: $0.status, lagRecords: $0.lagRecords,
                        lagSeconds: $0.lagSeconds)
                }
            },
            faults: { [self] in health.faults() }, reasons: { [self] in health.reasons() },
            metrics: { [self] request in metricsPage(request) })
    }

    private func metricsPage(_ request: HTTPRequest) -> HTTPResponse {
        let page = registry.page(accept: request.header("accept"), legalEntity: request.parameter("legal_entity"))
        guard let page else { return Problem(404, "There is no such legal entity.").response }
        return .bytes(200, type: page.contentType, page.bytes)
    }

    private func lanesNow() -> [Live.Lane] {
        let now = Date().timeIntervalSince1970
        var filled: [Int: LaneSchedule.Depth] = [:]
        for queue in queues {
            for (lane, depth) in queue.depths().lanes { filled[lane] = depth }
        }
        return wiring.laneMap.lanes.enumerated().map { index, lane in
            let depth = filled[index]
            return Live.Lane(
                legalEntity: lane.legalEntity, warehouse: lane.warehouse, events: depth?.events ?? 0,
                bytes: depth?.bytes ?? 0,
                oldestSeconds: depth?.oldest.map { max(0, now - Double($0.microseconds) / 1_000_000) } ?? 0)
        }
    }

    private func entitiesNow() -> [Live.Entity] {
        var destinations: [String: Live.Destination] = [:]
        for status in deliveries.flatMap(\.statuses) {
            destinations[status.legalEntity] = Live.Destination(
                breaker: status.breaker, limit: status.limit, inFlight: status.inFlight, isOwner: status.isOwner)
        }
        return wiring.configuration.entities.map { entity in
            Live.Entity(
                legalEntity: entity.name, events: workersMetrics.handledEvents(of: entity.name),
                destination: destinations[entity.name])
        }
    }
}

extension Configuration {
    /// Everything that is kept elsewhere, as it is now, in a fixed sequence: to see whether any of it changed.
    func resolvedSecrets() throws(CommandFailure) -> [String] {
        var texts: [String] = []
        do {
            for store in stores {
                texts.append(try store.url.resolve())
                texts.append(try store.readerURL?.resolve() ?? "")
            }
            for option in kafka.options { texts.append(try option.value.resolve()) }
            for entity in entities { texts.append(try entity.odoo?.key.resolve() ?? "") }
        } catch {
            throw CommandFailure(code: .configuration, message: "\(error)")
        }
        return texts
    }
}

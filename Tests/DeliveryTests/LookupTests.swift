import Embedded
import Foundation
import Metrics
import Odoo
import Orders
import Postgres
import Store
import Testing

@testable import Delivery

/// Goal: validation's questions go through the destination's limits, and a destination that fails is told apart from
/// one that lacks something.
@Suite struct LookupTests {
    private func service(_ standIn: VisitedOdoo, url: String? = nil) throws -> DeliveryService {
        DeliveryService(
            store: "eu", connection: try ConnectionSettings("postgresql://127.0.0.1:1/none"),
            destinations: [Self.settings(url: url ?? standIn.standIn.url)],
            metrics: DeliveryMetrics(Registry(processMetrics: false)),
            log: Log(minimumLevel: .error))
    }

    private static func settings(url: String, concurrency: Int = 4) -> DestinationSettings {
        DestinationSettings(
            legalEntity: "ACME", url: url, database: "standin", company: "ACME DE GmbH", key: "KEY",
            requestsPerSecond: 1000, maximumConcurrency: concurrency, createAt: .validated, validates: true,
            warehouses: [:])
    }

    @Test func everyCodeHasItsAnswer() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let codes = [
            MasterCode(.product, "SKU-1"), MasterCode(.product, "NOPE"), MasterCode(.customer, "NOBODY"),
            MasterCode(.tax, "19% S"), MasterCode(.carrier, "DHL"),
        ]
        guard case .answered(let answers) = try await service(server).look(up: codes, legalEntity: "ACME") else {
            Issue.record("no answer")
            return
        }
        #expect(Set(answers.keys) == Set(codes))
        #expect(answers[codes[0]]?.answer == .found && answers[codes[0]]?.odooID != nil)
        for code in codes.dropFirst() { #expect(answers[code] == LookedUp(.absent), "\(code)") }
        #expect(server.standIn.calls()["product.product/search_read"] == 1)
    }

    @Test func aDestinationThatFailsIsNoAnswer() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let codes = [MasterCode(.product, "SKU-1")]
        let service = try service(server)
        try server.standIn.instruct(#"{"faults":[{"kind":"drop","method":"product.product/search_read","next":2}]}"#)
        guard case .failed(let reason) = await service.look(up: codes, legalEntity: "ACME") else {
            Issue.record("an answer")
            return
        }
        #expect(reason.contains("product.product/search_read"))
        guard case .answered = await service.look(up: codes, legalEntity: "ACME") else {
            Issue.record("the place was not given back")
            return
        }
        guard case .failed = await service.look(up: codes, legalEntity: "NOBODY") else {
            Issue.record("an answer of no destination")
            return
        }
    }
}

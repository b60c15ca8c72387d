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
    private func service(
        _ standIn: VisitedOdoo, _ destinations: [DestinationSettings]? = nil
    ) throws -> DeliveryService {
        DeliveryService(
            store: "eu", connection: try ConnectionSettings("postgresql://127.0.0.1:1/none"),
            destinations: destinations ?? [Self.settings(url: standIn.standIn.url)],
            metrics: DeliveryMetrics(Registry(processMetrics: false)),
            log: Log(minimumLevel: .error))
    }

    private static func settings(
        url: String, legalEntity: String = "ACME", database: String = "standin", company: String = "ACME DE GmbH",
        key: String = "KEY"
    ) -> DestinationSettings {
        DestinationSettings(
            legalEntity: legalEntity, url: url, database: database, company: company, key: key, requestsPerSecond: 1000,
            maximumConcurrency: 4, createAt: .validated, validates: true, warehouses: [:])
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

    /// Goal: of those that share an Odoo, whoever it takes nothing from is asked about by single probes, and the others
    /// notice nothing.
    @Test func whoIsDeniedIsAloneInThat() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let url = server.standIn.url
        let codes = [MasterCode(.product, "SKU-1")]
        let service = try service(
            server,
            [
                Self.settings(url: url, legalEntity: "KEY", key: "OLD"),
                Self.settings(url: url, legalEntity: "DATABASE", database: "elsewhere"),
                Self.settings(url: url, legalEntity: "COMPANY", company: "Nobody"),
                Self.settings(url: url),
            ])
        for denied in ["KEY", "DATABASE", "COMPANY"] {
            var reasons: [String] = []
            for _ in 0..<8 {
                if case .failed(let reason) = await service.look(up: codes, legalEntity: denied) {
                    reasons.append(reason)
                }
            }
            // More than one only where the machine stood still for the second that the first keeps others away.
            #expect((1..<8).contains(reasons.count), "\(denied): \(reasons)")
            guard case .answered = await service.look(up: codes, legalEntity: "ACME") else {
                Issue.record("ACME has no answer beside \(denied)")
                return
            }
        }
        #expect(service.statuses.map { $0.breaker == "closed" } == [false, false, false, true])
    }

    @Test func whoIsDeniedNoLongerGoesOn() async throws {
        let server = try VisitedOdoo()
        defer { server.remove() }
        let codes = [MasterCode(.product, "SKU-1")]
        let service = try service(server)
        try server.standIn.instruct(
            #"""
            {"faults":[{"kind":"fail","status":401,"name":"werkzeug.exceptions.Unauthorized","next":1,
                "method":"product.product/search_read"}]}
            """#)
        guard case .failed = await service.look(up: codes, legalEntity: "ACME") else {
            Issue.record("an answer")
            return
        }
        #expect(service.statuses.map(\.breaker) == ["open"])
        let end = ContinuousClock.now + .seconds(120)
        var isAnswered = false
        while !isAnswered, ContinuousClock.now < end {
            if case .answered = await service.look(up: codes, legalEntity: "ACME") { isAnswered = true }
        }
        #expect(isAnswered)
        #expect(service.statuses.map(\.breaker) == ["closed"])
    }
}

import Embedded
import Foundation
import Testing

@testable import Odoo

/// Goal: both protocols mean the same: what one does and refuses, the other does and refuses.
///
/// Against the stand-in over HTTP, as 18 and as 19.
@Suite struct JSONRPCTests {
    @Test(arguments: [18, 19]) func anOrderLivesByEitherProtocol(release: Int) async throws {
        let odoo = try TestOdoo(release: release)
        defer { odoo.remove() }
        let orders = OdooOrders(api: odoo.rpc(), company: "ACME DE GmbH")
        let id = try await orders.create(odoo.draft("R/1"))
        #expect(try await orders.create(odoo.draft("R/1")) == id)
        #expect(try await orders.find(legalEntity: "ACME-DE", orderRef: "R/1") == id)
        #expect(try await orders.find(legalEntity: "ACME-DE", orderRef: "R/2") == nil)
        try await orders.confirm(id)
        try await orders.confirm(id, known: .draft)
        try await orders.note(id, lines: ["mark:1"])
        #expect(try await orders.notes(id, containing: "mark:").count == 1)
        #expect(try odoo.state("R/1") == "sale")
        try await orders.cancel(id)
        #expect(try odoo.state("R/1") == "cancel")
        #expect(try odoo.all().count == 1)
    }

    @Test func theProtocolFollowsFromTheVersion() async throws {
        for release in [18, 19] {
            let odoo = try TestOdoo(release: release)
            defer { odoo.remove() }
            let api = DetectedAPI(json2: odoo.api(), jsonRPC: odoo.rpc())
            #expect(try await api.version().hasPrefix("\(release).0"))
            let id = try await OdooOrders(api: api, company: "ACME DE GmbH").create(odoo.draft("V"))
            #expect(try odoo.all().first?["id"] as? Int == id)
            // 18 has no /json/2; it redirects to a login page, which is not followed.
            if release == 18 {
                #expect(await Self.failure { _ = try await odoo.api().call(Self.companies) }?.kind == .configuration)
            }
        }
    }

    @Test func releasesAreReadFromVersions() {
        #expect(DetectedAPI.major("18.0-20250702") == 18)
        #expect(DetectedAPI.major("19.0+e-20251227") == 19)
        #expect(DetectedAPI.major("saas~18.3+e") == 18)
        #expect(DetectedAPI.major("master") == nil && DetectedAPI.major("") == nil)
    }

    @Test func failuresInsideOf200AreToldApart() async throws {
        let odoo = try TestOdoo(release: 18)
        defer { odoo.remove() }
        #expect(await Self.failure { _ = try await odoo.rpc(key: "WRONG").call(Self.companies) }?.kind == .credentials)
        #expect(
            await Self.failure { _ = try await odoo.rpc(database: "other").call(Self.companies) }?.kind
                == .configuration)
        let api = odoo.rpc()
        let gone = OdooCall("sale.order", "action_confirm", ids: [999])
        #expect(await Self.failure { _ = try await api.call(gone) }?.kind == .missing)
        let none = OdooCall("no.such", "read", ids: [1])
        #expect(await Self.failure { _ = try await api.call(none) }?.kind == .refused)
        let nothing = OdooCall("sale.order", "action_confirm", ids: [])
        #expect(await Self.failure { _ = try await api.call(nothing) }?.name == "sluice.EmptyIds")
        try odoo.standIn.instruct(#"{"faults":[{"kind":"fail","next":1},{"kind":"lose_answer","next":1}]}"#)
        #expect(await Self.failure { _ = try await api.call(Self.companies) }?.kind == .retry)
        #expect(await Self.failure { _ = try await api.call(Self.companies) }?.kind == .unknown)
    }

    @Test func namesOfExceptionsMeanTheSameInBothProtocols() {
        for row in FailureTableTests.rows {
            guard let name = row.name, row.status != 409, row.status != 429, row.status != 503 else { continue }
            let failure = OdooFailure.of(
                rpcError: ["code": 200, "data": ["name": .text(name), "message": "Erika"]], operation: "x/y")
            #expect(failure.kind == row.kind, "\(name)")
            #expect(!"\(failure)".contains("Erika"))
        }
        let absent = OdooFailure.of(
            rpcError: [
                "data": [
                    "name": "psycopg2.OperationalError",
                    "message": "connection to server failed: FATAL:  database \"x\" does not exist\n",
                ]
            ], operation: "x/y")
        #expect(absent.kind == .configuration)
    }

    private static let companies = OdooCall(
        "res.company", "search_read", arguments: ["domain": [], "fields": ["name"]])

    private static func failure(_ body: () async throws -> Void) async -> OdooFailure? {
        do {
            try await body()
            return nil
        } catch {
            return error as? OdooFailure
        }
    }
}

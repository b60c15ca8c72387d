import Embedded
import Odoo
import Testing

/// Goal: what the company has is told from what it has not, with few calls, whatever other companies have.
@Suite struct MasterDataTests {
    @Test(arguments: [
        (OdooOrders.Master.product, ["SKU-1", "SKU-NOPE", "TWIN", "FR-ONLY"], ["SKU-1": 1, "TWIN": 2]),
        (.customer, ["C-1", "C-FR", "NOBODY"], ["C-1": 1]),
        (.tax, ["19% S", "20% S", "19%"], ["19% S": 1]),
        (.carrier, ["DHL", "dhl", "Pigeon"], ["DHL": 1]),
    ]) func onlyWhatTheCompanyMayUseIsThere(master: OdooOrders.Master, codes: [String], there: [String: Int])
        async throws
    {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let found = try await odoo.orders().records(of: master, codes: codes)
        #expect(found.mapValues(\.count).filter { $0.value > 0 } == there)
        #expect(Set(found.keys) == Set(codes))
    }

    @Test func theCompanysOwnRecordComesBeforeASharedOne() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        #expect(try await odoo.orders().records(of: .customer, codes: ["C-2"])["C-2"]?.count == 1)
    }

    @Test func manyCodesAreFewCalls() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let codes = (0..<250).map { "SKU-\($0)" }
        let found = try await odoo.orders().records(of: .product, codes: codes)
        #expect(found.count == 250 && found.values.count { $0.count == 1 } == 2)
        #expect(odoo.standIn.calls()["product.product/search_read"] == 3)
    }

    @Test func aCodeOfManyRecordsHidesNoOther() async throws {
        let odoo = try TestOdoo(twins: 60)
        defer { odoo.remove() }
        let found = try await odoo.orders().records(of: .product, codes: ["TWIN", "SKU-2", "ZZ"])
        #expect(found["SKU-2"]?.count == 1 && found["ZZ"]?.isEmpty == true && (found["TWIN"]?.count ?? 0) > 1)
    }

    @Test func whatIsInjectedAsAbsentAppearsAgain() async throws {
        let odoo = try TestOdoo()
        defer { odoo.remove() }
        let orders = odoo.orders()
        try odoo.standIn.instruct(#"{"absent":{"product.product":["SKU-1"],"account.tax":["19% S"]}}"#)
        #expect(try await orders.records(of: .product, codes: ["SKU-1", "SKU-2"])["SKU-1"]?.isEmpty == true)
        #expect(try await orders.records(of: .tax, codes: ["19% S"])["19% S"]?.isEmpty == true)
        try odoo.standIn.instruct("{}")
        #expect(try await orders.records(of: .product, codes: ["SKU-1"])["SKU-1"]?.count == 1)
    }
}

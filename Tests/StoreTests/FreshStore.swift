import OrderEvents
import Orders
import Postgres
import Store
import TestSupport

/// A connection to a migrated database without rows.
func freshStore() throws -> Connection {
    var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
    settings.searchPath = "sluice"
    var connection = try Connection(settings)
    _ = try Migrations.apply(to: &connection)
    return connection
}

/// The document of an order at `state`.
func documentText(of state: CanonicalState) -> String {
    var order = Order()
    order.path = state
    var bytes: [UInt8] = []
    order.writeDocument(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
}

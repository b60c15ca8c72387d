internal import Dispatch
internal import Foundation
internal import HTTPServer
internal import Synchronization

/// An Odoo 19, or 18, for demo, development and tests: `/json/2` and `/jsonrpc` as they were recorded of real ones,
/// with the same refusals.
///
/// Keeps its truth on disk and replays it at start, so that neither its own end nor anybody's crash changes what is
/// true. Listens on 127.0.0.1. Besides Odoo's paths it has its own, without authentication: `POST /stand-in/faults`
/// (how to misbehave), `GET /stand-in/orders`, `/stand-in/partners`, `/stand-in/calls` (what is true) and
/// `/stand-in/traces` (the header `traceparent` of the newest calls that had one).
///
/// Orders have deliveries and invoices: reserving as far as the stock goes, backorders, the questions that Odoo asks
/// instead of acting. Two calls that move stock of one warehouse hinder each other where latency is the recorded one.
/// What it leaves out: what taxes come to, payments, rights within a company, and every model that is not named in
/// `StandInMethods`.
public final class OdooStandIn: Sendable {
    /// How many calls may wait for a worker: what comes beyond is not accepted, as with real Odoo's listen queue.
    public static let connectionBound = 512
    /// Largest request body: 16 MiB.
    public static let largestBodyBytes = 16 << 20

    private let desk: StandInDesk
    private let server: HTTPServer

    /// Opens the journal in the settings' folder and binds the port; `start` begins to answer.
    public init(_ settings: OdooStandInSettings) throws(OdooStandInError) {
        let desk = try StandInDesk(settings)
        var limits = HTTPLimits()
        limits.bodyBytes = Self.largestBodyBytes
        limits.connections = Self.connectionBound
        limits.bodyTime = .seconds(60)
        do {
            server = try HTTPServer(host: "127.0.0.1", port: settings.port, limits: limits) { desk.answer($0) }
        } catch {
            throw OdooStandInError("\(error)")
        }
        self.desk = desk
    }

    /// The port that it listens on.
    public var port: Int { server.port }
    /// The address for `odoo.url`.
    public var url: String { "http://127.0.0.1:\(server.port)" }

    /// Begins to answer.
    public func start() { server.start() }

    /// Stops answering, after the calls that are being worked on.
    public func stop() { server.stop() }

    /// Replaces the faults, and changes latency and workers where `instructions` says so: the body of `POST
    /// /stand-in/faults`.
    ///
    /// Nothing changes when it cannot be read.
    ///
    /// `{"faults": [{"kind": "fail" | "lose_answer" | "late" | "drop" | "slow", "method": "sale.order/load", "share":
    /// 0.05, "next": 3, "status": 500, "name": "...", "milliseconds": 200}], "absent": {"product.product": ["SKU-1"]},
    /// "latency": {"milliseconds": 5} | {"recorded_divided_by": 20}, "workers": 2}`. What is absent is not found by
    /// searches; orders that have it keep it. Calls that are slow end as soon as other faults are told.
    public func instruct(_ instructions: String) throws(OdooStandInError) {
        try desk.instruct(Array(instructions.utf8))
    }

    /// All sales orders as JSON: the body of `GET /stand-in/orders`.
    public func ordersJSON() -> String { desk.orders().json }

    /// The longest time that a call was worked on, waiting for a worker not counted.
    public func longestCallSeconds() -> Double { desk.longestCallSeconds() }

    /// How many calls were made, by `model/method`.
    public func calls() -> [String: Int] { desk.calls() }

    /// The newest requests with a header `traceparent`, at most 1,000, the oldest of them first.
    public func traced() -> [(path: String, traceparent: String)] { desk.traced() }
}

import Embedded
import Foundation
import OrderEvents
import Synchronization
import Testing

@testable import Odoo

/// Goal: a call says which trace it belongs to, each with a span of its own, and nothing where no trace is known.
///
/// Against the stand-in over HTTP, by either protocol.
@Suite struct TraceHeaderTests {
    private static let trace = TraceContext(
        high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736, parent: 7, flags: 1)

    @Test(arguments: [18, 19]) func callsOfAVisitNameItsTrace(release: Int) async throws {
        let odoo = try TestOdoo(release: release)
        defer { odoo.remove() }
        let spans = Atomic<UInt64>(0)
        let span: @Sendable () -> UInt64 = { spans.add(1, ordering: .relaxed).newValue }
        let exchange = HTTPExchange()
        let url = odoo.standIn.url
        let api: any OdooAPI =
            release < 19
            ? JSONRPCAPI(url: url, database: "standin", login: "api", key: "KEY", exchange: exchange, span: span)
            : JSON2API(url: url, database: "standin", key: "KEY", exchange: exchange, span: span)
        let orders = OdooOrders(api: api, company: "ACME DE GmbH")
        _ = try await orders.create(odoo.draft("NONE"))
        #expect(odoo.standIn.traced().isEmpty && spans.load(ordering: .relaxed) == 0)
        try await Errand.$current.withValue(Errand(.urgent, trace: Self.trace)) {
            let id = try await orders.create(odoo.draft("T/1"))
            try await orders.confirm(id)
        }
        let traced = odoo.standIn.traced()
        #expect(traced.count >= 2 && traced.allSatisfy { $0.path.hasPrefix(release < 19 ? "/jsonrpc" : "/json/2/") })
        let expected = (1...traced.count).map { Self.trace.child(span: UInt64($0)).traceparent }
        #expect(traced.map(\.traceparent).sorted() == expected.sorted())
        #expect(expected[0] == "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000001-01")
    }

    @Test func spansAreRandomAndNeverNone() {
        let spans = (0..<1000).map { _ in Errand.randomSpan() }
        #expect(Set(spans).count == spans.count && !spans.contains(0))
    }

    /// What one call does for several orders can have one parent only.
    @Test func aBatchBelongsToATraceThatOneOfItsOrdersNames() async {
        let made = Mutex<[(inputs: [Int], errand: Errand?)]>([])
        let desk = BatchDesk<Int, Int>(size: 10, parallel: 1, linger: .milliseconds(20)) { _, inputs in
            made.withLock { $0.append((inputs, Errand.current)) }
            return inputs.map { .success($0) }
        }
        let errands = [Errand(.usual), Errand(.usual, trace: Self.trace), Errand(.urgent)]
        await withTaskGroup(of: Void.self) { group in
            for (input, errand) in errands.enumerated() {
                group.addTask { _ = await Errand.$current.withValue(errand) { try? await desk.ask(input) } }
            }
        }
        // However the three were gathered.
        for call in made.withLock({ $0 }) {
            #expect(call.errand?.trace == (call.inputs.contains(1) ? Self.trace : nil))
            #expect(call.errand?.urgency == (call.inputs.contains(2) ? .urgent : .usual))
        }
        #expect(made.withLock { $0.flatMap(\.inputs).sorted() } == [0, 1, 2])
    }
}

import OrderEvents
import Synchronization
import Testing

@testable import Delivery
@testable import Embedded
@testable import Odoo

/// Goal: from every state and every set of facts that Odoo may have been brought to, the plan for every other one is
/// legal: Odoo refuses none of its calls, it comes to an end, and then there is nothing left to do.
///
/// Method: all pairs, on the stand-in's own rules and books, without a server between. What is known is compared with
/// what a first delivery of the same truth makes.
@Suite struct WholePlanTests {
    /// What was told of an order's goods and money.
    struct Told: Hashable, Sendable {
        enum Goods: Int, CaseIterable, Sendable { case none, part, all, untold }

        var goods: Goods
        var isInvoiced: Bool

        static let every: [Told] = Goods.allCases.flatMap { goods in
            [false, true].map { Told(goods: goods, isInvoiced: $0) }
        }

        /// Whether what this one tells is part of what `other` does: facts are never taken back.
        func leads(to other: Told) -> Bool {
            let isMore =
                goods == other.goods || goods == .none || (goods == .part && other.goods == .all)
            return isMore && (!isInvoiced || other.isInvoiced)
        }
    }

    /// A state, and what lies under it: the path until there.
    struct Standing: Hashable, Sendable, CustomTestStringConvertible {
        var state: CanonicalState
        var path: CanonicalState

        var testDescription: String { state == path ? state.name : "\(state.name) after \(path.name)" }

        static let path: [CanonicalState] = [
            .received, .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed,
        ]
        static let every: [Standing] =
            path.map { Standing(state: $0, path: $0) } + path.prefix(4).map { Standing(state: .onHold, path: $0) }
            + path.prefix(3).map { Standing(state: .cancelled, path: $0) }

        var reached: [CanonicalState] {
            let path = Self.path.prefix { $0.rawValue <= self.path.rawValue }
            return state == self.path ? Array(path) : path + [state]
        }
    }

    private static func order(_ standing: Standing, _ told: Told, version: Int64) -> DeliveryOrder {
        var order = PlanTests.order(standing.state, standing.reached)
        order.version = version
        order.lines = [.init(line: "1", sku: "SKU-1", quantity: "3", unitPrice: "2")]
        if standing.state == .onHold { order.holds = ["credit"] }
        func shipment(_ ref: String, _ amounts: [Int]) -> DeliveryOrder.Shipment {
            .init(
                ref: ref, carrier: "DHL", tracking: "T-\(ref)",
                amounts: amounts.map { .init(sku: "SKU-1", quantity: $0 * 1_000_000) })
        }
        switch told.goods {
        case .none: break
        case .part: order.facts.shipments = [shipment("S-1", [1])]
        case .all: order.facts.shipments = [shipment("S-1", [1]), shipment("S-2", [2])]
        case .untold: order.facts.shipments = [shipment("S-9", [])]
        }
        if told.isInvoiced { order.facts.invoices = ["INV-1"] }
        order.facts.payments = [
            .init(
                ref: "P-1", status: told.isInvoiced ? "captured" : "authorized", amount: "6.00",
                at: Timestamp(microseconds: 5))
        ]
        return order
    }

    private struct Delivered: Sendable {
        var books: StandInBooks
        var state: DeliveredState
    }

    private static func visit(_ order: DeliveryOrder, _ before: Delivered) async -> (DeliveryResult, BooksOdoo) {
        let api = BooksOdoo(before.books)
        let odoo = OdooOrders(api: api, company: BooksOdoo.company, linger: .zero)
        let result = await OrderDelivery(createAt: .received)
            .deliver(order, before.state, via: odoo, now: Timestamp(microseconds: 0))
        return (result, api)
    }

    /// What of an order a person would look at, however many documents it took.
    private static func summary(_ books: StandInBooks) -> [String] {
        books.orders.values.map { order in
            let moves = books.pickings(of: order.id).flatMap { books.moves(of: $0.id) }
            let left = moves.filter { $0.end == "done" }.reduce(0) { $0 + $1.quantity }
            let open = moves.filter { $0.end == nil }.reduce(0) { $0 + $1.demand }
            let invoiced = books.invoices(of: order.id).flatMap(\.lines).reduce(0) { $0 + $1.quantity }
            let drafts = books.invoices(of: order.id).count { !$0.posted }
            let tags = order.tags.map { books.tags[$0] ?? "" }.sorted().joined(separator: ", ")
            return "\(order.state)\(order.locked ? " locked" : "") left \(left) open \(open) invoiced \(invoiced) "
                + "drafts \(drafts) tags \(tags)"
        }
    }

    @Test(arguments: Standing.every) func fromEveryStandingEveryOtherOneIsReachedLegally(from: Standing) async throws {
        var pairs = 0
        var fresh: [Standing: [Told: [String]]] = [:]
        for to in Standing.every {
            for after in Told.every {
                let (_, made) = await Self.visit(
                    Self.order(to, after, version: 2),
                    Delivered(books: try BooksOdoo.books(), state: DeliveredState()))
                fresh[to, default: [:]][after] = Self.summary(made.books)
            }
        }
        for before in Told.every {
            let (first, made) = await Self.visit(
                Self.order(from, before, version: 1), Delivered(books: try BooksOdoo.books(), state: DeliveredState()))
            #expect(first.end == .done && made.refusals.isEmpty, "\(from) \(before): \(made.refusals)")
            let known = Delivered(books: made.books, state: first.delivered)
            for to in Standing.every {
                for after in Told.every where before.leads(to: after) {
                    pairs += 1
                    try await check(from, before, known, to, after, fresh[to]?[after])
                }
            }
        }
        #expect(pairs == 14 * 24)
    }

    private func check(
        _ from: Standing, _ before: Told, _ known: Delivered, _ to: Standing, _ after: Told, _ fresh: [String]?
    ) async throws {
        let pair = Comment(rawValue: "from \(from) \(before) to \(to) \(after)")
        let order = Self.order(to, after, version: 2)
        let (result, api) = await Self.visit(order, known)
        #expect(api.refusals.isEmpty, "\(pair): \(api.refusals)")
        guard result.end == .done else {
            // Odoo has what contradicts it: goods that left before it was cancelled, or a cancellation that is no more.
            let isExpected =
                to.state == .cancelled
                ? Self.summary(known.books).contains { !$0.contains("left 0") || !$0.contains("invoiced 0") }
                : from.state == .cancelled && known.state.odooID != nil
            #expect(
                isExpected && result.end == .refused && result.exceptions.map(\.code) == [.stateMismatch],
                "\(pair): \(result.end) \(result.exceptions)")
            return
        }
        let (again, still) = await Self.visit(order, Delivered(books: api.books, state: result.delivered))
        #expect(again.end == .done && still.writes == 0, "\(pair): \(still.writes) writes more")
        guard isAhead(from, before, to, after) else { return }
        #expect(Self.summary(api.books) == fresh, pair)
    }

    /// Whether the second truth only adds to the first in a way that a first delivery of it would have made the same
    /// documents.
    ///
    /// Not where all was taken to have left before anybody said what, nor where some was invoiced before the rest left,
    /// nor under a hold, which confirms nothing and takes no confirmation back.
    private func isAhead(_ from: Standing, _ before: Told, _ to: Standing, _ after: Told) -> Bool {
        if from.state == .cancelled || to.state == .cancelled { return false }
        guard from.path.rawValue <= to.path.rawValue else { return false }
        if to.state == .onHold, from.path.rawValue >= CanonicalState.allocated.rawValue { return false }
        let leftUntold = from.path.rawValue >= CanonicalState.shipped.rawValue
        return before == after
            ? from.path == to.path || !leftUntold && !before.isInvoiced
            : !leftUntold && !before.isInvoiced
    }
}

/// The stand-in's books and rules without its server: each call is one transaction.
final class BooksOdoo: OdooAPI {
    static let company = "ACME DE GmbH"

    private struct State {
        var books: StandInBooks
        var writes = 0
        var refusals: [String] = []
    }

    private let state: Mutex<State>

    init(_ books: StandInBooks) { state = Mutex(State(books: books)) }

    static func books() throws -> StandInBooks {
        try StandInBooks(
            OdooStandInSettings(
                folder: "", companies: [company], warehouses: [.init(code: "BER1", name: "Berlin", company: company)],
                products: [.init(code: "SKU-1", name: "One")], partners: [.init(code: "C-1", name: "A. Customer")],
                users: [.init(key: "KEY")]))
    }

    var books: StandInBooks { state.withLock { $0.books } }
    /// Calls that changed something.
    var writes: Int { state.withLock { $0.writes } }
    /// Calls that the rules refused.
    var refusals: [String] { state.withLock { $0.refusals } }

    func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        var members = call.arguments
        if let ids = call.ids { members["ids"] = .list(ids.map(OdooValue.integer)) }
        if !call.context.isEmpty { members["context"] = .object(call.context) }
        guard let json = OdooValue.object(members).json, let body = StandInValue.parse(json) else {
            throw OdooFailure(.clientFault, name: "test.unreadable", reason: "test", operation: call.operation)
        }
        let (answer, exception) = state.withLock { state -> (StandInValue?, StandInException?) in
            do throws(StandInException) {
                let (value, facts) = try StandInMethods.run(
                    call.model, call.method,
                    StandInCall(body: body, companies: [1], now: "2026-11-26 12:00:00", release: 19), &state.books)
                if !facts.isEmpty {
                    state.writes += 1
                    state.books.apply(.all(facts))
                }
                return (value, nil)
            } catch {
                state.refusals.append("\(call.operation): \(error.name)")
                return (nil, error)
            }
        }
        if let exception {
            throw OdooFailure.of(exception: exception.name, status: exception.status, operation: call.operation)
        }
        guard let answer, let value = OdooValue.parse(Array(answer.json.utf8)) else {
            throw OdooFailure(.unknown, name: "test.unreadable", reason: "test", operation: call.operation)
        }
        return value
    }

    func version() async throws(OdooFailure) -> String { "19.0" }
}

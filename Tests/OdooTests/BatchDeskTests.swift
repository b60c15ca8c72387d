import Synchronization
import Testing

@testable import Odoo

/// Goal: what has to go soon does not wait behind others, and what nobody wants any more does not go.
///
/// Method: a desk whose calls are held until the test lets them go.
@Suite struct BatchDeskTests {
    /// Calls that were made, each held until `letGo`.
    private final class Calls: Sendable {
        private struct State {
            var made: [[Int]] = []
            var held: [CheckedContinuation<Void, Never>] = []
            var watching: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
            var isOpen = false
        }

        private let state = Mutex(State())

        var made: [[Int]] { state.withLock { $0.made } }

        func make(_ inputs: [Int]) async {
            await withCheckedContinuation { continuation in
                let (isOpen, ready) = state.withLock { state in
                    state.made.append(inputs)
                    if !state.isOpen { state.held.append(continuation) }
                    let ready = state.watching.filter { $0.count <= state.made.count }
                    state.watching.removeAll { $0.count <= state.made.count }
                    return (state.isOpen, ready)
                }
                for one in ready { one.continuation.resume() }
                if isOpen { continuation.resume() }
            }
        }

        /// Returns when so many calls were made.
        func wait(_ count: Int) async {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.made.count < count { state.watching.append((count, continuation)) }
                    return state.made.count >= count
                }
                if isReady { continuation.resume() }
            }
        }

        func letGo() {
            let held = state.withLock { state in
                state.isOpen = true
                defer { state.held = [] }
                return state.held
            }
            for one in held { one.resume() }
        }
    }

    private func desk(_ calls: Calls, size: Int = 10) -> BatchDesk<Int, Int> {
        BatchDesk(size: size, parallel: 1, linger: .zero) { _, inputs in
            await calls.make(inputs)
            return inputs.map { .success($0) }
        }
    }

    private func ask(_ desk: BatchDesk<Int, Int>, _ input: Int, _ errand: Errand) -> Task<Int?, Never> {
        Task { await Errand.$current.withValue(errand) { try? await desk.ask(input) } }
    }

    @Test func whatIsCriticalGoesInACallOfItsOwn() async {
        let calls = Calls()
        let desk = desk(calls)
        let first = ask(desk, 1, Errand(.urgent))
        await calls.wait(1)
        // The lane's only call is under way.
        let second = ask(desk, 2, Errand(.urgent))
        let critical = ask(desk, 3, Errand(.critical))
        await calls.wait(2)
        #expect(calls.made == [[1], [3]])
        calls.letGo()
        #expect(await [first.value, second.value, critical.value] == [1, 2, 3])
        #expect(calls.made.last == [2])
    }

    @Test func whatNobodyWantsAnyMoreDoesNotGo() async {
        let calls = Calls()
        let desk = desk(calls)
        let first = ask(desk, 1, Errand(.urgent))
        await calls.wait(1)
        let unwanted = Errand(.urgent)
        let second = Task {
            await Errand.$current.withValue(unwanted) { () async -> OrderFailure? in
                do throws(OrderFailure) {
                    _ = try await desk.ask(2)
                    return nil
                } catch { return error }
            }
        }
        let third = ask(desk, 3, Errand(.urgent))
        unwanted.supersede()
        calls.letGo()
        #expect(await second.value == .superseded)
        #expect(await [first.value, third.value] == [1, 3])
        #expect(!calls.made.contains { $0.contains(2) })
    }
}

/// Goal: calls that conflicted are kept apart, others are not, and what is forgotten goes as before.
@Suite struct ConflictSpacingTests {
    private static let second: Int64 = 1_000_000_000

    @Test func rowsThatConflictedGoOneAtATimeAfterAPause() {
        var spacing = ConflictSpacing()
        #expect(spacing.ask(["stock A"], now: 0) == .go && spacing.ask(["stock A"], now: 0) == .go)
        spacing.ended(["stock A"], conflicted: true, now: 0, random: 1)
        #expect(spacing.ask(["stock B"], now: 0) == .go, "other rows are not hindered")
        #expect(spacing.ask(["stock A", "stock B"], now: 0) == .wait(until: ConflictSpacing.firstPause))
        #expect(spacing.ask(["stock A"], now: ConflictSpacing.firstPause) == .go)
        #expect(spacing.ask(["stock A"], now: Self.second) == .behind)
        spacing.ended(["stock A"], conflicted: true, now: Self.second, random: 1)
        #expect(
            spacing.ask(["stock A"], now: Self.second) == .wait(until: Self.second + 2 * ConflictSpacing.firstPause))
    }

    @Test func whatGoesWellHasShorterPausesAndIsForgottenAfterAWhile() {
        var spacing = ConflictSpacing()
        for _ in 0..<2 { spacing.ended(["a"], conflicted: true, now: 0, random: 1) }
        #expect(spacing.ask(["a"], now: Self.second) == .go)
        spacing.ended(["a"], conflicted: false, now: Self.second, random: 0)
        #expect(spacing.ask(["a"], now: Self.second) == .wait(until: Self.second + ConflictSpacing.firstPause))
        #expect(spacing.ask(["a"], now: 2 * Self.second) == .go)
        #expect(spacing.ask(["a"], now: 2 * Self.second) == .behind)
        spacing.ended(["a"], conflicted: false, now: 2 * Self.second, random: 0)
        #expect(spacing.ask(["a"], now: ConflictSpacing.memory + 1) == .go && spacing.count == 0)
        #expect(spacing.ask(["a"], now: ConflictSpacing.memory + 1) == .go)
    }

    @Test func pausesAndRowsAreBounded() {
        var spacing = ConflictSpacing()
        for _ in 0..<100 { spacing.ended(["a"], conflicted: true, now: 0, random: 1) }
        #expect(spacing.ask(["a"], now: 0) == .wait(until: ConflictSpacing.longestPause))
        for row in 1...(2 * ConflictSpacing.bound) {
            spacing.ended(["row \(row)"], conflicted: true, now: Int64(row), random: 1)
        }
        #expect(spacing.count == ConflictSpacing.bound)
        #expect(spacing.ask(["a"], now: 10_000) == .go && spacing.ask(["row 1024"], now: 10_000) != .go)
    }

    /// A server on which calls that overlap conflict.
    private final class Rows: Sendable {
        private let state = Mutex((underway: 0, conflicts: 0, calls: 0))
        var calls: Int { state.withLock { $0.calls } }
        var conflicts: Int { state.withLock { $0.conflicts } }

        func call() async -> Bool {
            let conflicts = state.withLock { state in
                state.underway += 1
                state.calls += 1
                if state.underway > 1 { state.conflicts += 1 }
                return state.underway > 1
            }
            await Task.yield()
            state.withLock { $0.underway -= 1 }
            return conflicts
        }
    }

    /// Goal: a server on which two calls for the same rows conflict sees no more of it once it was learned.
    @Test func afterAConflictCallsForItsRowsDoNotOverlap() async {
        let ticks = Mutex<Int64>(0)
        // However long a busy machine takes, less than the memory of a conflict goes by.
        let lanes = RowLanes {
            ticks.withLock {
                $0 += ConflictSpacing.firstPause; return $0
            }
        }
        let rows = Rows()
        let conflict = OdooFailure(.retry, name: "load.conflict", reason: "test", operation: "test")
        let learned = await lanes.run(["partner 7"]) { () -> [Result<Int, OrderFailure>] in
            [.failure(.call(conflict))]
        }
        #expect(learned == [.failure(.call(conflict))] && lanes.count == 1)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    _ = await lanes.run(["partner 7", "partner \(100 + number)"]) { () -> [Result<Int, OrderFailure>] in
                        await rows.call() ? [.failure(.call(conflict))] : [.success(1)]
                    }
                }
            }
        }
        #expect(rows.calls == 6 && rows.conflicts == 0)
        #expect(lanes.count == 1)
    }
}

/// Goal: a lost answer costs one call more, where repeating it changes nothing, and none elsewhere.
@Suite struct RepeatingAPITests {
    /// Loses the answer of the first call.
    private final class Losing: OdooAPI {
        private let made = Mutex<[OdooCall]>([])
        private let kind: OdooFailure.Kind
        init(_ kind: OdooFailure.Kind = .unknown) { self.kind = kind }
        var count: Int { made.withLock { $0.count } }
        func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
            let isFirst = made.withLock { made in
                made.append(call)
                return made.count == 1
            }
            if isFirst {
                throw OdooFailure(kind, name: "transport.unknown", reason: "test", operation: call.operation)
            }
            return true
        }
        func version() async throws(OdooFailure) -> String { "19.0" }
    }

    static let insertOrIgnore: [String: OdooValue] = ["mode": "update", "noupdate": true]
    static let calls: [(OdooCall, Bool)] = [
        (OdooCall("sale.order", "read", ids: [1]), true),
        (OdooCall("sale.order", "load", context: insertOrIgnore), true),
        (OdooCall("sale.order", "load"), false),
        (OdooCall("sale.order", "action_confirm", ids: [1]), false),
        (OdooCall("sale.order", "message_post", ids: [1]), false),
        (OdooCall("sale.advance.payment.inv", "create_invoices", ids: [1]), false),
        (OdooCall("account.move", "action_post", ids: [1]), false),
        (OdooCall("stock.picking", "write", ids: [1]), false),
        (OdooCall("stock.picking", "button_validate", ids: [1]), false),
        (OdooCall("stock.picking", "button_validate", ids: [1], context: ["skip_backorder": true]), true),
        (OdooCall("sale.order", "action_cancel", ids: [1]), false),
        (OdooCall("sale.order", "action_cancel", ids: [1], context: ["disable_cancel_warning": true]), true),
    ]

    @Test(arguments: calls) func whatMayBeRepeatedIs(call: OdooCall, isRepeated: Bool) async {
        let base = Losing()
        let answer = try? await RepeatingAPI(base) { true }.call(call)
        #expect(base.count == (isRepeated ? 2 : 1) && (answer == true) == isRepeated)
    }

    @Test func onlyLostAnswersAndOnlyWithinTheBudget() async {
        let call = OdooCall("sale.order", "read", ids: [1])
        let spent = Losing()
        _ = try? await RepeatingAPI(spent) { false }.call(call)
        let refused = Losing(.refused)
        _ = try? await RepeatingAPI(refused) { true }.call(call)
        let unsent = Losing(.reconnect)
        _ = try? await RepeatingAPI(unsent) { true }.call(call)
        #expect(spent.count == 1 && refused.count == 1 && unsent.count == 1)
    }
}

import OrderEvents
import Testing

@testable import Delivery

/// Goal: from every canonical state and everything that Odoo may have, the plan is the shortest legal sequence.
@Suite struct PlanTests {
    static func order(
        _ state: CanonicalState, _ reached: [CanonicalState] = [], lines: Int = 1, customer: String = "C-1",
        prices: [String?]? = nil
    ) -> DeliveryOrder {
        DeliveryOrder(
            legalEntity: "ACME-DE", orderRef: "R-1", version: 9, state: state,
            reached: reached.enumerated().map {
                DeliveryOrder.Reached($0.element, at: Timestamp(microseconds: Int64($0.offset + 1)))
            },
            lines: (0..<lines).map { index in
                .init(
                    line: "\(index + 1)", sku: "SKU-1", quantity: "1", unitPrice: prices == nil ? "2" : prices?[index])
            },
            customerRef: customer, customerName: "N", warehouse: "BER1")
    }

    private func words(_ steps: [DeliveryPlan.Step]) -> [String] {
        steps.map { step in
            if case .note(let remarks, let look) = step {
                return "note(" + remarks.map(\.key).joined(separator: ",") + ")" + (look ? "?" : "")
            }
            return step.words
        }
    }

    private static let path: [CanonicalState] = [
        .received, .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed,
    ]

    static let fresh: [(CanonicalState, Int, [String])] = [
        (.received, 1, []), (.validated, 2, ["create"]), (.allocated, 3, ["create", "confirm"]),
        (.partiallyFulfilled, 4, ["create", "confirm", "note(partially_fulfilled)"]),
        (.shipped, 5, ["create", "confirm", "ship the rest", "note(partially_fulfilled,shipped)"]),
        (
            .invoiced, 6,
            ["create", "confirm", "ship the rest", "invoice", "note(partially_fulfilled,shipped,invoiced)"]
        ),
        (
            .closed, 7,
            [
                "create", "confirm", "ship the rest", "invoice", "lock",
                "note(partially_fulfilled,shipped,invoiced,closed)",
            ]
        ),
    ]

    @Test(arguments: fresh) func anOrderThatOdooDoesNotHave(state: CanonicalState, reached: Int, steps: [String]) {
        #expect(
            words(DeliveryPlan.next(Self.order(state, Array(Self.path.prefix(reached))), DeliveredState())) == steps)
    }

    @Test(arguments: [(CreateAt.received, 1), (.validated, 2), (.allocated, 3)])
    func createAtDecidesWhenAnOrderIsCreated(createAt: CreateAt, from: Int) {
        for reached in 1...7 {
            let order = Self.order(Self.path[reached - 1], Array(Self.path.prefix(reached)))
            let steps = words(DeliveryPlan.next(order, DeliveredState(), createAt: createAt))
            #expect(steps.contains("create") == (reached >= from))
        }
    }

    @Test func onlyWhatIsMissingIsDone() {
        let order = Self.order(.shipped, [.received, .validated, .allocated, .partiallyFulfilled, .shipped])
        let confirmed = DeliveredState(odooID: 4, version: 3, confirmed: true, told: ["partially_fulfilled", "rest"])
        #expect(words(DeliveryPlan.next(order, confirmed)) == ["note(shipped)"])
        let draft = DeliveredState(odooID: 4, version: 2)
        #expect(
            words(DeliveryPlan.next(order, draft)) == ["confirm", "ship the rest", "note(partially_fulfilled,shipped)"])
        let uncertain = DeliveredState(odooID: 4, confirmed: true, uncertainSince: Timestamp(microseconds: 1))
        #expect(
            words(DeliveryPlan.next(order, uncertain)) == ["ship the rest", "note(partially_fulfilled,shipped)?"])
    }

    @Test func skippedStatesAreNotWaitedForAndNotTold() {
        #expect(
            words(DeliveryPlan.next(Self.order(.shipped, [.received, .shipped]), DeliveredState())) == [
                "create", "confirm", "ship the rest", "note(shipped)",
            ])
    }

    @Test func aHoldIsToldAndNothingIsConfirmedUnderIt() {
        let held = Self.order(.onHold, [.received, .validated, .allocated, .onHold])
        #expect(words(DeliveryPlan.next(held, DeliveredState())) == ["create", "hold", "note(on_hold)"])
        var marked = DeliveredState(odooID: 4, told: ["on_hold"])
        marked.held = true
        #expect(words(DeliveryPlan.next(held, marked)) == [])
        let early = Self.order(.onHold, [.received, .onHold])
        #expect(words(DeliveryPlan.next(early, DeliveredState())) == [])
    }

    @Test func aReleaseIsToldConfirmsAndTheNextHoldIsToldAgain() {
        let reached: [CanonicalState] = [.received, .validated, .allocated, .onHold]
        let released = Self.order(.allocated, reached)
        var held = DeliveredState(odooID: 4, told: ["on_hold"])
        held.held = true
        let steps = DeliveryPlan.next(released, held)
        #expect(words(steps) == ["release", "confirm", "note(release)"])
        let told = DeliveryPlan.told(held.told, adding: Self.remarks(steps))
        #expect(told == ["release"])
        let after = DeliveredState(odooID: 4, confirmed: true, told: told)
        #expect(words(DeliveryPlan.next(released, after)) == [])
        #expect(words(DeliveryPlan.next(Self.order(.onHold, reached), after)) == ["hold", "note(on_hold)"])
        // A hold that began and ended between two visits is one note.
        #expect(
            words(DeliveryPlan.next(released, DeliveredState(odooID: 4, confirmed: true))) == ["note(on_hold,release)"])
    }

    @Test func cancellationNeedsAnOrderToCancel() {
        let order = Self.order(.cancelled, [.received, .validated, .onHold, .cancelled])
        #expect(words(DeliveryPlan.next(order, DeliveredState())) == [])
        #expect(words(DeliveryPlan.next(order, DeliveredState(odooID: 4))) == ["cancel"])
        #expect(words(DeliveryPlan.next(order, DeliveredState(odooID: 4, confirmed: true, cancelled: true))) == [])
        let maybe = DeliveredState(uncertainSince: Timestamp(microseconds: 1))
        #expect(words(DeliveryPlan.next(order, maybe)) == ["look", "cancel"])
    }

    @Test func whatOdooCouldNotTakeIsRaisedBeforeAnythingIsSent() {
        let reached: [CanonicalState] = [.received, .validated]
        let steps = [
            Self.order(.validated, reached, lines: 0), Self.order(.validated, reached, customer: ""),
            Self.order(.validated, reached, lines: 2, prices: ["1", nil]),
        ].map { words(DeliveryPlan.next($0, DeliveredState())) }
        #expect(steps == [["raise invalid_order"], ["raise unknown_customer"], ["raise invalid_order"]])
        #expect(
            words(DeliveryPlan.next(Self.order(.validated, reached, lines: 2, prices: [nil, nil]), DeliveredState()))
                == ["create"])
        // Without lines an order that Odoo has goes on.
        #expect(
            words(DeliveryPlan.next(Self.order(.allocated, [.allocated], lines: 0), DeliveredState(odooID: 4))) == [
                "confirm"
            ])
    }

    /// Goal: after its steps were taken, wholly or up to any point, the plan leads to the same end and then is empty.
    @Test(arguments: UInt64(1)...200) func thePlanConvergesFromWhereverItStopped(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let states = CanonicalState.allCases
        let state = states.randomElement(using: &random) ?? .received
        let order = Self.order(state, states.filter { _ in Bool.random(using: &random) })
        let createAt = CreateAt.allCases.randomElement(using: &random) ?? .received
        var whole = DeliveredState()
        for step in DeliveryPlan.next(order, whole, createAt: createAt) { whole = Self.taken(step, order, whole) }
        #expect(DeliveryPlan.next(order, whole, createAt: createAt).isEmpty, "seed \(seed)")
        var stopping = DeliveredState()
        for _ in 0..<10 {
            let steps = DeliveryPlan.next(order, stopping, createAt: createAt)
            for step in steps.prefix(Int.random(in: 0...max(1, steps.count), using: &random)) {
                stopping = Self.taken(step, order, stopping)
            }
        }
        for step in DeliveryPlan.next(order, stopping, createAt: createAt) {
            stopping = Self.taken(step, order, stopping)
        }
        #expect(stopping == whole, "seed \(seed)")
    }

    static func taken(
        _ step: DeliveryPlan.Step, _ order: DeliveryOrder, _ before: DeliveredState
    ) -> DeliveredState {
        var delivered = DeliveryPlan.done(step, order, before)
        if step == .create { delivered.odooID = 1 }
        return delivered
    }

    private static func remarks(_ steps: [DeliveryPlan.Step]) -> [DeliveryPlan.Remark] {
        steps.flatMap { step in
            if case .note(let remarks, _) = step { return remarks }
            return []
        }
    }
}

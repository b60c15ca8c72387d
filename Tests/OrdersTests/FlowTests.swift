import OrderEvents
import Testing

@testable import Orders

/// Since when an order is in which flow, and what is overdue.
@Suite struct FlowTests {
    private static let everything: FlowTimes = {
        var times = FlowTimes()
        for flow in Flow.allCases { times[flow] = 100 }
        return times
    }()

    /// Flows of an order to which this was told, with their beginnings.
    private func flows(_ told: Told...) -> [String] {
        let times = Desk(told).order.flowTimes
        return Flow.allCases.compactMap { flow in times[flow].map { "\(flow.name) \($0 - Told.epoch)" } }
    }

    /// Codes that the order deserves at `now`.
    private func overdue(
        _ told: [Told], at now: Int64, promised: FlowTimes = everything, odoo: ShownInOdoo = ShownInOdoo()
    ) -> [String] {
        Desk(told).order.overdue(at: Told.epoch + now, promised: promised, odoo: odoo).map(\.code.rawValue)
    }

    @Test func whoeverGoesOnAlongThePathLeavesOneFlow() {
        let path: [CanonicalState] = [
            .received, .validated, .allocated, .partiallyFulfilled, .shipped, .invoiced, .closed,
        ]
        for from in CanonicalState.allCases {
            for to in CanonicalState.allCases {
                let left = Flow.left(from: from, to: to)
                guard let before = path.firstIndex(of: from), let after = path.firstIndex(of: to), before < after else {
                    #expect(left == nil, "\(from) \(to)")
                    continue
                }
                let flow: Flow? =
                    switch from {
                    case .received: .validation
                    case .validated: .allocation
                    case .allocated, .partiallyFulfilled: to == .partiallyFulfilled ? nil : .dispatch
                    case .shipped: .invoice
                    case .invoiced, .closed, .onHold, .cancelled: nil
                    }
                #expect(left?.flow == flow, "\(from) \(to)")
                #expect(left.map { path.firstIndex(of: $0.began) ?? 9 } ?? 0 <= before, "it began before it ended")
            }
        }
    }

    @Test func thePathTakesAnOrderFromFlowToFlow() {
        #expect(flows() == [])
        let received = Told(.received, 10)
        #expect(flows(received) == ["validation 10", "acceptance 10"])
        let validated = Told(.validated, 20)
        #expect(flows(received, validated) == ["acceptance 10", "allocation 20"])
        let allocated = Told(.allocated, 30)
        #expect(flows(received, validated, allocated) == ["acceptance 10", "dispatch 30"])
        let partly = Told(.partiallyFulfilled, 40)
        #expect(flows(received, validated, allocated, partly) == ["acceptance 10", "dispatch 30", "delivery 40"])
        let shipped = Told(.shipped, 50)
        #expect(flows(received, shipped) == ["acceptance 10", "delivery 50", "invoice 50"])
        let invoiced = Told(.invoiced, 60)
        #expect(flows(received, shipped, invoiced) == ["acceptance 10", "delivery 50", "payment 60"])
        #expect(flows(received, shipped, invoiced, Told(.closed, 70)) == ["delivery 50", "payment 60"])
        #expect(flows(received, Told(.cancelled, 70)) == ["cancellation 70"])
    }

    @Test func anyOrderOfArrivalGivesTheSame() {
        let told = [Told(.received, 10), Told(.allocated, 30), Told(.shipped, 50), Told(.invoiced, 60)]
        let expected = Desk(told).order.flowTimes
        for first in told.indices {
            for second in told.indices where second != first {
                var rest = told
                rest.swapAt(first, second)
                #expect(Desk(rest).order.flowTimes == expected)
            }
        }
    }

    @Test func aHoldStopsWhatItKeepsAnOrderFrom() {
        let hold = Told(.onHold, 15).with { $0.reason = "credit" }
        #expect(flows(Told(.received, 10), hold) == ["acceptance 10"])
        #expect(flows(Told(.received, 10), Told(.allocated, 12), hold) == ["acceptance 10"])
        let release = Told(.release, 20).with { $0.reason = "credit" }
        #expect(flows(Told(.received, 10), hold, release) == ["validation 10", "acceptance 10"])
    }

    @Test func anInvoiceWithoutGoodsIsWaitedForUntilTheyLeave() {
        let early = [Told(.received, 10), Told(.invoiced, 20)]
        #expect(overdue(early, at: 119) == ["order_not_in_odoo"])
        #expect(overdue(early, at: 120) == ["order_not_in_odoo", "invoice_without_dispatch", "payment_missing"])
        let left = early + [Told(.shipped, 15)]
        #expect(!overdue(left, at: 1000).contains("invoice_without_dispatch"))
    }

    @Test(arguments: [
        ([], "missing"), ([PaymentStatus.authorized], "missing"), ([.failed], "missing"), ([.captured], "missing"),
        ([.captured, .captured], "paid"), ([.refunded, .captured], "paid"), ([.captured, .failed], "missing"),
    ])
    func whatWasCapturedMakesUpTheTotal(payments: [PaymentStatus], expected: String) {
        var told = [
            Told(.received, 10).with {
                $0.lines = ["A"]
                $0.total = 10
            }, Told(.shipped, 20), Told(.invoiced, 30),
        ]
        // Each payment of a test is of 5.
        for (index, status) in payments.enumerated() {
            told.append(Told.milestone(.payment, 40 + Int64(index)).with { $0.payment = ("P-\(index)", status) })
        }
        #expect(overdue(told, at: 130).contains("payment_missing") == (expected == "missing"))
    }

    @Test func withoutATotalAnythingCapturedCounts() {
        let told = [Told(.received, 10), Told(.shipped, 20), Told(.invoiced, 30)]
        #expect(overdue(told, at: 130).contains("payment_missing"))
        let paid = told + [Told.milestone(.payment, 5).with { $0.payment = ("P", .captured) }]
        #expect(!overdue(paid, at: 130).contains("payment_missing"))
        let nothing = [
            Told(.received, 10).with { $0.total = 0 }, Told(.shipped, 20), Told(.invoiced, 30),
        ]
        #expect(!overdue(nothing, at: 130).contains("payment_missing"))
    }

    @Test func whatEndsInOdooAsksOdoo() {
        let shipped = [Told(.received, 10), Told(.shipped, 20)]
        func codes(_ exists: Bool, _ version: Int64, _ state: CanonicalState?) -> [String] {
            overdue(shipped, at: 120, odoo: ShownInOdoo(exists: exists, version: version, state: state))
                .filter { $0.hasSuffix("in_odoo") }
        }
        #expect(codes(false, 0, nil) == ["order_not_in_odoo", "shipment_not_in_odoo"])
        #expect(codes(true, 0, nil) == ["shipment_not_in_odoo"])
        #expect(codes(true, 1, .received) == ["shipment_not_in_odoo"])
        #expect(codes(true, 1, .partiallyFulfilled) == ["shipment_not_in_odoo"])
        #expect(codes(true, 1, .shipped) == [])
        #expect(codes(true, 2, .onHold) == [])
        // Up to date, though there is no sales order: it does not know.
        #expect(codes(false, 2, .shipped) == ["order_not_in_odoo", "shipment_not_in_odoo"])
        let cancelled = [Told(.received, 10), Told(.cancelled, 20)]
        func ends(_ version: Int64, _ state: CanonicalState?) -> [String] {
            overdue(cancelled, at: 120, odoo: ShownInOdoo(exists: true, version: version, state: state))
        }
        #expect(ends(1, .received) == ["cancellation_not_in_odoo"])
        #expect(ends(2, .cancelled) == [])
        // Never created, so nothing has to be cancelled: that is up to date.
        #expect(overdue(cancelled, at: 120, odoo: ShownInOdoo(exists: false, version: 2, state: .cancelled)) == [])
    }

    @Test func onlyWhatIsPromisedIsOverdue() {
        let told = [Told(.received, 10)]
        #expect(overdue(told, at: 1_000_000, promised: FlowTimes()) == [])
        var promised = FlowTimes()
        promised[.validation] = 50
        #expect(overdue(told, at: 59, promised: promised) == [])
        #expect(overdue(told, at: 60, promised: promised) == ["stuck_in_validation"])
        #expect(overdue([Told(.received, 10), Told(.validated, 20)], at: 1000, promised: promised) == [])
    }

    @Test func aLookIsArmedWhenAFlowIsEnteredAndNotBefore() {
        var promised = FlowTimes()
        promised[.validation] = 50
        promised[.invoice] = 500
        let before = Desk([Told(.received, 10)]).order.flowTimes
        let after = Desk([Told(.received, 10), Told(.validated, 20)]).order.flowTimes
        let shipped = Desk([Told(.received, 10), Told(.shipped, 30)]).order.flowTimes
        let none = FlowTimes()
        #expect(promised.firstEnd(entered: before, before: none) == Told.epoch + 60)
        #expect(promised.firstEnd(entered: before, before: before) == nil)
        #expect(promised.firstEnd(entered: after, before: before) == nil)
        #expect(promised.firstEnd(entered: shipped, before: before) == Told.epoch + 530)
        #expect(promised.nextEnd(after: Told.epoch + 59, since: before) == Told.epoch + 60)
        #expect(promised.nextEnd(after: Told.epoch + 60, since: before) == nil)
        // A promise longer than time itself never ends.
        promised[.validation] = .max - 1
        #expect(promised.firstEnd(entered: before, before: none) == nil)
    }

    @Test func everyCodeOfTimeIsListedOnce() {
        #expect(Set(Flow.codes).count == Flow.codes.count)
        var seen: Set<String> = []
        let stories: [[Told]] = [
            [Told(.received, 1)], [Told(.validated, 1)], [Told(.allocated, 1)], [Told(.shipped, 1)],
            [Told(.invoiced, 1)], [Told(.cancelled, 1)],
        ]
        for story in stories { seen.formUnion(overdue(story, at: 1000)) }
        #expect(seen == Set(Flow.codes.map(\.rawValue)))
    }
}

import OrderEvents
import Testing

@testable import Orders

/// The lifecycle table, written again by hand: a change of a cell in the code has to be made here too, on purpose.
@Suite struct LifecycleTableTests {
    /// + allow, ! flag, p park, x reject, = behind.
    static let table = """
        from                 received validated allocated partially shipped invoiced closed on_hold cancelled release
        (not begun)          +        +         +         +         +       !iwd     p      +       +         p
        received             =        +         +         +         +       !iwd     px     +       +         pf
        validated            =        =         +         +         +       !iwd     px     +       +         pf
        allocated            =        =         =         +         +       !iwd     px     +       +         pf
        partially_fulfilled  =        =         =         +         +       +        px     +       +         pf
        shipped              =        =         =         =         =       +        !sni   x       x         pf
        invoiced             =        =         =         =         =       =        +      x       x         pf
        closed               x        x         x         !fae      !fae    !fae     =      x       x         pf
        on_hold              +        +         +         !hv       !hv     !hv      px     +       +         +
        cancelled            x        x         x         !fae      !fae    !fae     x      x       =         pf
        """

    struct Cell: Sendable, CustomStringConvertible {
        var from: CanonicalState?
        var word: StatusWord
        var sign: String
        var description: String { "\(from?.name ?? "not begun") -> \(word.name): \(sign)" }

        var disposition: Disposition {
            switch sign.first {
            case "+": .allow
            case "!": .flag
            case "p": .park
            case "x": .reject
            default: .behind
            }
        }

        /// What becomes of it when its time is up.
        var fallback: Disposition? {
            switch sign {
            case "px": .reject
            case "pf": .flag
            default: nil
            }
        }

        var code: ExceptionCode? {
            switch sign {
            case "!iwd": .invoiceWithoutDispatch
            case "!sni": .shippedNotInvoiced
            case "!fae": .factAfterEnd
            case "!hv": .holdViolated
            case "x", "px": .illegalTransition
            case "pf": .releaseWithoutHold
            case "p": .orderNotBegun
            default: nil
            }
        }
    }

    static let cells: [Cell] = table.split(separator: "\n").dropFirst().enumerated().flatMap { row, line in
        let signs = line.replacing("(not begun)", with: "not_begun").split(separator: " ").dropFirst()
        return zip(Lifecycle.words, signs).map { Cell(from: Lifecycle.places[row], word: $0, sign: String($1)) }
    }

    @Test func theExpectationNamesEveryPair() {
        #expect(Self.cells.count == 100)
        #expect(Lifecycle.words.count == 10 && Lifecycle.places.count == 10)
    }

    @Test(arguments: cells) func everyCellIsAsExpected(_ cell: Cell) {
        let rule = Lifecycle.standard.rule(from: cell.from, word: cell.word)
        #expect(rule.disposition == cell.disposition)
        #expect(rule.code == cell.code)
        #expect(rule.fallback == cell.fallback)
    }

    /// An order at `place`, by the shortest way, with its last event at 50.
    static func desk(at place: CanonicalState?) -> Desk {
        var desk = Desk()
        guard let place else { return desk }
        switch place {
        case .onHold:
            // A hold of a channel other than the one that speaks next, and one of its own.
            desk.tell(.received, 10)
            desk.tell(.onHold, 50)
        case .closed:
            desk.tell(.shipped, 10)
            desk.tell(.invoiced, 20)
            desk.tell(.closed, 50)
        case .invoiced:
            desk.tell(.shipped, 10)
            desk.tell(.invoiced, 50)
        default: desk.tell(place, 50)
        }
        return desk
    }

    @Test(arguments: cells) func everyPairAppliesAsTheTableSays(_ cell: Cell) {
        var desk = Self.desk(at: cell.from)
        let before = desk.order
        #expect(before.state == cell.from)
        let result = desk.order.apply(Told(cell.word, 60).event, channel: desk.channel("shop"))
        var expected = cell.disposition
        // The path below is received: what the hold allows may lie behind it, or be unable to follow it.
        if cell.from == .onHold, cell.word == .state(.received) { expected = .behind }
        // The hold is open already.
        if cell.from == .onHold, cell.word == .state(.onHold) { expected = .behind }
        #expect(result.from == cell.from)
        #expect(result.disposition == expected)
        #expect(result.to == desk.order.state)
        switch expected {
        case .allow, .flag:
            #expect(result.outcome == .applied)
            #expect(result.code == cell.code)
            #expect(
                cell.code.map { result.raised.contains($0) && desk.order.open.contains($0) } ?? result.raised.isEmpty)
            #expect(desk.order.version == before.version + 1)
            #expect(result.changed)
            #expect(desk.order.state == Self.stateAfter(cell))
        case .park:
            #expect(result.outcome == .parked)
            #expect(result.code == cell.code)
            #expect(desk.order.parked == 1)
            #expect(desk.order.state == before.state && desk.order.version == before.version)
        case .reject:
            #expect(result.outcome == .rejected)
            #expect(result.code == cell.code && result.raised == [.illegalTransition])
            #expect(desk.order.state == before.state && desk.order.version == before.version)
        case .behind:
            #expect(result.outcome == .stale)
            #expect(desk.order.state == before.state && desk.order.version == before.version)
            #expect(result.raised.isEmpty)
        }
    }

    private static func stateAfter(_ cell: Cell) -> CanonicalState? {
        switch (cell.from, cell.word) {
        case (.partiallyFulfilled, .state(.cancelled)): .shipped
        case (.cancelled, .state(.invoiced)): .invoiced
        case (.cancelled, .state(.partiallyFulfilled)), (.cancelled, .state(.shipped)): .shipped
        case (.cancelled, _), (.closed, _): cell.from
        case (.onHold, .release): .received
        case (.onHold, .state(let to)) where to == .validated || to == .allocated || to == .partiallyFulfilled: .onHold
        case (_, .state(let to)): to
        case (_, .release): cell.from
        }
    }

    @Test(arguments: cells.filter { $0.disposition == .park }) func whatWaitedTakesItsFallback(_ cell: Cell) {
        var desk = Self.desk(at: cell.from)
        desk.tell(Told(cell.word, 60))
        let state = desk.order.state
        let results = desk.release(waited: true)
        guard let fallback = cell.fallback else {
            #expect(results.isEmpty && desk.order.parked == 1)
            return
        }
        #expect(results.count == 1 && desk.order.parked == 0)
        #expect(results.first?.disposition == fallback)
        #expect(results.first?.outcome == (fallback == .flag ? .applied : .rejected))
        #expect(results.first?.raised == [cell.code].compactMap { $0 })
        #expect(desk.order.state == state)
    }

    @Test func theTextNamesEveryStateAndFallback() {
        let text = Lifecycle.standard.text()
        for place in Lifecycle.places { #expect(text.contains(place?.name ?? "(not begun)")) }
        #expect(text.contains("received -> release: park, release_without_hold, then flag"))
        #expect(text.contains("allocated -> closed: park, illegal_transition, then reject"))
        let dot = Lifecycle.standard.graphviz()
        #expect(dot.hasPrefix("digraph lifecycle {") && dot.hasSuffix("}"))
        #expect(dot.contains("not_begun -> invoiced [style=dashed, label=\"invoice_without_dispatch\"];"))
    }
}

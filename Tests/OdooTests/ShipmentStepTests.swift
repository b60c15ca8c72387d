import Testing

@testable import Odoo

/// Goal: what left in truth and what left in Odoo come together, by the fewest calls, whoever entered what before.
///
/// Method: the steps are taken on moves that behave as Odoo's do, from every history of a few.
@Suite struct ShipmentStepTests {
    private static func move(_ id: Int, _ product: Int, _ demand: Int, picking: Int = 1, left: Int? = nil) -> StockMove
    {
        StockMove(
            id: id, picking: picking, product: product, demand: demand, quantity: left ?? demand,
            isDone: left != nil, isCancelled: false)
    }

    private static func open(_ amounts: [Int: Int]) -> ShipmentStep.Open { .init(amounts: amounts, tracking: "T") }

    @Test func aShipmentThatIsNotThereIsMade() {
        let moves = [Self.move(1, 7, 3), Self.move(2, 8, 1)]
        let step = ShipmentStep.next(moves, [Self.open([7: 2])], told: [:], rest: .waits)
        #expect(step == .ship(picking: 1, quantities: [1: 2, 2: 0], tracking: "T"))
    }

    @Test func aShipmentThatIsThereIsNotMadeAgain() {
        // Its answer was lost, or a person entered it.
        let moves = [Self.move(1, 7, 2, left: 2), Self.move(3, 7, 1, picking: 2)]
        #expect(ShipmentStep.next(moves, [Self.open([7: 2])], told: [:], rest: .waits) == .done)
        // What was told before does not count twice.
        let second = ShipmentStep.next(moves, [Self.open([7: 1])], told: [7: 2], rest: .waits)
        #expect(second == .ship(picking: 2, quantities: [3: 1], tracking: "T"))
    }

    @Test func theRestWaitsLeavesOrIsDropped() {
        let moves = [Self.move(1, 7, 2, left: 2), Self.move(3, 7, 1, picking: 2)]
        #expect(ShipmentStep.next(moves, [], told: [7: 2], rest: .waits) == .done)
        #expect(
            ShipmentStep.next(moves, [], told: [7: 2], rest: .left)
                == .ship(picking: 2, quantities: [3: 1], tracking: ""))
        #expect(ShipmentStep.next(moves, [], told: [7: 2], rest: .dropped) == .drop(pickings: [2]))
    }

    @Test func whatIsMoreThanOrderedGoesOnTheLastMove() {
        let moves = [Self.move(1, 7, 1), Self.move(2, 7, 1)]
        #expect(
            ShipmentStep.next(moves, [Self.open([7: 5])], told: [:], rest: .waits)
                == .ship(picking: 1, quantities: [1: 1, 2: 4], tracking: "T"))
    }

    @Test func whatOdooDoesNotWaitForIsNotInvented() {
        #expect(ShipmentStep.next([], [Self.open([7: 1])], told: [:], rest: .dropped) == .done)
        let other = [Self.move(1, 8, 1)]
        #expect(ShipmentStep.next(other, [Self.open([7: 1])], told: [:], rest: .waits) == .done)
    }

    /// Every way in which up to three shipments of two products can leave, told at once or one by one, each call made
    /// or only believed to be lost: what left in Odoo is what left.
    @Test func everySmallHistoryEndsInTheTruth() {
        let amounts = [[7: 1], [7: 2], [8: 1], [7: 1, 8: 1]]
        var histories = 0
        for first in amounts {
            for second in amounts {
                for third in amounts {
                    for together in 1...3 {
                        for lost in [false, true] {
                            histories += 1
                            let all = [first, second, third]
                            var odoo = FakeStock([7: 5, 8: 3])
                            var told: [[Int: Int]] = []
                            for start in stride(from: 0, to: 3, by: together) {
                                let group = Array(all[start..<min(start + together, 3)])
                                // The answer to what was done is lost: everything is looked at again, as if untold.
                                for _ in 0..<(lost ? 2 : 1) { odoo.run(group, told: told, rest: .waits) }
                                told += group
                            }
                            let wanted = FakeStock.sum(all)
                            #expect(odoo.left == wanted, "\(all) \(together) \(lost)")
                            odoo.run([], told: told, rest: .dropped)
                            #expect(odoo.left == wanted && odoo.moves.allSatisfy { !$0.isOpen })
                        }
                    }
                }
            }
        }
        #expect(histories == 384)
    }
}

/// Moves that behave as Odoo's: what is not picked goes on a backorder.
private struct FakeStock {
    var moves: [StockMove]
    private var last = 100

    init(_ demand: [Int: Int]) {
        moves = demand.sorted { $0.key < $1.key }.map { product, amount in
            StockMove(
                id: product, picking: 1, product: product, demand: amount, quantity: amount, isDone: false,
                isCancelled: false)
        }
    }

    static func sum(_ shipments: [[Int: Int]]) -> [Int: Int] {
        shipments.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }

    var left: [Int: Int] {
        moves.filter(\.isDone).reduce(into: [:]) { $0[$1.product, default: 0] += $1.quantity }
    }

    mutating func run(_ shipments: [[Int: Int]], told: [[Int: Int]], rest: ShipmentRest) {
        let open = shipments.map { ShipmentStep.Open(amounts: $0, tracking: "") }
        for _ in 0..<20 {
            switch ShipmentStep.next(moves, open, told: Self.sum(told), rest: rest) {
            case .done: return
            case .drop(let pickings):
                for index in moves.indices where moves[index].isOpen && pickings.contains(moves[index].picking) {
                    moves[index].isCancelled = true
                }
            case .ship(let picking, let quantities, _): ship(picking, quantities)
            }
        }
        Issue.record("does not come to an end")
    }

    private mutating func ship(_ picking: Int, _ quantities: [Int: Int]) {
        last += 1
        let backorder = last
        for index in moves.indices where moves[index].isOpen && moves[index].picking == picking {
            let quantity = quantities[moves[index].id] ?? 0
            if quantity == 0 {
                moves[index].picking = backorder
                continue
            }
            let rest = moves[index].demand - quantity
            moves[index].isDone = true
            moves[index].quantity = quantity
            if rest > 0 {
                last += 1
                moves.append(
                    StockMove(
                        id: last, picking: backorder, product: moves[index].product, demand: rest, quantity: rest,
                        isDone: false, isCancelled: false))
            }
        }
    }
}

import OrderEvents
import Orders
import Testing

/// Quantities per line and warehouse, and what follows from them.
@Suite struct QuantityTests {
    private static let order = Told(.received, 1).with { $0.lines = ["A:2", "B:1"] }

    private func shipment(
        _ ref: String, _ lines: [String], _ at: Int64, _ state: CanonicalState = .partiallyFulfilled,
        from warehouse: String = "BER1"
    ) -> Told {
        Told(state, at, channel: "wms").with {
            $0.shipment = (ref, "", lines)
            $0.warehouse = warehouse
        }
    }

    private func row(_ desk: Desk, _ line: String) -> LineQuantities? {
        desk.order.quantities.first { $0.line == line }
    }

    @Test func partAndAllFollowFromTheQuantitiesAcrossWarehouses() {
        var desk = Desk([Self.order])
        // The warehouse says shipped, and means its own part.
        #expect(desk.tell(shipment("S-1", ["1:1"], 5, .shipped)).to == .partiallyFulfilled)
        #expect(desk.order.time(of: .shipped) == nil)
        #expect(desk.tell(shipment("S-2", ["1:1", "2:1"], 7, from: "MUC1")).to == .shipped)
        #expect(desk.order.time(of: .shipped)?.microseconds == Told.epoch + 7)
        #expect(row(desk, "1")?.shipped == ExactDecimal(mantissa: 2))
        #expect(row(desk, "1")?.warehouses.map(\.warehouse) == ["BER1", "MUC1"])
        #expect(row(desk, "1")?.warehouses.map(\.shipped) == [.one, .one])
        #expect(desk.order.open == [])
    }

    @Test func aCorrectionOfAShipmentTakesTheStateBack() {
        var desk = Desk([Self.order, shipment("S-1", ["1:2", "2:1"], 5, .shipped)])
        #expect(desk.order.state == .shipped)
        #expect(desk.tell(shipment("S-1", ["1:1", "2:1"], 6, .shipped)).to == .partiallyFulfilled)
        #expect(row(desk, "1")?.remaining == .one)
    }

    @Test func aShipmentWithoutLinesLeavesTheWordItsSay() {
        var desk = Desk([Self.order])
        #expect(desk.tell(shipment("S-1", [], 5, .shipped)).to == .shipped)
        var unknown = Desk([Told(.received, 1)])
        #expect(unknown.tell(shipment("S-1", ["1:1"], 5, .shipped)).to == .shipped)
        // Then the lines come, and decide.
        #expect(unknown.tell(Told(.received, 2).with { $0.lines = ["A:2"] }).to == .partiallyFulfilled)
    }

    @Test func moreThanWasOrderedIsAnExceptionOfItsKindUntilItIsPutRight() {
        var desk = Desk([Self.order])
        #expect(desk.tell(shipment("S-1", ["1:3"], 5)).raised == [.overShipment])
        #expect(desk.tell(shipment("S-1", ["1:2"], 6)).resolved == [.overShipment])
        let billed = { (lines: [String], at: Int64) in
            Told(.invoiced, at, channel: "erp").with { ($0.invoice, $0.invoiced) = ("I-1", lines) }
        }
        #expect(desk.tell(billed(["1:2", "2:2"], 7)).raised == [.overInvoice])
        #expect(desk.tell(billed(["1:2", "2:1"], 8)).resolved == [.overInvoice])
        #expect(desk.tell(Told(.allocated, 3).with { $0.allocated = ["1:3"] }).raised == [.overAllocated])
        // A total at its time: the later one counts, and a warehouse of its own adds to it.
        #expect(desk.tell(Told(.allocated, 4).with { $0.allocated = ["1:1"] }).resolved == [.overAllocated])
        let other = Told(.allocated, 4, channel: "wms").with { ($0.allocated, $0.warehouse) = (["1:2"], "MUC1") }
        #expect(desk.tell(other).raised == [.overAllocated])
    }

    @Test func whatNobodyOrderedIsOverShipped() {
        var desk = Desk([Self.order])
        #expect(desk.tell(shipment("S-1", ["9:1"], 5)).raised == [.overShipment])
        #expect(row(desk, "9")?.ordered == nil)
        // Of an order without lines nobody can tell.
        var unknown = Desk([Told(.received, 1)])
        #expect(unknown.tell(shipment("S-1", ["9:1"], 5)).raised == [])
    }

    @Test func backorderIsOpenAsLongAsTheLineHasToLeave() {
        var desk = Desk([Self.order])
        #expect(desk.tell(Told(.allocated, 3).with { $0.allocated = ["1:1:1"] }).raised == [.backordered])
        #expect(desk.tell(shipment("S-1", ["1:1"], 5)).resolved == [])
        #expect(desk.tell(shipment("S-2", ["1:1"], 6)).resolved == [.backordered])
    }

    @Test func whatIsCancelledOrLeavesIsNeverMoreThanWasOrdered() {
        var desk = Desk([Self.order, shipment("S-1", ["1:1"], 5)])
        // Two pieces of line 1 are cancelled, and one has left.
        let crossed = desk.tell(Told(.partiallyFulfilled, 6, channel: "wms").with { $0.cancelled = ["1:2"] })
        #expect(crossed.raised == [.overShipment])
        #expect(row(desk, "1")?.cancelled == .one && row(desk, "1")?.remaining == .zero)
        #expect(desk.order.state == .partiallyFulfilled)
        desk.tell(Told(.cancelled, 8))
        #expect(desk.order.state == .shipped)
        #expect(row(desk, "2")?.cancelled == .one)
    }

    @Test func cancellingSomeLinesLetsTheOrderGoOnAndCancellingAllEndsIt() {
        var desk = Desk([Self.order])
        let some = desk.tell(Told(.cancelled, 5).with { $0.cancelled = ["1:2"] })
        #expect(some.outcome == .applied && some.to == .received)
        #expect(desk.tell(Told(.cancelled, 6).with { $0.cancelled = ["2:1"] }).to == .cancelled)
        #expect(desk.order.time(of: .cancelled)?.microseconds == Told.epoch + 6)
        var rest = Desk([Self.order, shipment("S-1", ["1:2"], 5)])
        #expect(rest.tell(Told(.cancelled, 6).with { $0.cancelled = ["2:1"] }).to == .shipped)
    }

    @Test func articlesFillTheirLinesOneAfterTheOther() {
        var desk = Desk([Told(.received, 1).with { $0.lines = ["A:2", "A:1"] }])
        var event = shipment("S-1", [], 5).event
        var shipment = Facts.Shipment()
        event.bytes += Array("A".utf8)
        shipment.ref = event.facts?.shipment?.ref ?? .none
        let article = Slice(start: UInt32(event.bytes.count - 1), count: 1)
        shipment.lines = [LineQuantity(line: .none, sku: article, quantity: ExactDecimal(mantissa: 3) ?? .one)]
        event.facts = Facts(shipment: shipment)
        _ = desk.order.apply(event, channel: ChannelRules(name: "wms"))
        #expect(desk.order.quantities.map(\.shipped) == [ExactDecimal(mantissa: 2), .one])
        #expect(desk.order.state == .shipped && desk.order.open == [])
    }

    @Test func quantitiesAreConservedWhateverTheOrderOfArrival() {
        let seed = Random.seed("quantities")
        var random = Random(seed: seed)
        for _ in 0..<400 {
            let story = (0..<8).map { index -> Told in
                let lines = [
                    "1:\(Int.random(in: 0...2, using: &random))", "2:\(Int.random(in: 0...1, using: &random))",
                ]
                let at = Int64(index + 2)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: return shipment("S-\(index % 3)", lines, at)
                case 1: return Told(.allocated, at, channel: "wms").with { $0.allocated = lines }
                case 2: return Told.milestone(.tracking, at).with { $0.cancelled = lines }
                default: return Told(.invoiced, at, channel: "erp").with { ($0.invoice, $0.invoiced) = ("I-1", lines) }
                }
            }
            let desk = Desk([Self.order] + story.shuffled(using: &random))
            for row in desk.order.quantities {
                guard let ordered = row.ordered else { continue }
                let sum = (row.shipped + row.cancelled).flatMap { $0 + row.remaining }
                // What left beyond the order is over-shipped, and nothing of it is cancelled or remains.
                let isConserved = row.shipped > ordered ? sum == row.shipped : sum == ordered
                #expect(isConserved, "seed \(seed): \(row)")
            }
        }
    }
}

import OrderEvents
import Orders
import Testing

@Suite struct FactTests {
    @Test func aShipmentToldTwiceIsOne() {
        var desk = Desk([Told(.received, 1)])
        let told = Told(.shipped, 5, channel: "wms").with { $0.shipment = ("S-1", "T-1", ["1"]) }
        #expect(desk.tell(told).outcome == .applied)
        #expect(desk.tell(told.with { $0.channel = "shop" }).outcome == .stale)
        #expect(desk.order.shipments.count == 1)
    }

    @Test func aCarrierThatKnowsOnlyTheTrackingNumberTellsOfTheSameShipment() {
        let wms = Told(.shipped, 5, channel: "wms").with { $0.shipment = ("S-1", "T-1", ["1"]) }
        let dhl = Told.milestone(.inTransit, 6, channel: "dhl").with { $0.shipment = ("", "T-1", []) }
        for told in [[wms, dhl], [dhl, wms]] {
            let desk = Desk([Told(.received, 1)] + told)
            #expect(desk.order.shipments.count == 1)
            #expect(desk.order.shipments.first?.ref == "S-1" && desk.order.shipments.first?.lines.count == 1)
        }
        let two = Desk([wms, wms.with { $0.shipment = ("S-2", "T-1", ["2"]) }])
        #expect(two.order.shipments.map(\.ref) == ["S-1", "S-2"])
    }

    @Test func ofTwoVersionsTheLaterCountsWhateverTheOrderOfArrival() {
        let first = Told(.shipped, 5).with { $0.shipment = ("S-1", "T-1", ["1"]) }
        let second = Told(.shipped, 6).with { $0.shipment = ("S-1", "T-1", ["1", "2"]) }
        for told in [[first, second], [second, first]] {
            #expect(Desk(told).order.shipments.first?.lines.map(\.line) == ["1", "2"])
        }
    }

    @Test func ofTwoChannelsAtOneTimeTheSameOneCountsWhateverTheOrderOfArrival() {
        let shop = Told(.received, 5).with { $0.customer = "C-1" }
        let wms = Told(.received, 5, channel: "wms").with { $0.customer = "C-2" }
        #expect(Desk([shop, wms]).order.customerRef == "C-2")
        #expect(Desk([wms, shop]).order.customerRef == "C-2")
    }

    @Test func aCorrectionOfTheSameTimeCounts() {
        var desk = Desk([Told(.shipped, 5).with { $0.shipment = ("S-1", "", ["1"]) }])
        #expect(desk.tell(Told(.shipped, 5).with { $0.shipment = ("S-1", "", ["2"]) }).outcome == .applied)
        #expect(desk.order.shipments.first?.lines.map(\.line) == ["2"])
    }

    @Test func invoicesAndPaymentsHaveTheirIdentity() {
        var desk = Desk([Told(.shipped, 5)])
        #expect(desk.tell(Told(.invoiced, 6).with { $0.invoice = "I-1" }).outcome == .applied)
        #expect(desk.tell(Told(.invoiced, 6, channel: "erp").with { $0.invoice = "I-1" }).outcome == .stale)
        #expect(desk.tell(Told(.invoiced, 7, channel: "erp").with { $0.invoice = "I-2" }).outcome == .applied)
        let paid = Told.milestone(.payment, 8).with { $0.payment = ("P-1", .authorized) }
        #expect(desk.tell(paid).outcome == .applied)
        #expect(desk.tell(paid.with { $0.channel = "bank" }).outcome == .stale)
        desk.tell(paid.with { ($0.at, $0.payment) = (9, ("P-1", .captured)) })
        desk.tell(paid.with { ($0.at, $0.payment) = (7, ("P-1", .failed)) })
        #expect(desk.order.payments.map(\.status) == [.captured])
        #expect(desk.order.invoices.map(\.ref) == ["I-1", "I-2"])
    }

    @Test func aReferenceIsLearnedOnce() {
        var desk = Desk([Told(.received, 1).with { $0.reference = "W-1" }])
        #expect(desk.tell(Told(.received, 2).with { $0.reference = "W-1" }).outcome == .stale)
        #expect(desk.tell(Told(.received, 2).with { $0.reference = "W-2" }).outcome == .applied)
        #expect(desk.order.names.map(\.value) == ["W-1", "W-2"])
    }

    @Test func linesFollowTheLatestTelling() {
        var desk = Desk([Told(.received, 5).with { $0.lines = ["A", "B"] }])
        desk.tell(Told(.validated, 4).with { $0.lines = ["A"] })
        #expect(desk.order.lines.map(\.sku) == ["A", "B"] && desk.order.lines.map(\.line) == ["1", "2"])
        desk.tell(Told(.validated, 6).with { $0.lines = ["B"] })
        #expect(desk.order.lines.map(\.sku) == ["B"])
    }
}

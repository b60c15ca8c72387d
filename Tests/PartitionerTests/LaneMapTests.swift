import OrderEvents
import Partitioner
import Testing

@Suite struct LaneMapTests {
    static let map = LaneMap(entities: [
        EntityRoute(
            name: "ACME-DE", weight: 3, store: 0, warehouses: [("BER1", ["FC-BER", "B"]), ("MUC1", [])],
            channels: [0, 2]),
        EntityRoute(name: "ACME-FR", weight: 1, store: 1, warehouses: [("BER1", [])], channels: nil),
    ])

    struct Named {
        var entity = "ACME-DE"
        var warehouse = ""
        var order = "o-1"
        var reference: (issuer: String, value: String)?
        var channel: Int32 = 0
        var payload = 0
        var refusal: Refusal?

        var taken: Taken {
            var bytes: [UInt8] = []
            func add(_ text: String) -> Slice {
                defer { bytes += Array(text.utf8) }
                return Slice(start: UInt32(bytes.count), count: UInt32(text.utf8.count))
            }
            let slices = [entity, warehouse, order, reference?.issuer ?? "", reference?.value ?? ""].map(add)
            var event = OrderEvent(
                source: SourcePosition(
                    partition: 4, epoch: 1, offset: 9, loggedAt: nil, polledAt: Timestamp(microseconds: 1)),
                bytes: bytes, payloadCount: max(payload, bytes.count), contentHash: 0, channel: channel)
            event.legalEntity = slices[0]
            event.warehouse = slices[1]
            event.orderRef = slices[2]
            if reference != nil { event.reference = Reference(kind: .tracking, issuer: slices[3], value: slices[4]) }
            event.refusal = refusal
            return .event(event)
        }
    }

    private func routed(_ named: Named, by map: LaneMap = map) -> OrderEvent? {
        if case .event(let event) = map.route(named.taken, channelName: "shop") { return event }
        return nil
    }

    private func lane(_ event: OrderEvent?) -> String? {
        event.map { Self.map.lanes[Int($0.lane)] }.map { "\($0.legalEntity) \($0.warehouse)" }
    }

    @Test func lanesAreEntitiesTimesWarehousesAndOneForDeadLetters() {
        #expect(
            Self.map.lanes.map { "\($0.legalEntity) \($0.warehouse) \($0.store)" } == [
                "unknown _ 0", "ACME-DE _ 0", "ACME-DE BER1 0", "ACME-DE MUC1 0", "ACME-FR _ 1", "ACME-FR BER1 1",
            ])
        #expect(Self.map.lanes[1].warehouseCode == "" && Self.map.lanes[2].warehouseCode == "BER1")
    }

    @Test func aWarehouseIsKnownByItsCodeAndItsAliases() {
        #expect(lane(routed(Named())) == "ACME-DE _")
        for name in ["BER1", "FC-BER", "B"] { #expect(lane(routed(Named(warehouse: name))) == "ACME-DE BER1") }
        // Another entity's warehouse of the same code is another one, and aliases are not shared.
        #expect(lane(routed(Named(entity: "ACME-FR", warehouse: "BER1"))) == "ACME-FR BER1")
        #expect(routed(Named(entity: "ACME-FR", warehouse: "FC-BER"))?.refusal?.code == .unknownWarehouse)
    }

    @Test func anUnknownWarehouseIsRefusedInTheLaneWithoutOne() {
        for name in ["BER", "BER11", "ber1", "_"] {
            let event = routed(Named(warehouse: name))
            #expect(event?.refusal?.code == .unknownWarehouse)
            #expect(lane(event) == "ACME-DE _" && event?.orderHash != 0)
            // The text of an event is not repeated.
            #expect(event?.refusal?.detail.contains("\"\(name)\"") == false)
        }
        let earlier = Named(warehouse: "X", refusal: Refusal(code: .unknownStatus, detail: "d"))
        #expect(routed(earlier)?.refusal?.code == .unknownStatus)
    }

    @Test func aChannelThatIsNotListedIsRefusedBeforeAnythingElse() {
        let event = routed(Named(warehouse: "X", channel: 1, refusal: Refusal(code: .unknownStatus, detail: "d")))
        #expect(event?.refusal?.code == .channelNotListed && lane(event) == "ACME-DE _")
        #expect(routed(Named(channel: 2))?.refusal == nil)
        #expect(routed(Named(entity: "ACME-FR", channel: 77))?.refusal == nil)
    }

    @Test func anUnknownLegalEntityIsADeadLetter() {
        for name in ["", "ACME", "ACME-DE ", "acme-de", "unknown"] {
            guard case .deadLetter(let letter) = Self.map.route(Named(entity: name).taken, channelName: "shop") else {
                Issue.record("\(name) was routed")
                continue
            }
            #expect(letter.reason == .unknownLegalEntity && letter.channel == "shop")
            #expect(letter.source.offset == 9 && letter.payload?.isEmpty == false)
        }
        let letter = DeadLetter(
            source: SourcePosition(
                partition: 0, epoch: 0, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: 0)),
            reason: .empty, detail: "", channel: "", key: nil, payload: nil, payloadCount: 0)
        guard case .deadLetter = Self.map.route(.deadLetter(letter), channelName: "shop") else {
            Issue.record("a dead letter became an event")
            return
        }
    }

    @Test func equalOrderKeysHaveEqualHashesAndNoOthersDo() {
        let base = routed(Named())?.orderHash
        #expect(routed(Named(warehouse: "MUC1", channel: 2))?.orderHash == base)
        #expect(routed(Named(order: "o-2"))?.orderHash != base)
        #expect(routed(Named(entity: "ACME-FR"))?.orderHash != base)
        let named = routed(Named(order: "", reference: ("dhl", "1")))?.orderHash
        #expect(named != nil && named != base)
        #expect(routed(Named(order: "", reference: ("dhl", "1")))?.orderHash == named)
        #expect(routed(Named(order: "", reference: ("dh", "l1")))?.orderHash != named)
        #expect(routed(Named(order: "", reference: ("", "dhl1")))?.orderHash != named)
    }

    /// The hash of an order key is kept in databases: it never changes.
    @Test func theHashOfAnOrderKeyIsTheStoredOne() {
        let bytes = Array("o-1".utf8)
        let stored = StableHash.hash(bytes.span, seed: StableHash.orderKeySeed(entity: "ACME-DE"))
        #expect(routed(Named())?.orderHash == stored)
        #expect(routed(Named())?.orderHash == 11_661_302_192_653_064_620)
    }

    @Test func tenThousandEntitiesAreToldApart() {
        let map = LaneMap(
            entities: (0..<10_000).map {
                EntityRoute(name: "E\($0)", weight: 1, store: 0, warehouses: [("W", ["V\($0)"])], channels: nil)
            })
        #expect(map.lanes.count == 20_001)
        var hashes: Set<UInt64> = []
        for index in 0..<10_000 {
            let event = routed(Named(entity: "E\(index)", warehouse: "V\(index)"), by: map)
            #expect(event.map { Int($0.entity) } == index && event.map { Int($0.lane) } == 2 + 2 * index)
            hashes.insert(event?.orderHash ?? 0)
        }
        #expect(hashes.count == 10_000 && !hashes.contains(0))
    }
}

@Suite struct NameTableTests {
    private func find(_ table: NameTable, _ name: String) -> Int32? {
        // The name stands among other bytes.
        let bytes = Array("<<\(name)>>".utf8)
        return table.find(bytes, 2, name.utf8.count)
    }

    @Test func namesAreFoundByTheirWholeBytes() {
        var table = NameTable()
        #expect(find(table, "a") == nil)
        let added = [("a", 1), ("ab", 2), ("", 3), ("a", 9)].map { table.add($0.0.utf8, value: $0.1) }
        #expect(added == [true, true, true, false])
        #expect(find(table, "a") == 1 && find(table, "ab") == 2 && find(table, "") == 3)
        #expect(find(table, "abc") == nil && find(table, "b") == nil && find(table, "A") == nil)
    }

    @Test func aNameIsFoundInItsScopeOnly() {
        var table = NameTable()
        for scope in Int32(0)..<2_000 {
            let added = [
                table.add("W1".utf8, scope: scope, value: scope),
                table.add("W2-\(scope)".utf8, scope: scope, value: -scope),
            ]
            #expect(added == [true, true])
        }
        let isNew = table.add("W1".utf8, scope: 7, value: 1)
        #expect(!isNew)
        for scope in Int32(0)..<2_000 {
            let bytes = Array("W1W2-\(scope)".utf8)
            #expect(table.find(bytes, 0, 2, scope: scope) == scope)
            #expect(table.find(bytes, 2, bytes.count - 2, scope: scope) == -scope)
            #expect(table.find(bytes, 2, bytes.count - 2, scope: scope + 1) == nil)
        }
        #expect(table.find(Array("W1".utf8), 0, 2, scope: 2_000) == nil)
    }

    @Test func manyNamesAreFoundAfterEveryGrowth() {
        var table = NameTable()
        for index in 0..<5_000 {
            let isNew = table.add("name-\(index)".utf8, value: Int32(index))
            #expect(isNew)
            if index.nonzeroBitCount == 1 {
                for earlier in 0...index { #expect(find(table, "name-\(earlier)") == Int32(earlier)) }
            }
        }
        #expect(find(table, "name-5000") == nil)
    }
}

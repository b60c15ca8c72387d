import Embedded
import OrderEvents
import Testing

/// What the generator calls an event, the real decoder reads as one; what it calls garbage is a dead letter.
@Suite struct TrafficDecodingTests {
    /// The marketplace's format, as `DemoConfiguration` writes it.
    private static func mapping() throws -> Mapping {
        func fields(_ pointers: [MappedField: String]) throws -> [MappedField: FieldSource] {
            try pointers.mapValues { .at(try JSONPointer($0)) }
        }
        var mapping = Mapping(
            statuses: [
                "Pending": .state(.received), "Unshipped": .state(.received), "Shipped": .state(.shipped),
                "PartiallyShipped": .state(.partiallyFulfilled), "Canceled": .state(.cancelled),
            ], milestones: ["Delivered": .delivered])
        mapping.groups[.event] = Mapping.Group(
            fields: try fields([
                .eventID: "/notificationId", .orderRef: "/payload/orderId", .legalEntity: "/payload/merchant",
                .warehouse: "/payload/fulfilment/node", .status: "/payload/status", .occurredAt: "/payload/updatedAt",
                .sequence: "/payload/revision", .currency: "/payload/currency", .total: "/payload/total",
            ]))
        mapping.groups[.lines] = Mapping.Group(
            at: try JSONPointer("/payload/items"),
            fields: try fields([
                .line: "/position", .sku: "/sku", .quantity: "/qty", .unitPrice: "/price/amount",
            ]))
        return mapping
    }

    private static func decoders() throws -> [String: EventDecoder] {
        var decoders: [String: EventDecoder] = [:]
        for channel in TrafficChannel.allCases {
            let kind: ChannelFormat.Kind = channel == .marketplace ? .mapped(try mapping()) : .canonical
            decoders[channel.topic] = EventDecoder(
                ChannelFormat(
                    name: channel.name, index: Int32(channel.rawValue), kind: kind, issuer: channel.issuer))
        }
        return decoders
    }

    private static let source = SourcePosition(
        partition: 0, epoch: 0, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: 0))

    @Test(arguments: [1, 2, 3] as [UInt64])
    func everyRecordIsReadAsWhatItWasMadeToBe(seed: UInt64) throws {
        let decoders = try Self.decoders()
        var settings = TrafficSettings()
        settings.seed = seed
        var generator = TrafficGenerator(settings)
        while let record = generator.next() {
            let decoder = try #require(decoders[record.topic])
            let taken = decoder.decode(value: record.value, key: record.key, source: Self.source)
            switch (taken, record.kind) {
            case (.deadLetter, .garbage): break
            case (.event(let event), .unknownStatus): #expect(event.refusal?.code == .unknownStatus)
            case (.event(let event), .unknownLegalEntity):
                #expect(event.text(event.legalEntity).hasPrefix("GHOST-") && event.refusal == nil)
            case (.event(let event), .unknownWarehouse): #expect(event.text(event.warehouse) == "XX9")
            case (.event(let event), .garbage(let kind)):
                Issue.record("garbage (\(kind)) was read as an event of \(event.text(event.legalEntity)), seed \(seed)")
            case (.deadLetter(let letter), let kind):
                Issue.record("\(kind) became a dead letter, seed \(seed): \(letter.reason) \(letter.detail)")
            case (.event(let event), _):
                #expect(event.refusal == nil, "\(record.kind), seed \(seed)")
                #expect(event.text(event.orderRef) == String(decoding: record.key, as: UTF8.self))
                #expect(event.status != nil || event.milestone != nil)
            }
        }
    }

    @Test func theReferenceLoadIsReadWholly() {
        let decoder = EventDecoder(ChannelFormat(name: ReferenceTraffic.channelName, index: 0, kind: .canonical))
        var settings = ReferenceTraffic.Settings()
        settings.orders = 500
        settings.window = 100
        var traffic = ReferenceTraffic(settings)
        var words: Set<StatusWord> = []
        while let record = traffic.next() {
            guard case .event(let event) = decoder.decode(value: record.value, key: nil, source: Self.source) else {
                Issue.record("a record of the reference load became a dead letter")
                return
            }
            #expect(event.refusal == nil && event.lines.count == 2)
            if let status = event.status { words.insert(status) }
        }
        #expect(words == Set(ReferenceTraffic.lifecycle.map { StatusWord.state($0) }))
    }
}

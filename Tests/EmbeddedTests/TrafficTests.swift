import Embedded
import Foundation
import OrderEvents
import Testing

/// The generator: deterministic, bounded, and realistic in the shares that its settings say.
@Suite struct TrafficTests {
    private static func generated(_ settings: TrafficSettings) -> (
        records: [TrafficRecord], generator: TrafficGenerator
    ) {
        var generator = TrafficGenerator(settings)
        var records: [TrafficRecord] = []
        while let record = generator.next() { records.append(record) }
        return (records, generator)
    }

    private static func settings(seed: UInt64 = 1, orders: Int = 400) -> TrafficSettings {
        var settings = TrafficSettings()
        settings.seed = seed
        settings.orders = orders
        return settings
    }

    /// FNV-1a over everything that reaches Kafka.
    private static func hash(_ records: [TrafficRecord]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ bytes: [UInt8]) { for byte in bytes + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        for record in records {
            mix(Array(record.topic.utf8))
            mix(record.key)
            mix(record.value ?? [0xFF, 0xFE])
            mix(Array(String(record.timestamp.microseconds).utf8))
        }
        return hash
    }

    private static func object(_ record: TrafficRecord) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(record.value ?? [])) as? [String: Any])
    }

    private static func eventID(_ record: TrafficRecord) throws -> String {
        let object = try object(record)
        return try #require((object["event_id"] ?? object["notificationId"]) as? String)
    }

    private static let garbage = TrafficKind.Garbage.allCases.map { TrafficKind.garbage($0) }
    private static let kinds: [TrafficKind] =
        [
            .clean, .duplicate, .late, .reordered, .gap, .outdated, .reusedKey, .unknownStatus, .unknownWarehouse,
            .unknownLegalEntity,
        ] + garbage

    @Test func sameSeedGivesSameBytesAndAnotherSeedOthers() {
        let first = Self.hash(Self.generated(Self.settings(seed: 7)).records)
        #expect(Self.hash(Self.generated(Self.settings(seed: 7)).records) == first)
        #expect(Self.hash(Self.generated(Self.settings(seed: 8)).records) != first)
    }

    @Test func someOrdersAreNotValidWhereThatIsAskedFor() {
        var settings = Self.settings(orders: 100)
        settings.shares = .none
        let sound = Self.generated(settings)
        #expect(!sound.generator.expectations.contains { $0.isInvalid })
        settings.invalidEvery = 10
        let some = Self.generated(settings)
        #expect(some.generator.expectations.count { $0.isInvalid } == 10)
        #expect(some.generator.expectations.map(\.finalState) == sound.generator.expectations.map(\.finalState))
        let changed = zip(some.records, sound.records).filter { $0.value != $1.value }
        let unknown = changed.filter { String(decoding: $0.0.value ?? [], as: UTF8.self).contains("\"OLD-SKU") }
        #expect(!unknown.isEmpty && unknown.count < changed.count, "the others have another total")
        #expect(changed.count < 30, "nothing else differs")
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func everyKindOccursInAFewHundredOrders(seed: UInt64) {
        let counts = Self.generated(Self.settings(seed: seed, orders: 300)).generator.counts
        for kind in Self.kinds { #expect(counts.count(kind) > 0, "no \(kind) with seed \(seed)") }
        #expect(counts.withheld > 0, "nothing withheld with seed \(seed)")
        #expect(counts.orders == 300)
    }

    @Test func sharesAreKept() {
        let settings = Self.settings(seed: 3, orders: 3000)
        let counts = Self.generated(settings).generator.counts
        let events = Double([.clean, .late, .reordered, .gap].reduce(0) { $0 + counts.count($1) } + counts.withheld)
        func expect(_ count: Int, near share: Double, _ what: String) {
            let found = Double(count) / events
            #expect(abs(found - share) < 0.1 * share + 2 / events, "\(what): \(found) instead of \(share)")
        }
        expect(counts.count(.duplicate), near: settings.shares.duplicate, "duplicates")
        expect(counts.count(.unknownStatus), near: settings.shares.unknownStatus, "unknown statuses")
        expect(counts.count(.unknownWarehouse), near: settings.shares.unknownWarehouse, "unknown warehouses")
        expect(counts.count(.unknownLegalEntity), near: settings.shares.unknownLegalEntity, "unknown entities")
        expect(counts.count(.reusedKey), near: settings.shares.reusedKey, "reused keys")
        expect(counts.count(.outdated), near: settings.shares.outdated, "outdated words")
        expect(counts.garbage, near: settings.shares.garbage, "garbage")
        expect(counts.count(.late), near: settings.shares.late, "late events")
        expect(counts.count(.reordered), near: settings.shares.reordered, "reordered events")
        // A gap needs a later number, so these have an upper bound only.
        #expect(Double(counts.count(.gap)) <= events * settings.shares.gap * 1.2)
        #expect(Double(counts.withheld) <= events * settings.shares.withheld * 1.2)
    }

    @Test func cleanTrafficHasOnlyCleanRecords() {
        var settings = Self.settings(orders: 200)
        settings.shares = .none
        let (records, generator) = Self.generated(settings)
        #expect(records.allSatisfy { $0.kind == .clean })
        #expect(generator.expectations.allSatisfy { $0.finalState != nil })
        #expect(generator.counts.withheld == 0)
    }

    @Test func everythingButGarbageIsJSONWithWhatAnEventNeeds() throws {
        for record in Self.generated(Self.settings(seed: 5)).records {
            if case .garbage = record.kind { continue }
            let object = try Self.object(record)
            let payload = object["payload"] as? [String: Any]
            #expect(object["event_id"] is String || object["notificationId"] is String)
            #expect(object["legal_entity"] is String || payload?["merchant"] is String)
            #expect(object["occurred_at"] is String || payload?["updatedAt"] is String)
            #expect(object["order_ref"] is String || payload?["orderId"] is String)
            #expect(object["status"] is String || object["milestone"] is String || payload?["status"] is String)
        }
    }

    @Test func someGarbageIsNoJSONAndNoneOfItIsOverHalfAMebibyte() {
        let records = Self.generated(Self.settings(seed: 5)).records
        let broken: Set<TrafficKind> = [
            .garbage(.binary), .garbage(.empty), .garbage(.truncated), .garbage(.brokenEncoding),
        ]
        for record in records {
            guard case .garbage(let kind) = record.kind else { continue }
            #expect((record.value?.count ?? 0) <= 512 * 1024)
            #expect((record.value == nil) == (kind == .tombstone))
            if kind == .giant { #expect((record.value?.count ?? 0) > 48 * 1024) }
            guard broken.contains(record.kind), let value = record.value else { continue }
            #expect((try? JSONSerialization.jsonObject(with: Data(value), options: .fragmentsAllowed)) == nil)
        }
    }

    @Test func duplicatesRepeatEarlierBytesAndReusedKeysOnlyTheID() throws {
        var seen: [String: Set<[UInt8]>] = [:]
        for record in Self.generated(Self.settings(seed: 9)).records {
            if case .garbage = record.kind { continue }
            let id = try Self.eventID(record)
            let value = try #require(record.value)
            switch record.kind {
            case .duplicate: #expect(seen[id]?.contains(value) == true)
            case .reusedKey: #expect(seen[id]?.isEmpty == false && seen[id]?.contains(value) == false)
            default: #expect(seen[id] == nil, "\(record.kind) uses \(id) again")
            }
            seen[id, default: []].insert(value)
        }
    }

    @Test func marketplaceNumbersCountFromOneAndOnlyWhatWasWithheldIsMissing() throws {
        let (records, generator) = Self.generated(Self.settings(seed: 11, orders: 1000))
        var numbers: [String: Set<Int>] = [:]
        for record in records where record.topic == TrafficChannel.marketplace.topic {
            if case .garbage = record.kind { continue }
            let payload = try #require(try Self.object(record)["payload"] as? [String: Any])
            guard let revision = payload["revision"] as? Int else { continue }
            numbers[String(decoding: record.key, as: UTF8.self), default: []].insert(revision)
        }
        let missing = numbers.values.reduce(0) { $0 + ($1.max() ?? 0) - $1.count }
        #expect(missing == generator.counts.withheld && missing > 0)
        #expect(numbers.values.allSatisfy { ($0.min() ?? 0) == 1 })
    }

    @Test func everyStateIsReachedAndEveryEntityHasOrders() {
        let expectations = Self.generated(Self.settings()).generator.expectations
        for state in CanonicalState.allCases {
            #expect(expectations.contains { $0.finalState == state }, "no order ends \(state.name)")
        }
        for entity in TrafficSettings.demoEntities {
            #expect(expectations.contains { $0.legalEntity == entity.name })
        }
        let keys = expectations.map { "\($0.legalEntity) \($0.orderRef)" }
        #expect(Set(keys).count == keys.count)
        #expect(expectations.contains { $0.finalState == nil })
    }

    @Test func quantitiesShippedAddUpToTheOrderUnlessItEndsInPart() throws {
        var settings = Self.settings(seed: 13)
        settings.shares = .none
        let (records, generator) = Self.generated(settings)
        var ordered: [String: Int] = [:]
        var shipped: [String: Int] = [:]
        for record in records {
            let object = try Self.object(record)
            let key = String(decoding: record.key, as: UTF8.self)
            let payload = object["payload"] as? [String: Any]
            for line in object["lines"] as? [[String: Any]] ?? [] {
                ordered[key, default: 0] += Int(line["quantity"] as? String ?? "") ?? 0
            }
            for item in payload?["items"] as? [[String: Any]] ?? [] {
                ordered[key, default: 0] += item["qty"] as? Int ?? 0
            }
            let shipment = object["shipment"] as? [String: Any]
            for line in shipment?["lines"] as? [[String: Any]] ?? [] {
                shipped[key, default: 0] += Int(line["quantity"] as? String ?? "") ?? 0
            }
        }
        for order in generator.expectations {
            let all = try #require(ordered[order.orderRef])
            let sent = shipped[order.orderRef] ?? 0
            switch order.finalState {
            case .invoiced, .closed: #expect(sent == all)
            case .partiallyFulfilled: #expect(sent > 0 && sent < all)
            case .shipped: #expect(sent > 0 && sent <= all)  // less where the rest was cancelled
            default: #expect(sent == 0)
            }
        }
    }

    @Test func recordsOfAnOrderShareAKeyAndTimesNeverRunBack() {
        let records = Self.generated(Self.settings()).records
        #expect(zip(records, records.dropFirst()).allSatisfy { $0.timestamp < $1.timestamp })
        #expect(records.allSatisfy { !$0.key.isEmpty })
        #expect(Set(records.map(\.topic)) == Set(DemoConfiguration.topics))
    }

    @Test func theNumberOfRecordsCanBeLimited() {
        var settings = Self.settings()
        settings.records = 100
        let (records, generator) = Self.generated(settings)
        #expect(records.count == 100)
        #expect(generator.counts.total == 100)
        #expect(generator.expectations.count < generator.counts.orders)
    }

    @Test func lateEventsComeBehindYoungerOnesOfTheirOrder() throws {
        let records = Self.generated(Self.settings(seed: 17)).records
        var newest: [[UInt8]: String] = [:]
        for record in records {
            if case .garbage = record.kind { continue }
            let object = try Self.object(record)
            let payload = object["payload"] as? [String: Any]
            let time = try #require((object["occurred_at"] ?? payload?["updatedAt"]) as? String)
            if [.late, .reordered, .gap].contains(record.kind) { #expect(try time < #require(newest[record.key])) }
            if [.clean, .late, .reordered, .gap].contains(record.kind) {
                newest[record.key] = max(newest[record.key] ?? "", time)
            }
        }
    }
}

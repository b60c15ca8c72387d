import Embedded
import Foundation
import OrderEvents
import Testing

/// The reference load: what the bench's bars are stated for.
@Suite struct TrafficReferenceTests {
    private static func records(_ settings: ReferenceTraffic.Settings) -> [TrafficRecord] {
        var traffic = ReferenceTraffic(settings)
        var records: [TrafficRecord] = []
        while let record = traffic.next() { records.append(record) }
        return records
    }

    private static func settings(orders: Int = 1100, window: Int = 100) -> ReferenceTraffic.Settings {
        var settings = ReferenceTraffic.Settings()
        settings.orders = orders
        settings.window = window
        return settings
    }

    @Test func sameSettingsGiveSameRecordsWhetherMemoryIsReusedOrNot() throws {
        let records = Self.records(Self.settings())
        var traffic = ReferenceTraffic(Self.settings())
        var record = try #require(records.first)
        for expected in records {
            let isThere = traffic.next(into: &record)
            #expect(isThere)
            #expect(
                record.value == expected.value && record.key == expected.key && record.timestamp == expected.timestamp)
        }
        let isMore = traffic.next(into: &record)
        #expect(!isMore)
        #expect(traffic.totalRecords == records.count)
    }

    @Test func everyOrderGoesThroughItsLifecycleInSequence() throws {
        // 1,050 orders in blocks of 100: the last block is half full.
        var words: [String: [String]] = [:]
        var ids: Set<String> = []
        for record in Self.records(Self.settings(orders: 1050)) where record.kind == .clean {
            let data = Data(try #require(record.value))
            let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let order = try #require(object["order_ref"] as? String)
            #expect(Array(order.utf8) == record.key)
            #expect((object["lines"] as? [Any])?.count == 2)
            let isNew = ids.insert(try #require(object["event_id"] as? String)).inserted
            #expect(isNew)
            words[order, default: []].append(try #require(object["status"] as? String))
            #expect(words[order]?.count == object["sequence"] as? Int)
        }
        #expect(words.count == 1050)
        #expect(words.values.allSatisfy { $0 == ReferenceTraffic.lifecycle.map(\.name) })
    }

    @Test func twoInAHundredAreDuplicatesOfEarlierRecords() throws {
        let records = Self.records(Self.settings(orders: 2000))
        var seen: Set<[UInt8]> = []
        var duplicates = 0
        for record in records {
            let value = try #require(record.value)
            let isNew = seen.insert(value).inserted
            #expect(isNew == (record.kind == .clean))
            if record.kind == .duplicate { duplicates += 1 }
        }
        #expect(abs(Double(duplicates) / Double(records.count) - 0.02) < 0.001)
    }

    @Test func eventsAreOfTheSizeThatTheBarsAreStatedFor() {
        let sizes = Self.records(Self.settings()).map { $0.value?.count ?? 0 }
        let average = sizes.reduce(0, +) / sizes.count
        #expect((430...470).contains(average), "\(average) bytes")
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) < 30)
    }

    @Test(arguments: [20, 1000])
    func ordersAreSpreadOverEntitiesAndWarehouses(entities: Int) throws {
        var settings = Self.settings(orders: entities * 3, window: 1000)
        settings.legalEntities = entities
        settings.duplicatesPerThousand = 0
        // What stands before the entity has the same length in all records.
        let records = Self.records(settings)
        let first = String(decoding: try #require(records.first?.value), as: UTF8.self)
        let match = try #require(first.firstMatch(of: /"legal_entity":"(LE-[0-9]{5})","warehouse":"W[0-9]"/))
        let start = first.utf8.distance(from: first.startIndex, to: match.range.lowerBound)
        let count = match.0.utf8.count
        var lanes: [ArraySlice<UInt8>: Int] = [:]
        for record in records { lanes[try #require(record.value)[start..<(start + count)], default: 0] += 1 }
        #expect(lanes.count == entities * 3)
        #expect(lanes.values.allSatisfy { $0 == 5 })
        let last = "\"legal_entity\":\"\(ReferenceTraffic.legalEntity(entities - 1))\",\"warehouse\":\"W3\""
        #expect(lanes[Array(last.utf8)[...]] == 5)
    }

    @Test func timesAreWrittenAsTheCalendarHasThem() throws {
        var settings = Self.settings(orders: 1, window: 1)
        for (microseconds, text) in [
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"), (1_795_437_296_789_000, "2026-11-23T12:34:56.789Z"),
            (1_798_761_599_999_000, "2026-12-31T23:59:59.999Z"), (0, "1970-01-01T00:00:00.000Z"),
        ] as [(Int64, String)] {
            settings.startingAt = Timestamp(microseconds: microseconds)
            let value = try #require(Self.records(settings).first?.value)
            #expect(String(decoding: value, as: UTF8.self).contains("\"occurred_at\":\"\(text)\""))
        }
    }
}

import OrderEvents
import Testing

/// Goal: no bytes make the decoder trap, and what it hands on is always whole.
@Suite struct HostileInputTests {
    private static func decoders() throws -> [(golden: String, decoder: EventDecoder)] {
        let issued = EventDecoder(ChannelFormat(name: "portal", index: 0, kind: .canonical, issuer: "portal"))
        return [
            (Fixture.full, Fixture.canonical), (Fixture.least(#""later":{"\u0061":[1.5e3,null,true]}"#), issued),
            (Fixture.mapped, try Fixture.mappedDecoder()), (MappedFactsTests.readable, try MappedFactsTests.decoder()),
            (CloudEventTests.structured, CloudEventTests.decoder()),
        ]
    }

    /// Every slice lies within the bytes, and the payload is what was given.
    private static func check(_ taken: Taken, _ value: [UInt8]) {
        guard case .event(let event) = taken else { return }
        #expect(event.payloadCount == value.count && Array(event.bytes.prefix(value.count)) == value)
        var slices = [
            event.eventID, event.legalEntity, event.warehouse, event.orderRef, event.currency, event.customerRef,
            event.customerName,
        ]
        slices += event.lines.flatMap { [$0.line, $0.sku, $0.tax] }
        slices += (event.facts?.references ?? []).flatMap { [$0.issuer, $0.value] } + [event.customerGroup]
        for shipment in event.facts?.shipments ?? [] {
            slices +=
                [shipment.ref, shipment.carrier, shipment.tracking] + shipment.lines.flatMap { [$0.line, $0.sku] }
        }
        slices += (event.facts?.allocation ?? []).flatMap { [$0.line, $0.sku, $0.expected] }
        slices += (event.facts?.payments ?? []).map(\.ref) + (event.facts?.invoices ?? []).map(\.ref)
        for slice in slices {
            #expect(Int(slice.start) + Int(slice.count) <= event.bytes.count)
            #expect(
                String(validating: Array(event.bytes[Int(slice.start)..<Int(slice.start + slice.count)]), as: UTF8.self)
                    != nil)
        }
        #expect((1...128).contains(event.eventID.count) && (1...128).contains(event.legalEntity.count))
        #expect(event.status != nil || event.milestone != nil || event.refusal != nil)
        #expect(!event.orderRef.isEmpty || event.reference != nil)
    }

    @Test func everyPrefixOfAnEventIsRefused() throws {
        for (golden, decoder) in try Self.decoders() {
            let value = Array(golden.utf8)
            let last = try #require(value.lastIndex(of: 0x7D))
            for count in 0...last {
                let prefix = Array(value[..<count])
                guard case .deadLetter(let letter) = decoder.decode(value: prefix, key: nil, source: Fixture.source)
                else {
                    Issue.record("\(count) bytes are an event")
                    continue
                }
                #expect(letter.reason == (count == 0 ? .empty : .notJSON))
                if count > 0 { #expect(JSONReaderTests.judge(prefix) != nil) }
            }
            #expect(JSONReaderTests.judge(value) == nil)
        }
    }

    @Test func mutatedEventsAreEventsOrDeadLetters() throws {
        let seed: UInt64 = 20_261_123
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let alphabet =
            Array("\"\\{}[]:,0123456789.eE+-tfnu/ \n\u{0}".utf8) + [0x80, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF]
        var events = 0
        var letters = 0
        for (golden, decoder) in try Self.decoders() {
            let value = Array(golden.utf8)
            for _ in 0..<7_000 {
                var mutant = value
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: 0..<mutant.count, using: &random)
                    switch Int.random(in: 0..<5, using: &random) {
                    case 0: mutant[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: mutant[place] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                    case 2: mutant.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: place)
                    case 3: mutant.remove(at: place)
                    default:
                        let end = min(mutant.count, place + Int.random(in: 1...40, using: &random))
                        let run = Array(mutant[place..<end])
                        mutant.insert(contentsOf: run, at: Int.random(in: 0...mutant.count, using: &random))
                    }
                }
                let taken = decoder.decode(value: mutant, key: nil, source: Fixture.source)
                Self.check(taken, mutant)
                switch taken {
                case .event:
                    events += 1
                    // The decoder is as strict as the reader: an event is a document that the reader takes.
                    #expect(JSONReaderTests.judge(mutant) == nil)
                case .deadLetter(let letter):
                    letters += 1
                    let isDocument = JSONReaderTests.judge(mutant) == nil
                    #expect(!isDocument || (letter.reason != .notJSON && letter.reason != .notUTF8))
                }
            }
        }
        // Both kinds have to occur, or the mutations test nothing.
        #expect(events > 1_000 && letters > 1_000)
    }

    @Test func randomBytesAreDeadLetters() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<3_000 {
            let value = (0..<Int.random(in: 1...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if case .event = Fixture.canonical.decode(value: value, key: nil, source: Fixture.source) {
                Issue.record("random bytes are an event")
            }
        }
    }

    @Test func longNamesOfOneObjectAreCheap() {
        // 1,000 names that differ in their last byte only, which a quadratic comparison would feel.
        let name = String(repeating: "n", count: 900)
        let members = (0..<1000).map { "\"\(name)\($0)\":0" }.joined(separator: ",")
        #expect(JSONReaderTests.judge("{\(members)}") == nil)
        #expect(JSONReaderTests.judge("{\(members.dropLast(2)),\"\(name)0\":0}") != nil)
    }
}

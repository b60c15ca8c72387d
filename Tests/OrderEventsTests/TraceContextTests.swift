import OrderEvents
import Testing

/// Goal: what W3C Trace Context, level 1, calls a `traceparent` is read, and nothing else is.
@Suite struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parent = "00f067aa0ba902b7"
    private static let usual = "00-\(trace)-\(parent)-01"

    private static func read(_ text: String) -> TraceContext? {
        let bytes = Array(text.utf8)
        return TraceContext(traceparent: bytes.span)
    }

    @Test func itsPartsAreWhereTheStandardHasThem() throws {
        let context = try #require(Self.read(Self.usual))
        #expect(context.high == 0x4bf9_2f35_77b3_4da6 && context.low == 0xa3ce_929d_0e0e_4736)
        #expect(context.parent == 0x00f0_67aa_0ba9_02b7 && context.flags == 1 && context.isSampled)
        #expect(context.traceID == Self.trace && context.traceparent == Self.usual)
        let other = try #require(Self.read("00-\(Self.trace)-\(Self.parent)-00"))
        #expect(!other.isSampled && other.high == context.high)
    }

    @Test(
        arguments: [
            ("cc-\(trace)-\(parent)-01", 1), ("cc-\(trace)-\(parent)-01-what-comes-then", 1),
            ("01-\(trace)-\(parent)-01-", 1),
            ("fe-\(trace)-\(parent)-fe", 0), ("01-\(trace)-\(parent)-ff", 1), ("00-\(trace)-\(parent)-ff", 0xFF),
            ("00-\(trace)-\(parent)-00", 0),
        ] as [(String, UInt8)])
    func laterVersionsAreReadAsFarAsTheyAreKnown(_ text: String, _ flags: UInt8) {
        let context = Self.read(text)
        #expect(context?.traceID == Self.trace && context?.flags == flags)
    }

    @Test(arguments: [
        "", "-", "00", "00-\(trace)-\(parent)", "00-\(trace)-\(parent)-", "00-\(trace)-\(parent)-1",
        // Version 00 is exactly so long; a later one goes on with a dash.
        "00-\(trace)-\(parent)-01-", "00-\(trace)-\(parent)-01-what", "00-\(trace)-\(parent)-011",
        "cc-\(trace)-\(parent)-01.what", "cc-\(trace)-\(parent)-0",
        // ff is no version.
        "ff-\(trace)-\(parent)-01", "0-\(trace)-\(parent)-01", "000-\(trace)-\(parent)-01", ".0-\(trace)-\(parent)-01",
        // Neither is nothing a trace, nor a span.
        "00-00000000000000000000000000000000-\(parent)-01", "00-\(trace)-0000000000000000-01",
        // Small letters only.
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-\(parent)-01", "00-\(trace)-00F067AA0BA902B7-01",
        "00-\(trace)-\(parent)-0A", "0A-\(trace)-\(parent)-01",
        // Lengths, separators, digits.
        "00-\(trace)0-\(parent)-01", "00-ff\(trace)-\(parent)-01", "00-\(trace)-\(parent)0-01",
        "00_\(trace)-\(parent)-01",
        "00-\(trace)_\(parent)-01", "00-\(trace)-\(parent)_01", "00-4bf92f3577b34da6a3ce929d0e0e473.-\(parent)-01",
        "00-4bf92f3577b34da6g3ce929d0e0e4736-\(parent)-01", "00-\(trace)-00f067aa0ba902bz-01",
        "00-\(trace)-\(parent)-.1",
        " 00-\(trace)-\(parent)-01", "00-\(trace)-\(parent)-01 ", "00-\(trace)-\(parent)-01\n",
        "00-\(trace)-\(parent)-01,00-\(trace)-\(parent)-01", "00-\u{FF14}bf92f3577b34da6a3ce929d0e0e47-\(parent)-01",
    ])
    func everythingElseIsIgnored(_ text: String) {
        #expect(Self.read(text) == nil)
    }

    @Test func noPrefixAndNoOtherByteIsTakenForIt() {
        let usual = Array(Self.usual.utf8)
        for count in usual.indices {
            let part = Array(usual[..<count])
            #expect(TraceContext(traceparent: part.span) == nil)
        }
        for place in usual.indices {
            for byte in UInt8.min...UInt8.max {
                var bytes = usual
                bytes[place] = byte
                let read = TraceContext(traceparent: bytes.span)
                let isDash = [2, 35, 52].contains(place)
                let isDigit = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
                // No single byte makes ff or only zeros of it.
                #expect((read != nil) == (isDash ? byte == 0x2D : isDigit), "byte \(byte) at \(place)")
                if place >= 3, let read { #expect(Array(read.traceparent.utf8) == bytes) }
            }
        }
    }

    @Test func whatIsStoredComesBack() throws {
        let context = try #require(Self.read(Self.usual))
        #expect(context.stored.count == 25 && context.stored[0] == 0x4b && context.stored[24] == 1)
        #expect(TraceContext(stored: context.stored) == context)
        #expect(TraceContext(stored: []) == nil && TraceContext(stored: context.stored + [0]) == nil)
        let lowest = TraceContext(high: 0, low: 1, parent: 1, flags: 0)
        #expect(TraceContext(stored: lowest.stored) == lowest)
        #expect(lowest.traceparent == "00-00000000000000000000000000000001-0000000000000001-00")
        #expect(Self.read(lowest.traceparent) == lowest)
    }

    @Test func aChildIsOfTheSameTraceAndPassesOnWhatIsKnown() throws {
        let context = try #require(Self.read("00-\(Self.trace)-\(Self.parent)-ff"))
        #expect(context.child(span: 0xAB).traceparent == "00-\(Self.trace)-00000000000000ab-03")
        #expect(context.child(span: 0).parent == 1, "no span has this number")
    }
}

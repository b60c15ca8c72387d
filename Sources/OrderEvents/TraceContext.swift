/// The trace that a record belongs to, and the span that sent it: a `traceparent` of W3C Trace Context, level 1.
///
/// Three numbers and a byte, read without an allocation. `tracestate` is not kept: it is up to 512 bytes of what
/// vendors wrote for each other, for every event and every order, and nothing here could tell whether there is personal
/// data in it.
public struct TraceContext: Equatable, Hashable, Sendable {
    /// The trace's first eight bytes, big-endian.
    public var high: UInt64
    /// The trace's last eight bytes; never 0 together with `high`.
    public var low: UInt64
    /// The span of who sent it; never 0.
    public var parent: UInt64
    /// `sampled`, and others as they came.
    public var flags: UInt8

    /// The flag of a trace that is being recorded.
    public static let sampled: UInt8 = 0b01
    /// What is passed on: `sampled`, and level 2's flag of random traces; others are reserved, and to be sent as 0.
    private static let passedOn: UInt8 = 0b11
    /// Length of version 00's text; later versions begin like it.
    private static let textBytes = 55
    private static let dash = UInt8(ascii: "-")

    /// A context; see the properties.
    public init(high: UInt64, low: UInt64, parent: UInt64, flags: UInt8) {
        self.high = high
        self.low = low
        self.parent = parent
        self.flags = flags
    }

    /// Reads a `traceparent`; nil: the standard says that it is to be ignored.
    ///
    /// Of versions above 00 counts what stands where 00 has it, and of their flags the one that 00 knows.
    public init?(traceparent text: Span<UInt8>) {
        guard text.count >= Self.textBytes, text[2] == Self.dash, text[35] == Self.dash, text[52] == Self.dash,
            let version = Self.number(text, 0, 2), version != 0xFF,
            version == 0 ? text.count == Self.textBytes : text.count == Self.textBytes || text[55] == Self.dash,
            let high = Self.number(text, 3, 16), let low = Self.number(text, 19, 16), high | low != 0,
            let parent = Self.number(text, 36, 16), parent != 0, let flags = Self.number(text, 53, 2)
        else { return nil }
        let all = UInt8(truncatingIfNeeded: flags)
        self.init(high: high, low: low, parent: parent, flags: version == 0 ? all : all & Self.sampled)
    }

    /// The number that so many hexadecimal digits stand for; nil: one of them is none, or a capital.
    private static func number(_ text: Span<UInt8>, _ start: Int, _ digits: Int) -> UInt64? {
        var number: UInt64 = 0
        for index in start..<start + digits {
            let byte = text[index]
            switch byte {
            case 0x30...0x39: number = number << 4 | UInt64(byte - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(byte - 0x57)
            default: return nil
            }
        }
        return number
    }

    /// Whether the trace is being recorded, as far as its beginning decided.
    public var isSampled: Bool { flags & Self.sampled != 0 }

    /// The trace as 32 hexadecimal digits.
    public var traceID: String {
        var text: [UInt8] = []
        Self.append(high, digits: 16, to: &text)
        Self.append(low, digits: 16, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The context as version 00 of a `traceparent`.
    public var traceparent: String {
        var text: [UInt8] = []
        text.reserveCapacity(Self.textBytes)
        text += [0x30, 0x30, Self.dash]
        Self.append(high, digits: 16, to: &text)
        Self.append(low, digits: 16, to: &text)
        text.append(Self.dash)
        Self.append(parent, digits: 16, to: &text)
        text.append(Self.dash)
        Self.append(UInt64(flags), digits: 2, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ number: UInt64, digits: Int, to text: inout [UInt8]) {
        for place in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(4 * place)) & 15
            text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }

    /// What is sent on within the same trace, from a span of our own.
    ///
    /// `span`: random; 0, which no span has, counts as 1.
    public func child(span: UInt64) -> TraceContext {
        TraceContext(high: high, low: low, parent: max(1, span), flags: flags & Self.passedOn)
    }
}

/// A trace that is shared by all who hold it.
@usableFromInline final class KeptTrace: Hashable, Sendable {
    /// What it takes: its head and the context.
    static let bytes = 16 + MemoryLayout<TraceContext>.stride

    @usableFromInline let context: TraceContext

    @usableFromInline init(_ context: TraceContext) { self.context = context }

    @usableFromInline static func == (one: KeptTrace, other: KeptTrace) -> Bool { one.context == other.context }

    @usableFromInline func hash(into hasher: inout Hasher) { hasher.combine(context) }
}

// The 25 bytes that the store keeps: trace, span, flags.
extension TraceContext {
    /// The context as the store keeps it.
    public var stored: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(25)
        for number in [high, low, parent] {
            for place in (0..<8).reversed() { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * place))) }
        }
        bytes.append(flags)
        return bytes
    }

    /// Reads what `stored` gave; nil: something else.
    public init?(stored bytes: [UInt8]) {
        guard bytes.count == 25 else { return nil }
        func number(_ start: Int) -> UInt64 { bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(high: number(0), low: number(8), parent: number(16), flags: bytes[24])
    }
}

internal import Glibc

/// Bytes in network order, written one after the other into one array that only grows.
///
/// The array is kept longer than what was written (`end`), so that a write is one check and one store; `append` of the
/// standard library cost two to three times as much for the four-byte lengths that COPY and arrays are full of.
struct ByteWriter: Sendable {
    /// Written bytes up to `end`, room beyond.
    ///
    /// Never empty, so that a value of no bytes has an address too (a null address means NULL to libpq).
    private(set) var bytes: [UInt8]
    private(set) var end = 0
    /// Whether a text with a NUL byte was written.
    private(set) var containsNUL = false

    init(capacity: Int = 256) { bytes = [UInt8](repeating: 0, count: max(capacity, 16)) }

    /// Forgets what was written and keeps the memory.
    @inline(__always) mutating func reset() {
        end = 0
        containsNUL = false
        if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: 256) }
    }

    /// Gives the written bytes away; the next write allocates anew.
    mutating func take() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        taken.removeLast(taken.count - end)
        reset()
        return taken
    }

    @inline(never) private mutating func grow(by count: Int) {
        let size = max(bytes.count * 2, end + count, 256)
        let written = end
        // One copy and one fill, whatever the build: appending zeros one by one made debug builds crawl.
        bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
            let raw = UnsafeMutableRawBufferPointer(target)
            unsafe bytes.withUnsafeBytes { (source: UnsafeRawBufferPointer) in
                unsafe raw.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<written]))
            }
            if let base = raw.baseAddress { unsafe memset(base + written, 0, size - written) }
            count = size
        }
    }

    @inline(__always) private mutating func room(_ count: Int) {
        if bytes.count - end < count { grow(by: count) }
    }

    @inline(__always) mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        room(MemoryLayout<T>.size)
        let at = end
        unsafe bytes.withUnsafeMutableBytes { (raw: UnsafeMutableRawBufferPointer) in
            unsafe raw.storeBytes(of: value.bigEndian, toByteOffset: at, as: T.self)
        }
        end = at + MemoryLayout<T>.size
    }

    /// A length in four bytes, then the integer: in one step, because rows and arrays consist of little else.
    @inline(__always) mutating func sized<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        let size = MemoryLayout<T>.size
        room(4 + size)
        let at = end
        unsafe bytes.withUnsafeMutableBytes { (raw: UnsafeMutableRawBufferPointer) in
            unsafe raw.storeBytes(of: Int32(truncatingIfNeeded: size).bigEndian, toByteOffset: at, as: Int32.self)
            unsafe raw.storeBytes(of: value.bigEndian, toByteOffset: at + 4, as: T.self)
        }
        end = at + 4 + size
    }

    /// Overwrites an integer that was written before.
    mutating func patch(_ value: Int32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= end)
        unsafe bytes.withUnsafeMutableBytes { (raw: UnsafeMutableRawBufferPointer) in
            unsafe raw.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self)
        }
    }

    /// A length in four bytes, then the bytes.
    ///
    /// `isText` looks for NUL.
    @inline(__always) mutating func sized(_ source: UnsafeRawBufferPointer, isText: Bool) {
        // A value of 2 GiB cannot be told to PostgreSQL at all; nothing here comes near it.
        precondition(source.count <= Int(Int32.max))
        let count = source.count
        room(4 + count)
        let at = end
        unsafe bytes.withUnsafeMutableBytes { (raw: UnsafeMutableRawBufferPointer) in
            unsafe raw.storeBytes(of: Int32(truncatingIfNeeded: count).bigEndian, toByteOffset: at, as: Int32.self)
            if count > 0, let from = source.baseAddress {
                unsafe raw.baseAddress?.advanced(by: at + 4).copyMemory(from: from, byteCount: count)
            }
        }
        end = at + 4 + count
        if isText, let base = source.baseAddress, unsafe memchr(base, 0, count) != nil { containsNUL = true }
    }

    /// The bytes without their length, looked through for NUL.
    @inline(__always) mutating func text(_ source: UnsafeRawBufferPointer) {
        unsafe copy(source)
        if let base = source.baseAddress, unsafe memchr(base, 0, source.count) != nil { containsNUL = true }
    }

    mutating func text(_ source: [UInt8], _ start: Int, _ count: Int) {
        unsafe source.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
            unsafe text(UnsafeRawBufferPointer(rebasing: raw[start..<(start + count)]))
        }
    }

    @inline(__always) mutating func sized(_ text: String) {
        var text = text
        text.withUTF8 { (source: UnsafeBufferPointer<UInt8>) in
            unsafe sized(UnsafeRawBufferPointer(source), isText: true)
        }
    }

    @inline(__always) mutating func sized(_ source: [UInt8], _ start: Int, _ count: Int, isText: Bool) {
        precondition(start >= 0 && count >= 0 && start <= source.count - count)
        unsafe source.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
            unsafe sized(UnsafeRawBufferPointer(rebasing: raw[start..<(start + count)]), isText: isText)
        }
    }

    @inline(__always) mutating func copy(_ source: UnsafeRawBufferPointer) {
        let count = source.count
        guard count > 0, let from = source.baseAddress else { return }
        room(count)
        let at = end
        unsafe bytes.withUnsafeMutableBytes { (raw: UnsafeMutableRawBufferPointer) in
            unsafe raw.baseAddress?.advanced(by: at).copyMemory(from: from, byteCount: count)
        }
        end = at + count
    }

    /// What another writer wrote.
    mutating func copy(_ other: ByteWriter) {
        if other.containsNUL { containsNUL = true }
        unsafe other.bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
            unsafe copy(UnsafeRawBufferPointer(rebasing: raw[0..<other.end]))
        }
    }
}

/// PostgreSQL counts microseconds from 2000-01-01T00:00:00Z; everybody else from 1970.
enum PostgresEpoch {
    static let microseconds: Int64 = 946_684_800_000_000

    /// Saturates instead of trapping; never gives the two values that stand for -infinity and infinity, so what is out
    /// of range is refused by the server (22008).
    @inline(__always) static func from(unix microseconds: Int64) -> Int64 {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(Self.microseconds)
        return overflow ? .min + 1 : Swift.max(difference, .min + 1)
    }

    /// Infinity and -infinity become the ends of the range.
    @inline(__always) static func toUnix(_ microseconds: Int64) -> Int64 {
        let (sum, overflow) = microseconds.addingReportingOverflow(Self.microseconds)
        return overflow ? .max : microseconds == .min ? .min : sum
    }
}

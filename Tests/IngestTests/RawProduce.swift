import Glibc
import TestSupport
import Testing

/// Writes record batches as they are to a broker that does not look into them, which the mock cluster is.
///
/// The library's own producer makes only good ones.
enum RawProduce {
    /// What is wrong with a batch of three records.
    enum Damage: String, CaseIterable, Sendable {
        case checksum, gzip, snappy, lz4, zstd

        /// The codec's number in the attributes.
        var codec: UInt8 {
            switch self {
            case .checksum: 0
            case .gzip: 1
            case .snappy: 2
            case .lz4: 3
            case .zstd: 4
            }
        }
    }

    static let records = 3

    /// Appends a damaged batch to partition 0 of `topic`.
    static func send(_ damage: Damage, to topic: String, at address: String) throws {
        let batch = batch(damage)
        var body = Bytes()
        body.int16(-1)  // transactional id: null
        body.int16(-1)  // acks: all
        body.int32(10_000)
        body.int32(1)
        body.text(topic)
        body.int32(1)
        body.int32(0)
        body.int32(Int32(batch.count))
        body.all += batch
        var request = Bytes()
        request.int16(0)  // Produce
        request.int16(7)
        request.int32(1)
        request.text("raw")
        request.all += body.all
        var framed = Bytes()
        framed.int32(Int32(request.all.count))
        let answer = try exchange(framed.all + request.all, address)
        // Correlation, topics, name, partitions, partition, then the error.
        let place = 4 + 4 + 2 + topic.utf8.count + 4 + 4
        try #require(answer.count >= place + 2)
        #expect(answer[place] == 0 && answer[place + 1] == 0, "the broker refused the batch")
    }

    private static func batch(_ damage: Damage) -> [UInt8] {
        var records = Bytes()
        for delta in 0..<Self.records {
            // Attributes, time delta, offset delta, no key, value "e1", no headers; numbers are zigzag varints.
            let record: [UInt8] = [0, 0, UInt8(delta * 2), 1, 4, UInt8(ascii: "e"), UInt8(ascii: "1"), 0]
            records.all += [UInt8(record.count * 2)] + record
        }
        if damage != .checksum { records.all = (0..<40).map { UInt8(($0 * 37 + 11) % 256) } }
        var checked = Bytes()
        checked.int16(Int16(damage.codec))
        checked.int32(Int32(Self.records - 1))
        checked.int64(1_700_000_000_000)
        checked.int64(1_700_000_000_000)
        checked.int64(-1)
        checked.int16(-1)
        checked.int32(-1)
        checked.int32(Int32(Self.records))
        checked.all += records.all
        var batch = Bytes()
        batch.int64(0)
        batch.int32(Int32(4 + 1 + 4 + checked.all.count))
        batch.int32(-1)
        batch.all.append(2)
        let sum = crc32c(checked.all)
        batch.int32(Int32(bitPattern: damage == .checksum ? sum ^ 1 : sum))
        return batch.all + checked.all
    }

    private static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }

    /// Big-endian numbers, as the protocol has them.
    private struct Bytes {
        var all: [UInt8] = []
        mutating func int16(_ value: Int16) { append(UInt64(UInt16(bitPattern: value)), 2) }
        mutating func int32(_ value: Int32) { append(UInt64(UInt32(bitPattern: value)), 4) }
        mutating func int64(_ value: Int64) { append(UInt64(bitPattern: value), 8) }
        mutating func text(_ value: String) {
            int16(Int16(value.utf8.count))
            all += value.utf8
        }
        private mutating func append(_ value: UInt64, _ count: Int) {
            for place in (0..<count).reversed() { all.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
        }
    }

    /// Sends a request to `host:port` and gives the answer without its length.
    private static func exchange(_ request: [UInt8], _ address: String) throws -> [UInt8] {
        let port = try #require(UInt16(address.split(separator: ":").last ?? ""))
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = unsafe withUnsafePointer(to: &place) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
        let sent = unsafe request.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        try #require(sent == request.count)
        let size = try receive(descriptor, 4).reduce(0) { $0 << 8 | Int($1) }
        return try receive(descriptor, size)
    }

    private static func receive(_ descriptor: Int32, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
            }
            try #require(got > 0, "the broker hung up")
            filled += got
        }
        return bytes
    }
}

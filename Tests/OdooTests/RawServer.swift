import Foundation
import Glibc
import Testing

/// A server that says what the test says, byte for byte, each connection on a thread of its own.
final class RawServer: Sendable {
    let port: Int
    private let listener: Int32

    /// A server on a free port; `serve` has each connection to itself, which is closed afterwards.
    init(_ serve: @escaping @Sendable (RawConnection) -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(descriptor, pointer, length) == 0 && listen(descriptor, 128) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        try #require(bound)
        listener = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread {
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { break }
                Thread.detachNewThread {
                    serve(RawConnection(descriptor: client))
                    close(client)
                }
            }
            close(descriptor)
        }
    }

    /// A server that answers every request with `reply` and closes.
    convenience init(replying reply: [UInt8]) throws {
        try self.init { connection in
            _ = connection.request()
            _ = connection.send(reply)
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// No further connections.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}

/// One client of a `RawServer`.
struct RawConnection: Sendable {
    let descriptor: Int32

    /// Reads a request with its body; nil when the client left before.
    func request() -> (head: String, body: [UInt8])? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let end = bytes.indices.first(where: { bytes[$0...].starts(with: blank) }) {
                let head = String(decoding: bytes[..<end], as: UTF8.self)
                let field = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                let length = field.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
                var body = Array(bytes[(end + 4)...])
                while body.count < length {
                    let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
                    guard count > 0 else { return nil }
                    body += buffer[..<count]
                }
                return (head, body)
            }
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
    }

    /// Whether all of `bytes` could be sent.
    func send(_ bytes: some Sequence<UInt8>) -> Bool {
        let all = Array(bytes)
        var sent = 0
        while sent < all.count {
            let count = unsafe all.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), all.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func send(_ text: String) -> Bool { send(text.utf8) }

    /// Waits until the client left.
    func awaitEnd() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while unsafe recv(descriptor, &buffer, buffer.count, 0) > 0 {}
    }

    /// Makes closing break the connection.
    func breakWhenClosed() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

import Glibc

/// A raw TCP client: it sends what it is told and reads until the server closes.
final class TestClient: Sendable {
    /// What a read ended with.
    enum End: Equatable {
        case closed, reset, silent
    }

    /// Longest wait for anything; a test that hits it fails on what it got.
    private static let patience: Int32 = 120_000

    let descriptor: Int32

    /// Connects to a loopback port; traps on failure, which in a test is a report.
    init(port: Int, ipv6: Bool = false) {
        descriptor = socket(ipv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let network = in_port_t(port).bigEndian
        var result: Int32
        if ipv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = network
            address.sin6_addr = in6addr_loopback
            result = unsafe withUnsafeBytes(of: &address) { bytes in
                unsafe connect(
                    descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = network
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            result = unsafe withUnsafeBytes(of: &address) { bytes in
                unsafe connect(
                    descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
        }
        precondition(result == 0, "connect: errno \(errno)")
    }

    deinit { close(descriptor) }

    /// Sends all bytes; false when the server is gone.
    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe Glibc.send(
                    descriptor, all.baseAddress?.advanced(by: sent), all.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Sends text.
    @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Ends the connection; the descriptor stays until the client is gone.
    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Whether the server says something, or closes, within some milliseconds.
    func isReadable(within milliseconds: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, milliseconds) > 0
    }

    /// Everything until the server closes, as text, and how it ended.
    func readAll() -> (text: String, end: End) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while isReadable(within: Self.patience) {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count == 0 { return (String(decoding: bytes, as: UTF8.self), .closed) }
            if count < 0 { return (String(decoding: bytes, as: UTF8.self), .reset) }
            bytes += chunk[..<count]
        }
        return (String(decoding: bytes, as: UTF8.self), .silent)
    }
}

internal import Glibc

/// An address that a socket can be connected to.
struct SocketAddress: Sendable {
    /// Most addresses of a host that are tried.
    static let most = 16

    let family: Int32
    /// The C structure of this family.
    let bytes: [UInt8]

    /// The addresses of `host`, in the sequence in which they should be tried; empty when there are none.
    ///
    /// Blocks, for as long as the system asks others, unless `isNumeric`: then only a numeric address has one.
    static func find(host: String, port: UInt16, isNumeric: Bool) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV | (isNumeric ? AI_NUMERICHOST : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next, found.count < most {
            if let address = unsafe entry.pointee.ai_addr {
                let bytes = unsafe UnsafeRawBufferPointer(start: address, count: Int(entry.pointee.ai_addrlen))
                found.append(SocketAddress(family: unsafe entry.pointee.ai_family, bytes: unsafe Array(bytes)))
            }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }
}

/// A connection that never blocks, closed when the last one that watches it lets it go.
final class ClientSocket: Sendable {
    /// What became of sending or receiving.
    enum Outcome {
        case bytes(Int)
        /// Nothing for now.
        case later
        /// The server sends no more.
        case end
        case failed
    }

    let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// A socket that begins to connect to `address`; nil when that cannot even begin.
    static func open(to address: SocketAddress) -> ClientSocket? {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { return nil }
        let made = ClientSocket(descriptor: descriptor)
        // A request goes out in a few pieces; none of them should wait for the server's word on the one before.
        var isOn: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        let result = unsafe address.bytes.withUnsafeBytes { bytes in
            unsafe connect(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        return result == 0 || errno == EINPROGRESS ? made : nil
    }

    deinit { close(descriptor) }

    /// Sends what is taken at once of `bytes` from `start` on; `later` also while the connection is being made.
    func send(_ bytes: [UInt8], from start: Int) -> Outcome {
        while true {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe Glibc.send(
                    descriptor, all.baseAddress?.advanced(by: start), all.count - start, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .later : .failed
        }
    }

    /// Reads what is there into `buffer`.
    func receive(into buffer: inout [UInt8]) -> Outcome {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
            }
            if count >= 0 { return count > 0 ? .bytes(count) : .end }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .later : .failed
        }
    }

    /// Ends the connection at once, also while it is still watched.
    func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

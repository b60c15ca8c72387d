import Glibc

/// A socket that listens on a TCP address.
struct Listener: ~Copyable {
    /// Connections that the kernel keeps while all of a server's threads are busy.
    private static let backlog: Int32 = 512

    let socket: Socket
    /// The port listened on, also when 0 was asked for.
    let port: Int

    /// Binds to the first address of `host` that can be bound, IPv4 or IPv6.
    init(host: String, port: Int) throws(HTTPServerError) {
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        guard (0...65_535).contains(port), !host.isEmpty else {
            throw HTTPServerError(code: .addressNotUnderstood, address: address, errorNumber: 0)
        }
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0 else {
            throw HTTPServerError(code: .addressNotUnderstood, address: address, errorNumber: 0)
        }
        defer { unsafe freeaddrinfo(found) }
        var errorNumber: Int32 = 0
        var next = unsafe found
        while let entry = unsafe next {
            let bound = unsafe Self.bind(entry.pointee)
            if bound >= 0 {
                socket = Socket(descriptor: bound)
                self.port = Self.port(of: bound)
                return
            }
            errorNumber = -bound
            unsafe next = entry.pointee.ai_next
        }
        throw HTTPServerError(code: Self.code(of: errorNumber), address: address, errorNumber: errorNumber)
    }

    /// Accepts a connection; nil when there is none or it broke.
    ///
    /// `isExhausted`: the process is out of descriptors.
    ///
    /// accept4(2), which would set both flags at once, is not visible to Swift. A process that forks and executes
    /// in the moment between keeps a copy of the connection; the server ends connections with shutdown(2), which
    /// clients see all the same.
    func accept(isExhausted: inout Bool) -> Int32? {
        let descriptor = Glibc.accept(socket.descriptor, nil, nil)
        guard descriptor >= 0 else {
            isExhausted = [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno)
            return nil
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return descriptor
    }

    /// The descriptor of a socket bound to the address, or an errno, negated.
    private static func bind(_ entry: addrinfo) -> Int32 {
        let type = unsafe entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = unsafe Glibc.socket(entry.ai_family, type, entry.ai_protocol)
        guard descriptor >= 0 else { return -errno }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // Restarting must not wait for the last process' connections to leave TIME_WAIT.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if unsafe entry.ai_family == AF_INET6 {
            unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, size)
        }
        let bound = unsafe Glibc.bind(descriptor, entry.ai_addr, entry.ai_addrlen)
        if bound == 0 && listen(descriptor, backlog) == 0 { return descriptor }
        let errorNumber = errno
        close(descriptor)
        return -errorNumber
    }

    private static func port(of descriptor: Int32) -> Int {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            let address = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            guard unsafe getsockname(descriptor, address, &length) == 0 else { return 0 }
            // sockaddr_in and sockaddr_in6 both have the port, in network order, after the family.
            return unsafe Int(bytes[2]) << 8 | Int(bytes[3])
        }
    }

    private static func code(of errorNumber: Int32) -> HTTPServerError.Code {
        switch errorNumber {
        case EADDRINUSE: .addressInUse
        case EADDRNOTAVAIL: .addressNotHere
        case EACCES, EPERM: .notPermitted
        default: .system
        }
    }
}

import Foundation

/// Tells the service manager how the process is doing, by sd_notify(3)'s protocol: datagrams to NOTIFY_SOCKET.
///
/// Without that variable it says nothing. A message that does not arrive is nobody's trouble.
struct ServiceNotifier: Sendable {
    private let path: String?
    /// How often the watchdog wants to hear, half of what it waits; nil: it does not.
    let watchdogInterval: Duration?

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        // A path, or with @ a name without a file.
        path = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        if path != nil, isOurs, let text = environment["WATCHDOG_USEC"], let wait = Int64(text), wait > 0 {
            watchdogInterval = .microseconds(wait / 2)
        } else {
            watchdogInterval = nil
        }
    }

    /// Begun: everything runs, whatever it waits for.
    func ready() { send("READY=1\nSTATUS=running") }
    /// The configuration is read anew; `ready` ends it.
    func reloading() {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)\nSTATUS=reading the configuration anew")
    }
    /// The end begins.
    func stopping() { send("STOPPING=1\nSTATUS=stopping") }
    /// Still alive.
    func watchdog() { send("WATCHDOG=1") }
    /// The start waits for something that is not there; it may take so long again.
    func waiting(for what: String) {
        send("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=waits for \(what)")
    }

    private func send(_ message: String) {
        guard let path else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        let isAbstract = name.first == UInt8(ascii: "@")
        if isAbstract { name[0] = 0 }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < room else { return }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            for (index, byte) in name.enumerated() { unsafe bytes[index] = byte }
        }
        let length = MemoryLayout<sa_family_t>.size + name.count + (isAbstract ? 0 : 1)
        let bytes = Array(message.utf8)
        _ = unsafe withUnsafeBytes(of: &address) { raw in
            unsafe sendto(
                descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT),
                raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
    }
}

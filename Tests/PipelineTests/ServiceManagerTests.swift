import Foundation
import TestSupport
import Testing

/// What a service manager hears.
private final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            for (index, byte) in path.utf8.enumerated() { unsafe bytes[index] = byte }
        }
        let bound = unsafe withUnsafeBytes(of: &address) { raw in
            unsafe bind(
                descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_un>.size))
        }
        try #require(bound == 0)
    }

    deinit { close(descriptor) }

    /// The next message; empty: none came in time.
    func next() -> String {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&wait, 1, 40_000) > 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// The next message that is not the watchdog's, or empty.
    func nextState() -> String {
        while true {
            let message = next()
            if message != "WATCHDOG=1" && !message.hasPrefix("EXTEND") { return message }
        }
    }
}

extension PipelineTests {
    /// sd_notify(3), as a service manager sees it.
    @Suite struct ServiceManagerTests {
        @Test func readyReloadingStoppingAndTheWatchdogAreTold() throws {
            let stage = try Stage()
            let socket = try NotifySocket(stage.folder.path + "/notify")
            let pipeline = try stage.run(["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"])
            #expect(socket.nextState().hasPrefix("READY=1\n"), pipeline.report)
            var heard = 0
            while heard < 3, !socket.next().isEmpty { heard += 1 }
            #expect(heard == 3)
            pipeline.hangUp()
            let reloading = socket.nextState()
            #expect(reloading.hasPrefix("RELOADING=1\nMONOTONIC_USEC="), pipeline.report)
            #expect(socket.nextState().hasPrefix("READY=1\n"), pipeline.report)
            pipeline.terminate()
            #expect(socket.nextState().hasPrefix("STOPPING=1\n"), pipeline.report)
            #expect(try pipeline.exitCode() == 0, pipeline.report)
        }
    }
}

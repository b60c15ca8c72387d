import Foundation

/// Asks a process on this machine by HTTP, one request a connection, and does nothing but read.
struct LoopbackClient {
    let port: UInt16

    /// What one request took and gave.
    struct Answer {
        /// From connecting to the end of the answer.
        var milliseconds: Double
        /// Of the whole answer, its head included.
        var bytes: Int
        /// Its first bytes, some hundred at least where it has as many.
        var beginning: [UInt8]
        /// Its last six bytes.
        var end: [UInt8]
        /// Of its first line; nil: there is none.
        var status: Int? {
            let words = String(decoding: beginning.prefix(16), as: UTF8.self).split(separator: " ")
            return words.count > 1 ? Int(words[1]) : nil
        }
    }

    /// Asks for a path; `headers`: lines, each with its end.
    func get(_ path: String, headers: String = "") throws(BenchError) -> Answer {
        let start = ContinuousClock.now
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let connected = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe connect(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\r\n".utf8)
        guard connected == 0, unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
        else { throw BenchError("no answer on port \(port)") }
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var answer = Answer(milliseconds: 0, bytes: 0, beginning: [], end: [])
        while true {
            let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            answer.bytes += count
            if answer.beginning.count < 1024 { answer.beginning += chunk[..<min(count, 1024)] }
            answer.end = Array((answer.end + chunk[..<count].suffix(6)).suffix(6))
        }
        answer.milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        return answer
    }
}

internal import Dispatch
internal import Foundation
internal import Synchronization

// URLSession asks to be told that a new connection can be written to, and goes on asking until the call ends, so that
// one waiting call costs most of a core (Swift 6.3 on Linux). Odoo without a proxy ends each connection after its
// answer. Hence plain HTTP is spoken here; https, which needs TLS, stays with URLSession.

/// Sends requests over plain HTTP, each on a connection of its own.
///
/// Whatever happens to its calls happens on `queue`, which never blocks.
///
/// Safe: what changes is touched on `queue` only; `runs` is atomic.
final class PlainClient: @unchecked Sendable {
    let queue = DispatchQueue(label: "odoo-http", qos: .userInitiated)
    /// How often the system was heard about a socket: what a call costs while it waits.
    let runs = Atomic<Int>(0)
    /// Where replies are read into before a reader takes them.
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    private let connections: Int
    /// Connections of a host and port, and the calls that wait for one; bounded by those who call.
    private var lines: [String: (busy: Int, waiting: [PlainCall])] = [:]
    private var names = HostNames()

    /// A client with at most `connections` connections to one host and port.
    init(connections: Int) { self.connections = max(1, connections) }

    /// Lets `call` begin when it may have a connection.
    func admit(_ call: PlainCall) {
        var line = lines.removeValue(forKey: call.request.authority) ?? (0, [])
        let isNext = line.busy < connections
        if isNext { line.busy += 1 } else { line.waiting.append(call) }
        lines[call.request.authority] = line
        if isNext { call.begin() }
    }

    /// `call`, which was admitted, is over.
    func leave(_ call: PlainCall) {
        guard var line = lines.removeValue(forKey: call.request.authority) else { return }
        var next: PlainCall?
        if let place = line.waiting.firstIndex(where: { $0 === call }) {
            line.waiting.remove(at: place)
        } else if line.waiting.isEmpty {
            line.busy -= 1
        } else {
            next = line.waiting.removeFirst()
        }
        if line.busy > 0 { lines[call.request.authority] = line }
        // Not at once: where nobody can be reached, each would end within the one before.
        if let next { queue.async { next.begin() } }
    }

    /// The addresses for `call`; nil: they come later, by `PlainCall.found`.
    func addresses(for call: PlainCall) -> [SocketAddress]? {
        let addresses = names.addresses(for: call)
        lookUp()
        return addresses
    }

    /// Nobody could be reached where `request` goes.
    func forget(_ request: PlainRequest) { names.forget(request) }

    private func lookUp() {
        while let request = names.next() {
            Thread.detachNewThread {
                Thread.current.name = "odoo-names"
                let addresses = SocketAddress.find(host: request.host, port: request.port, isNumeric: false)
                self.queue.async {
                    for call in self.names.found(addresses, for: request) { call.found(addresses) }
                    self.lookUp()
                }
            }
        }
    }
}

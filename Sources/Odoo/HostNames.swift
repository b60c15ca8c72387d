/// The addresses of hosts, remembered for a while and looked up on threads of their own, because that blocks.
///
/// Only touched on the queue that it was made with.
struct HostNames {
    /// How long addresses are used without asking again; those that nobody can be reached at are forgotten at once.
    static let lifetime: Duration = .seconds(60)
    /// Most hosts that are remembered.
    static let mostHosts = 256
    /// Most look-ups at once, one a host.
    static let mostLookups = 8

    private struct Known {
        var addresses: [SocketAddress]
        var until: ContinuousClock.Instant
    }

    private var known: [String: Known] = [:]
    /// Who waits for a host's addresses.
    private var waiting: [String: [PlainCall]] = [:]
    /// Hosts whose look-up has not begun.
    private var line: [PlainRequest] = []
    private var running = 0

    /// The addresses that `call` can have at once; nil: it is told of them later.
    mutating func addresses(for call: PlainCall, now: ContinuousClock.Instant = .now) -> [SocketAddress]? {
        let request = call.request
        let numeric = SocketAddress.find(host: request.host, port: request.port, isNumeric: true)
        if !numeric.isEmpty { return numeric }
        if let known = known[request.authority], known.until > now { return known.addresses }
        if waiting[request.authority] == nil { line.append(request) }
        waiting[request.authority, default: []].append(call)
        return nil
    }

    /// The next host to look up, if one may be looked up now; whoever does tells `found`.
    mutating func next() -> PlainRequest? {
        guard running < Self.mostLookups, !line.isEmpty else { return nil }
        running += 1
        return line.removeFirst()
    }

    /// Keeps what was found and returns who waited for it.
    mutating func found(
        _ addresses: [SocketAddress], for request: PlainRequest, now: ContinuousClock.Instant = .now
    ) -> [PlainCall] {
        running -= 1
        if known.count >= Self.mostHosts { known = known.filter { $0.value.until > now } }
        if known.count >= Self.mostHosts { known.removeAll() }
        if !addresses.isEmpty {
            known[request.authority] = Known(addresses: addresses, until: now.advanced(by: Self.lifetime))
        }
        return waiting.removeValue(forKey: request.authority) ?? []
    }

    /// Nobody could be reached there.
    mutating func forget(_ request: PlainRequest) { known[request.authority] = nil }
}

import Glibc

/// A small, strict HTTP/1.1 server: one request per connection, hard limits, no keep-alive.
///
/// Threads: one accepts; each connection is read, handled and answered on a thread from a pool that grows up to
/// `limits.connections` and is kept. Handlers run there and may block. Clients beyond the limit wait in the kernel's
/// backlog. All members may be called from any thread.
public final class HTTPServer: Sendable {
    /// Answers one request, on a thread of the server's; several at once.
    public typealias Handler = @Sendable (HTTPRequest) -> HTTPAnswer

    /// What a server has done since it was made.
    public struct Counts: Sendable, Equatable {
        /// Connections accepted.
        public var accepted: Int
        /// Requests that a handler answered.
        public var answered: Int
        /// Requests refused before a handler saw them, those that took too long included.
        public var refused: Int
        /// Connections that ended without an answer: the client left, never spoke, or did not take the reply.
        public var lost: Int
    }

    private let core: ServerCore

    /// The port listened on: the one asked for, or the one the system chose when that was 0.
    public let port: Int

    /// Binds and listens, so that clients can connect; they are answered after `start`.
    ///
    /// - Parameters:
    ///   - host: a name or address of this machine, IPv4 or IPv6 (without brackets).
    ///   - port: 0 to 65535; 0 lets the system choose.
    ///   - limits: what to take from clients.
    ///   - isPreferred: whether its threads go before those of usual priority (nice -5), where the system allows it.
    ///   - handler: answers requests.
    /// - Throws: `HTTPServerError`, which says what to do.
    public init(
        host: String, port: Int, limits: HTTPLimits = HTTPLimits(), isPreferred: Bool = false,
        handler: @escaping Handler
    ) throws(HTTPServerError) {
        precondition(limits.connections > 0, "a server needs room for one connection")
        guard let wake = WakeSignal() else {
            throw HTTPServerError(code: .system, address: "\(host):\(port)", errorNumber: errno)
        }
        let listener = try Listener(host: host, port: port)
        self.port = listener.port
        core = ServerCore(listener, wake: wake, limits: limits, isPreferred: isPreferred, handler: handler)
    }

    deinit { core.stop() }

    /// Starts to answer.
    ///
    /// Calling it again, or after `stop`, does nothing.
    public func start() { core.start() }

    /// Closes the listener, cuts clients that have not finished their request, and waits for handlers at work.
    ///
    /// - Returns: whether all of them ended within `limits.stopTime`. One that did not goes on by itself.
    @discardableResult public func stop() -> Bool { core.stop() }

    /// What the server has done so far.
    public var counts: Counts { core.counts }
}

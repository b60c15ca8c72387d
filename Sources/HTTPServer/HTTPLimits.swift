/// What one server takes from its clients.
///
/// Every limit is hard: reaching it ends the request with a refusal.
public struct HTTPLimits: Sendable {
    /// Longest request line in bytes, without its line end; beyond it 414.
    public var requestLineBytes = 8 * 1_024
    /// All header lines together in bytes, with their line ends and the empty line; beyond it 431.
    public var headerBytes = 16 * 1_024
    /// Most header fields; beyond it 431.
    public var headerFields = 64
    /// Longest body in bytes; beyond it 413, before the body is read.
    public var bodyBytes = 64 * 1_024
    /// Most connections served at once, each on a thread of its own.
    ///
    /// Further ones wait in the kernel's backlog.
    public var connections = 64
    /// Time from the first byte awaited to the end of the headers, however slowly they drip in; then 408.
    public var headerTime: Duration = .seconds(5)
    /// Time from the end of the headers to the end of the body; then 408.
    public var bodyTime: Duration = .seconds(10)
    /// Time to hand the whole reply to the client; then the connection is dropped.
    public var writeTime: Duration = .seconds(10)
    /// Time that `stop` waits for handlers that are still at work.
    public var stopTime: Duration = .seconds(10)
    /// Methods that reach the handler.
    ///
    /// Other methods of HTTP get 405, unknown ones 501.
    public var methods = ["GET", "HEAD", "POST"]
    /// Names under which clients may address the server, without port; others get 421.
    ///
    /// Nil allows every name.
    ///
    /// A list keeps web pages from reaching a loopback server by a name of their own that resolves to it.
    public var allowedHosts: [String]?

    /// The default limits, meant for metrics and operations.
    public init() {}
}

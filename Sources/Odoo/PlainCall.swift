internal import Dispatch
internal import Synchronization

/// One request over plain HTTP and its reply.
///
/// Only what was sent counts: before the first byte the server knows of nothing, after it everything is possible. The
/// socket is watched for writing only while something is left to write.
///
/// Safe: what changes is touched on the client's queue only.
final class PlainCall: CallUnderWay, @unchecked Sendable {
    /// Most pieces that are read before others have their turn.
    private static let mostReads = 16

    private(set) var request: PlainRequest
    private let client: PlainClient
    private let pending: PendingReply
    private let deadline: DispatchTime
    private var untried: ArraySlice<SocketAddress> = []
    private var socket: ClientSocket?
    private var reading: (any DispatchSourceRead)?
    private var writing: (any DispatchSourceWrite)?
    private var sent = 0
    private var reader = ReplyReader()
    private var wasAdmitted = false
    private var isOver = false

    /// A call whose result goes to `pending`; whoever made it ends it at `deadline`.
    init(_ request: PlainRequest, by deadline: DispatchTime, through client: PlainClient, to pending: PendingReply) {
        self.request = request
        self.client = client
        self.pending = pending
        self.deadline = deadline
    }

    func resume() {
        client.queue.async {
            guard !self.isOver else { return }
            self.wasAdmitted = true
            self.client.admit(self)
        }
    }

    func cancel() { client.queue.async { self.end(nil) } }

    // MARK: On the queue

    /// It may have a connection.
    func begin() {
        guard !isOver else { return }
        if let addresses = client.addresses(for: self) { found(addresses) }
    }

    /// The host has these addresses.
    func found(_ addresses: [SocketAddress]) {
        guard !isOver else { return }
        guard !addresses.isEmpty else { return end(.failure(.notSent("host not found"))) }
        untried = addresses[...]
        connect()
    }

    /// Tries the next address.
    private func connect() {
        dropSocket()
        while let address = untried.popFirst() {
            guard let socket = ClientSocket.open(to: address) else { continue }
            self.socket = socket
            shareTime(socket)
            return write()
        }
        client.forget(request)
        end(.failure(.notSent("connection refused")))
    }

    /// An address that does not answer leaves as much time to each of the others.
    private func shareTime(_ socket: ClientSocket) {
        guard !untried.isEmpty else { return }
        let now = DispatchTime.now().uptimeNanoseconds
        let left = deadline.uptimeNanoseconds > now ? deadline.uptimeNanoseconds - now : 0
        let share = left / UInt64(untried.count + 1)
        client.queue.asyncAfter(deadline: DispatchTime(uptimeNanoseconds: now + share)) { [weak self, weak socket] in
            guard let self, let socket, self.socket === socket, self.sent == 0 else { return }
            self.connect()
        }
    }

    private func write() {
        while let socket, sent < request.bytes.count {
            switch socket.send(request.bytes, from: sent) {
            case .bytes(let count):
                if sent == 0 { watchForReading(socket) }
                sent += count
            case .later:
                return watchForWriting(socket)
            case .failed, .end:
                if sent == 0 { return connect() }
                // The server may have answered before it closed: what there is to read says so.
                return stopWriting()
            }
        }
        request.bytes = []
        stopWriting()
    }

    private func watchForWriting(_ socket: ClientSocket) {
        guard writing == nil else { return }
        let source = DispatchSource.makeWriteSource(fileDescriptor: socket.descriptor, queue: client.queue)
        source.setEventHandler {
            self.client.runs.add(1, ordering: .relaxed)
            self.write()
        }
        // The descriptor has to stay open until nobody watches it.
        source.setCancelHandler { withExtendedLifetime(socket) {} }
        writing = source
        source.resume()
    }

    private func stopWriting() {
        writing?.cancel()
        writing = nil
    }

    private func watchForReading(_ socket: ClientSocket) {
        let source = DispatchSource.makeReadSource(fileDescriptor: socket.descriptor, queue: client.queue)
        source.setEventHandler {
            self.client.runs.add(1, ordering: .relaxed)
            self.read()
        }
        source.setCancelHandler { withExtendedLifetime(socket) {} }
        reading = source
        source.resume()
    }

    private func read() {
        for _ in 0..<Self.mostReads {
            guard let socket else { return }
            let progress: ReplyReader.Progress
            switch socket.receive(into: &client.buffer) {
            case .bytes(let count): progress = reader.receive(client.buffer[..<count])
            case .end: progress = reader.end()
            case .later: return
            case .failed: return end(.failure(.unknown("connection lost")))
            }
            switch progress {
            case .needsMore: continue
            case .reply(let reply): return end(.success(reply))
            case .refusal(let reason): return end(.failure(.unknown(reason)))
            }
        }
    }

    private func dropSocket() {
        stopWriting()
        reading?.cancel()
        reading = nil
        socket?.end()
        socket = nil
    }

    private func end(_ result: Result<HTTPReply, HTTPFault>?) {
        guard !isOver else { return }
        isOver = true
        dropSocket()
        request.bytes = []
        reader = ReplyReader()
        if wasAdmitted { client.leave(self) }
        if let result { pending.finish(result) }
    }
}

internal import CLibpq
internal import Glibc

/// One conversation with the server under one absolute deadline: send, wait, receive.
///
/// libpq is used without blocking and waited for with `poll`, because its blocking calls have no time limit: a server
/// that stands still, or a network that swallows packets, would keep the calling thread for ever.
///
/// Borrows the connection: it must not outlive the call that made it.
@safe struct Exchange {
    private let handle: OpaquePointer
    private let deadline: ContinuousClock.Instant

    init(_ handle: OpaquePointer, deadline: ContinuousClock.Instant) {
        unsafe self.handle = unsafe handle
        self.deadline = deadline
    }

    /// The failure that the connection itself reports, for calls that give no result.
    private func brokenConnection() -> PostgresError {
        let text = unsafe String(cString: PQerrorMessage(handle))
        return PostgresError(
            .connectionLost, PostgresError.firstLine(text), isConnectionLost: true, isOutcomeUnknown: true)
    }

    /// Checks what a `PQsend...` call returned and sends what it queued.
    func send(_ status: Int32) throws(PostgresError) {
        guard status == 1 else {
            if unsafe PQstatus(handle) == CONNECTION_BAD { throw brokenConnection() }
            throw PostgresError(.misuse, PostgresError.firstLine(unsafe String(cString: PQerrorMessage(handle))))
        }
        try flush()
    }

    /// Sends all that is queued, and takes in what the server says meanwhile: it may be blocked on us reading.
    func flush() throws(PostgresError) {
        while true {
            let status = unsafe PQflush(handle)
            if status == 0 { return }
            if status < 0 { throw brokenConnection() }
            let events = unsafe try Self.wait(handle, for: Int16(POLLIN | POLLOUT), until: deadline)
            if events & Int16(POLLIN) != 0, unsafe PQconsumeInput(handle) == 0 { throw brokenConnection() }
        }
    }

    /// The next result of the statement, or nil when it has no more.
    ///
    /// The caller owns it.
    func nextResult() throws(PostgresError) -> OpaquePointer? {
        while unsafe PQisBusy(handle) == 1 {
            _ = unsafe try Self.wait(handle, for: Int16(POLLIN), until: deadline)
            // After a failure PQgetResult reports it, together with a last word of the server that came before it.
            if unsafe PQconsumeInput(handle) == 0 { break }
        }
        return unsafe PQgetResult(handle)
    }

    /// Takes all results of the statement: the last good one, or the first error.
    func collect() throws(PostgresError) -> Rows {
        var last: OpaquePointer?
        var failure: PostgresError?
        defer { unsafe PQclear(last) }
        while let result = try unsafe nextResult() {
            switch unsafe PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                unsafe PQclear(last)
                unsafe last = unsafe result
                continue
            case PGRES_COPY_IN:
                failure = failure ?? PostgresError(.misuse, "COPY FROM STDIN has to go through copyIn")
                _ = unsafe PQputCopyEnd(handle, "refused by the client")
                try flush()
            case PGRES_COPY_OUT, PGRES_COPY_BOTH:
                unsafe PQclear(result)
                throw PostgresError(.misuse, "COPY TO STDOUT is not supported", isConnectionLost: true)
            default:
                failure = unsafe failure ?? PostgresError.reading(result: result, of: handle)
            }
            unsafe PQclear(result)
        }
        if let failure {
            // The server's last word comes before the end of the connection is seen.
            let isLost = unsafe PQstatus(handle) == CONNECTION_BAD
            throw isLost && !failure.isConnectionLost ? failure.losingConnection(outcomeUnknown: true) : failure
        }
        guard let result = unsafe last else { throw PostgresError(.misuse, "the statement gave no result") }
        unsafe last = nil
        return unsafe Rows(owning: result)
    }

    /// Waits for the socket.
    ///
    /// The set of events that came is not empty.
    static func wait(
        _ handle: OpaquePointer, for events: Int16, until deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> Int16 {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                throw PostgresError(
                    .deadlineExceeded, "PostgreSQL did not answer before the deadline; the connection was closed",
                    isConnectionLost: true, isOutcomeUnknown: true)
            }
            // A millisecond more than is left, so that rounding down does not spin through the last one.
            let (seconds, attoseconds) = left.components
            let milliseconds = min(seconds, 3600) * 1000 + attoseconds / 1_000_000_000_000_000 + 1
            var entry = pollfd(fd: unsafe PQsocket(handle), events: events, revents: 0)
            let ready = unsafe poll(&entry, 1, Int32(milliseconds))
            if ready > 0 { return entry.revents }
            if ready < 0, errno != EINTR {
                throw PostgresError(
                    .connectionLost, "waiting for PostgreSQL failed with errno \(errno)", isConnectionLost: true,
                    isOutcomeUnknown: true)
            }
        }
    }
}

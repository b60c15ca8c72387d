internal import CLibpq
internal import Glibc

/// Opening and closing of a session; what is between is `Connection`.
enum Session {
    /// Connects, logs in and sets the session up before the connect deadline.
    ///
    /// The caller owns the handle.
    static func open(_ settings: ConnectionSettings) throws(PostgresError) -> OpaquePointer {
        let deadline = ContinuousClock.now.advanced(by: settings.connectDeadline)
        let text = try ConnectionAddress.connectionString(settings)
        guard let handle = unsafe text.withCString({ unsafe PQconnectStart($0) }) else {
            throw PostgresError(.outOfMemory, "libpq could not allocate a connection")
        }
        do throws(PostgresError) {
            // libpq prints notices to stderr unless told otherwise, and stderr belongs to the JSON log.
            _ = unsafe PQsetNoticeReceiver(handle, { _, _ in }, nil)
            _ = unsafe PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
            try unsafe connect(handle, until: deadline)
            _ = unsafe PQsetnonblocking(handle, 1)
            try unsafe configure(handle, settings, until: deadline)
            return unsafe handle
        } catch {
            unsafe PQfinish(handle)
            // Nothing of the caller's was sent yet, so nothing of it can have happened.
            throw error.losingConnection(
                error.code == .server || error.code == .connectionLost ? .connectFailed : error.code,
                outcomeUnknown: false)
        }
    }

    private static func connect(
        _ handle: OpaquePointer, until deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        // The manual: behave as if PQconnectPoll had last asked for writing. The socket may change between two calls.
        var wanted = PGRES_POLLING_WRITING
        while true {
            if unsafe PQstatus(handle) == CONNECTION_BAD { throw unsafe .readingFailedStart(of: handle) }
            switch wanted {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_FAILED: throw unsafe .readingFailedStart(of: handle)
            case PGRES_POLLING_READING: _ = try unsafe Exchange.wait(handle, for: Int16(POLLIN), until: deadline)
            default: _ = try unsafe Exchange.wait(handle, for: Int16(POLLOUT), until: deadline)
            }
            wanted = unsafe PQconnectPoll(handle)
        }
    }

    private static func configure(
        _ handle: OpaquePointer, _ settings: ConnectionSettings, until deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        let exchange = unsafe Exchange(handle, deadline: deadline)
        let session = settings.session(serverVersion: Int(unsafe PQserverVersion(handle)))
        // Sent as startup options they would not pass through a connection pooler, and one that the server does not
        // know would refuse the login; as parameters of one statement they cost one round trip.
        let calls = (0..<session.count).map { "set_config($\(2 * $0 + 1), $\(2 * $0 + 2), false)" }
        let durable =
            !settings.durableCommits
            ? ""
            : """
            , CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
              THEN set_config('synchronous_commit', 'on', false) END
            """
        let sql = "SELECT " + calls.joined(separator: ", ") + durable
        var values = Parameters()
        for setting in session {
            values.text(setting.name)
            values.text(setting.value)
        }
        guard !values.writer.containsNUL else {
            throw PostgresError(.invalidSettings, "a session setting holds a NUL byte")
        }
        try exchange.send(
            unsafe values.withPointers { (types, pointers, lengths, formats) in
                unsafe PQsendQueryParams(
                    handle, sql, Int32(values.count), types, pointers, lengths, formats, 1)
            })
        _ = try exchange.collect()
    }
}

extension Parameters {
    /// Lends the values the way libpq wants them: types, addresses (null for NULL), lengths, formats.
    func withPointers<R>(
        _ body: (
            UnsafePointer<UInt32>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> R
    ) -> R {
        let formats = [Int32](repeating: 1, count: count)
        return unsafe writer.bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) -> R in
            let base = unsafe raw.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = unsafe zip(starts, lengths).map { (start, length) -> UnsafePointer<CChar>? in
                length < 0 ? nil : unsafe base?.advanced(by: start)
            }
            return unsafe body(types, pointers, lengths, formats)
        }
    }
}

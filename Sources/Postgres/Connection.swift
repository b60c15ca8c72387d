internal import CLibpq

/// A session with a PostgreSQL server.
///
/// Owned by one thread: neither copyable nor `Sendable`. Every call blocks that thread until the server has answered,
/// and no longer than `deadline`. After an error with `isConnectionLost` every call fails until `reconnect`; after any
/// other error inside a transaction the transaction has failed and has to be rolled back.
@safe public struct Connection: ~Copyable {
    /// Nil once the connection is lost: it is closed at that moment, so that the server learns of it and lets go of
    /// locks.
    private var handle: OpaquePointer?
    private let settings: ConnectionSettings
    /// What each prepared statement is called on the server, and the parameter types that it was prepared for.
    private var prepared: [String: (serverName: String, types: [UInt32])] = [:]
    private var preparations = 0

    /// How long each call may wait for the server, from `ConnectionSettings.statementDeadline`; raise it around what is
    /// known to take longer, together with `statement_timeout`.
    public var deadline: Duration

    /// Connects, logs in and sets the session up, within `ConnectionSettings.connectDeadline`.
    public init(_ settings: ConnectionSettings) throws(PostgresError) {
        self.settings = settings
        deadline = settings.statementDeadline
        unsafe handle = try unsafe Session.open(settings)
    }

    deinit { unsafe PQfinish(handle) }

    /// Whether the session is open, as far as the last call knew.
    public var isOpen: Bool { unsafe handle != nil }

    /// The server's version, as 150004 for 15.4; 0 when the connection is lost.
    public var serverVersion: Int { unsafe handle.map { Int(unsafe PQserverVersion($0)) } ?? 0 }

    /// The number of the session's process in the server; 0 when the connection is lost.
    public var backendPID: Int32 { unsafe handle.map { unsafe PQbackendPID($0) } ?? 0 }

    /// What a session can be in the middle of.
    public enum TransactionStatus: Sendable {
        /// No transaction is open.
        case idle
        /// A transaction is open and good.
        case open
        /// A transaction is open and has failed: only ROLLBACK is accepted.
        case failed
        /// The connection is lost.
        case unknown
    }

    /// What the session is in the middle of, as the server said with its last answer.
    public var transactionStatus: TransactionStatus {
        guard let handle = unsafe handle else { return .unknown }
        switch unsafe PQtransactionStatus(handle) {
        case PQTRANS_IDLE: return .idle
        case PQTRANS_INTRANS: return .open
        case PQTRANS_INERROR: return .failed
        default: return .unknown
        }
    }

    /// Ends the session, if it still is open.
    ///
    /// An open transaction is rolled back by the server.
    public mutating func close() {
        unsafe PQfinish(handle)
        unsafe handle = nil
        prepared.removeAll()
    }

    /// Ends the session and begins a new one.
    ///
    /// Statements are prepared anew at their next use.
    public mutating func reconnect() throws(PostgresError) {
        close()
        unsafe handle = try unsafe Session.open(settings)
    }

    /// Runs one or more statements as text, without parameters: transactions, migrations, settings.
    ///
    /// Several statements are one implicit transaction unless they say otherwise.
    /// - Returns: the last statement's result, in text form.
    @discardableResult
    public mutating func execute(_ sql: String) throws(PostgresError) -> Rows {
        guard !sql.utf8.contains(0) else { throw PostgresError(.nulInText, "the SQL text holds a NUL byte") }
        return unsafe try exchange { (handle, exchange) throws(PostgresError) in
            try exchange.send(unsafe PQsendQuery(handle, sql))
            return try exchange.collect()
        }
    }

    /// Runs a prepared statement with binary parameters and a binary result; prepares it at its first use.
    ///
    /// - Throws: `nulInText` before anything is sent; `misuse` when the parameters' types are not those of the first
    ///   use.
    @discardableResult
    public mutating func query(
        _ statement: Statement, _ parameters: borrowing Parameters = Parameters()
    ) throws(PostgresError) -> Rows {
        try Self.check(statement, parameters)
        let name = try prepare(statement, parameters)
        do throws(PostgresError) {
            let values = copy parameters
            return unsafe try exchange { (handle, exchange) throws(PostgresError) in
                try exchange.send(
                    unsafe values.withPointers { (_, pointers, lengths, formats) in
                        unsafe PQsendQueryPrepared(handle, name, Int32(values.count), pointers, lengths, formats, 1)
                    })
                return try exchange.collect()
            }
        } catch {
            // Either the server lost the statement, or its table changed: the next use prepares it under a new name.
            if error.isStalePlan || .invalidStatementName ~= error.sqlState {
                prepared.removeValue(forKey: statement.name)
            }
            throw error
        }
    }

    private static func check(_ statement: Statement, _ parameters: borrowing Parameters) throws(PostgresError) {
        guard !parameters.writer.containsNUL else {
            throw PostgresError(.nulInText, "a text parameter of statement \(statement.name) holds a NUL byte")
        }
    }

    /// Makes sure that the server has the statement; gives its name there.
    private mutating func prepare(
        _ statement: Statement, _ parameters: borrowing Parameters
    ) throws(PostgresError) -> String {
        if let known = prepared[statement.name] {
            guard known.types == parameters.types else {
                throw PostgresError(
                    .misuse, "statement \(statement.name) was prepared for parameters of other types than it gets now")
            }
            return known.serverName
        }
        preparations += 1
        let name = "\(statement.name).\(preparations)"
        let types = parameters.types
        unsafe try exchange { (handle, exchange) throws(PostgresError) in
            try exchange.send(unsafe PQsendPrepare(handle, name, statement.sql, Int32(types.count), types))
            _ = try exchange.collect()
        }
        prepared[statement.name] = (name, types)
        return name
    }

    /// Copies the rows of `buffer` in and empties it, keeping its memory.
    ///
    /// `sql` is `COPY table (columns) FROM STDIN (FORMAT binary)`. Gives how many rows the server took.
    ///
    /// `beginning`: a transaction begins with it, which spares the round trip of a BEGIN of its own.
    @discardableResult
    public mutating func copyIn(
        _ sql: String, _ buffer: inout CopyBuffer, beginning: Bool = false
    ) throws(PostgresError) -> Int {
        guard !buffer.containsNUL else {
            throw PostgresError(.nulInText, "a text of the rows to be copied holds a NUL byte")
        }
        buffer.end()
        defer { buffer.reset() }
        return try copyIn(sql, buffer.writer.bytes, ends: buffer.ends, beginning: beginning)
    }

    /// Copies rows in from what `CopyBuffer.finish` gave.
    ///
    /// As the other one. After an error the connection is usable: the transaction has failed.
    @discardableResult
    public mutating func copyIn(
        _ sql: String, _ rows: CopyBuffer.Rows, beginning: Bool = false
    ) throws(PostgresError) -> Int {
        try copyIn(sql, rows.bytes, ends: rows.ends, beginning: beginning)
    }

    private mutating func copyIn(
        _ sql: String, _ data: [UInt8], ends: [Int], beginning: Bool
    ) throws(PostgresError) -> Int {
        guard !sql.utf8.contains(0) else { throw PostgresError(.nulInText, "the SQL text holds a NUL byte") }
        var affected = 0
        var start = 0
        for end in ends {
            affected += try copyIn(beginning && start == 0 ? "BEGIN; " + sql : sql, data, start..<end)
            start = end
        }
        return affected
    }

    /// What is handed to libpq at once.
    ///
    /// It copies what it is given, so this bounds its buffer.
    private static let copyChunkBytes = 262_144

    private mutating func copyIn(
        _ sql: String, _ data: [UInt8], _ part: Range<Int>
    ) throws(PostgresError) -> Int {
        unsafe try exchange { (handle, exchange) throws(PostgresError) in
            try exchange.send(unsafe PQsendQuery(handle, sql))
            guard try unsafe Self.startsCopy(handle, exchange) else {
                _ = try exchange.collect()
                throw PostgresError(.misuse, "copyIn was given a statement that is no COPY FROM STDIN")
            }
            var offset = part.lowerBound
            while offset < part.upperBound {
                let size = min(Self.copyChunkBytes, part.upperBound - offset)
                let status = unsafe data.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
                    unsafe PQputCopyData(
                        handle, raw.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self), Int32(size))
                }
                if status < 0 { break }  // the reason comes with the results
                try exchange.flush()
                if status == 1 { offset += size }
            }
            _ = unsafe PQputCopyEnd(handle, offset < part.upperBound ? "the client stopped" : nil)
            try exchange.flush()
            return try exchange.collect().affected
        }
    }

    /// Whether the server is ready for the data; throws its refusal.
    private static func startsCopy(_ handle: OpaquePointer, _ exchange: Exchange) throws(PostgresError) -> Bool {
        guard let result = try unsafe exchange.nextResult() else { return false }
        defer { unsafe PQclear(result) }
        switch unsafe PQresultStatus(result) {
        case PGRES_COPY_IN: return true
        case PGRES_COMMAND_OK: return try unsafe startsCopy(handle, exchange)  // of what stands before the COPY
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE:
            let failure = unsafe PostgresError.reading(result: result, of: handle)
            do throws(PostgresError) {
                _ = try exchange.collect()
            } catch  where error.isConnectionLost {
                throw failure.losingConnection(outcomeUnknown: true)
            } catch {
                // `collect` has nothing more to say than that there is no further result.
            }
            throw failure
        default: return false
        }
    }

    /// Runs `body` under one deadline and closes the connection when it turns out to be lost.
    private mutating func exchange<R: ~Copyable>(
        _ body: (OpaquePointer, Exchange) throws(PostgresError) -> R
    ) throws(PostgresError) -> R {
        guard let handle = unsafe handle else {
            throw PostgresError(.connectionLost, "the connection to PostgreSQL is closed", isConnectionLost: true)
        }
        let exchange = unsafe Exchange(handle, deadline: ContinuousClock.now.advanced(by: deadline))
        do throws(PostgresError) {
            return try unsafe body(handle, exchange)
        } catch {
            if error.isConnectionLost { close() }
            throw error
        }
    }
}

internal import CLibpq

// What libpq reports, turned into a `PostgresError` that can be logged. Strings are copied out before the result or
// the connection is touched again, because they live no longer than that.

extension PostgresError {
    /// Reads the error out of a failed result.
    ///
    /// The caller keeps and clears the result.
    static func reading(result: OpaquePointer, of handle: OpaquePointer) -> PostgresError {
        let lost = unsafe PQstatus(handle) == CONNECTION_BAD
        guard let state = unsafe field(result, "C") else {
            // Without a SQLSTATE it is libpq that speaks: the connection broke, or memory ran out.
            let text = unsafe copied(PQresultErrorMessage(result)) ?? ""
            return lost
                ? PostgresError(.connectionLost, firstLine(text), isConnectionLost: true, isOutcomeUnknown: true)
                : PostgresError(.misuse, firstLine(text))
        }
        let sqlState = SQLState(rawValue: state)
        let constraint = unsafe field(result, "n")
        let table = unsafe field(result, "t")
        let severity = unsafe field(result, "V") ?? "ERROR"
        var text = "\(severity) \(state): \(withoutValues(unsafe field(result, "M") ?? "", of: sqlState))"
        if let constraint { text += " (constraint \(constraint))" } else if let table { text += " (table \(table))" }
        let routine = unsafe field(result, "R")
        let stale = sqlState == .featureNotSupported && routine == "RevalidateCachedQuery"
        // A session that may only read stays so, whatever becomes of the server: going on with it is waiting for ever.
        return PostgresError(
            .server, text, sqlState: sqlState, constraint: constraint, table: table,
            isConnectionLost: lost || sqlState == .readOnlyTransaction, isOutcomeUnknown: lost, isStalePlan: stale)
    }

    /// Reads why a connection could not be opened.
    ///
    /// libpq keeps no SQLSTATE of a failed start, but writes it into its text in verbose mode:
    /// `... FATAL:  3D000: database "x" does not exist`, with DETAIL, HINT and LOCATION on lines of their own.
    static func readingFailedStart(of handle: OpaquePointer) -> PostgresError {
        let text = unsafe copied(PQerrorMessage(handle)) ?? ""
        for line in text.split(separator: "\n").reversed() {
            guard let state = sqlState(inVerboseLine: line) else { continue }
            return PostgresError(.connectFailed, String(line), sqlState: state, isConnectionLost: true)
        }
        return PostgresError(.connectFailed, firstLine(text), isConnectionLost: true)
    }

    /// The SQLSTATE between the two blanks after the severity and the next colon, if the line has one.
    static func sqlState(inVerboseLine line: Substring) -> SQLState? {
        let bytes = Array(line.utf8)
        var index = 0
        while index + 8 < bytes.count {
            defer { index += 1 }
            guard bytes[index] == UInt8(ascii: ":"), bytes[index + 1] == UInt8(ascii: " "),
                bytes[index + 2] == UInt8(ascii: " "), bytes[index + 8] == UInt8(ascii: ":")
            else { continue }
            let candidate = bytes[(index + 3)..<(index + 8)]
            let isState = candidate.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            }
            if isState { return SQLState(rawValue: String(decoding: candidate, as: UTF8.self)) }
        }
        return nil
    }

    /// A data exception quotes the value that it refuses: `invalid input syntax for type integer: "..."`.
    static func withoutValues(_ text: String, of state: SQLState) -> String {
        guard case .dataException = state, let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""),
            first < last
        else { return firstLine(text) }
        return firstLine(String(text[...first]) + "..." + String(text[last...]))
    }

    /// One line, of at most 300 characters: enough for every message of the server that is not data.
    static func firstLine(_ text: String) -> String {
        String((text.split(separator: "\n").first ?? "no message").prefix(300))
    }

    private static func field(_ result: OpaquePointer, _ code: Unicode.Scalar) -> String? {
        unsafe copied(PQresultErrorField(result, Int32(code.value)))
    }

    private static func copied(_ text: UnsafePointer<CChar>?) -> String? {
        guard let text = unsafe text else { return nil }
        return unsafe String(cString: text)
    }

    private static func copied(_ text: UnsafeMutablePointer<CChar>?) -> String? {
        guard let text = unsafe text else { return nil }
        return unsafe String(cString: text)
    }
}

internal import CLibpq
internal import Glibc

/// The translation between the address a user writes and the complete connection string that libpq gets.
enum ConnectionAddress {
    /// Lets libpq read the text; gives back what it says and nothing that it leaves out.
    static func parse(_ text: String) throws(PostgresError) -> [(keyword: String, value: String)] {
        guard !text.utf8.contains(0) else {
            throw PostgresError(.invalidSettings, "the database address holds a NUL byte")
        }
        var given: [(keyword: String, value: String)] = []
        try withOptions(of: text) { (keyword, value, _, _) in
            if let value, !value.isEmpty { given.append((keyword, value)) }
        }
        if given.contains(where: { $0.keyword == "service" }) {
            throw PostgresError(
                .invalidSettings, "the database address names a service; write host, dbname and user instead")
        }
        return given
    }

    /// The whole connection string: what was given, what a session needs, and the compiled default of every option
    /// that libpq would otherwise take from the environment.
    ///
    /// The keyword form is used because only there an empty value counts as given and stops the environment.
    static func connectionString(_ settings: ConnectionSettings) throws(PostgresError) -> String {
        var values: [(keyword: String, value: String)] = []
        let given = Dictionary(settings.address.map { ($0.keyword, $0.value) }, uniquingKeysWith: { $1 })
        let own = [
            "application_name": settings.applicationName,
            "client_encoding": "UTF8",
            "connect_timeout": "0",  // libpq's own is for the blocking calls; `connectDeadline` counts
        ]
        let defaults = [
            "gssencmode": "disable",
            "keepalives": "1", "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3",
            "tcp_user_timeout": ConnectionSettings.milliseconds(settings.tcpUserTimeout),
        ]
        try withOptions(of: "") { (keyword, _, compiled, isFromEnvironment) in
            if let value = own[keyword] ?? given[keyword] ?? defaults[keyword] {
                values.append((keyword, value))
            } else if keyword == "user" {
                values.append((keyword, currentUserName()))
            } else if isFromEnvironment, keyword != "service" {
                values.append((keyword, compiled ?? ""))
            }
        }
        return values.map { "\($0.keyword)='\(escaped($0.value))'" }.joined(separator: " ")
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            if character == "'" || character == "\\" { text.append("\\") }
            text.unicodeScalars.append(character)
        }
        return text
    }

    /// Calls `body` with keyword, given value, compiled default and whether the environment could set it, for every
    /// option that this libpq knows.
    private static func withOptions(
        of text: String, _ body: (String, String?, String?, Bool) -> Void
    ) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        let parsed = unsafe text.withCString { unsafe PQconninfoParse($0, &message) }
        // Both are ours to free; the message may quote the password, so nobody gets to see it.
        unsafe PQfreemem(message)
        guard let options = unsafe parsed else {
            throw PostgresError(
                .invalidSettings,
                "the database address is neither a postgresql:// URL nor keyword=value text that libpq understands; "
                    + "characters such as @ : / # in a URL's password have to be percent-encoded")
        }
        defer { unsafe PQconninfoFree(options) }
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            let environmentVariable: UnsafeMutablePointer<CChar>? = unsafe option.pointee.envvar
            body(
                unsafe String(cString: keyword), unsafe copied(option.pointee.val),
                unsafe copied(option.pointee.compiled), unsafe environmentVariable != nil)
            unsafe option = unsafe option.advanced(by: 1)
        }
    }

    private static func copied(_ text: UnsafePointer<CChar>?) -> String? {
        guard let text = unsafe text else { return nil }
        return unsafe String(cString: text)
    }

    private static func copied(_ text: UnsafeMutablePointer<CChar>?) -> String? {
        guard let text = unsafe text else { return nil }
        return unsafe String(cString: text)
    }

    /// The name of the operating system's user, which is libpq's own default for the role.
    private static func currentUserName() -> String {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16384) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            let status = unsafe getpwuid_r(geteuid(), &entry, base, buffer.count, &found)
            guard status == 0, unsafe found != nil else { return "" }
            return unsafe copied(entry.pw_name) ?? ""
        }
    }
}

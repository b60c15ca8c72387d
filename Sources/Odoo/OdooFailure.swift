/// Why a call to Odoo gave no result, and what that allows.
///
/// Carries exception and field names only. Odoo's own texts quote customers' data, so they are read for
/// classification and dropped.
public struct OdooFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What the failure allows.
    ///
    /// The names are label values of metrics.
    public enum Kind: Equatable, Sendable {
        /// Odoo refused by a rule of the business or of access; the transaction was rolled back. Not again as it is.
        /// Read the record first: it is often "already done".
        case refused
        /// A record that the call names is gone. Once again after cached ids were looked up anew.
        case missing
        /// Rolled back; the same call may be sent again, later.
        case retry
        /// Rolled back or not begun; the same call may be sent again, but not before so many seconds.
        case retryAfter(seconds: Int)
        /// The request was not sent. May be sent again when the server can be reached.
        case reconnect
        /// The key is wrong, revoked or expired. Nothing will succeed until a person acts.
        case credentials
        /// The address, the database or the protocol is wrong, or the company is not there. As `credentials`.
        case configuration
        /// It may have happened, it may still happen. Look before sending again, unless the call may be repeated.
        case unknown
        /// We sent something that Odoo cannot read or has no such thing for: a defect, or a server that lacks a module.
        case clientFault

        /// Name for metrics and logs.
        public var name: String {
            switch self {
            case .refused: "refused"
            case .missing: "missing"
            case .retry: "retry"
            case .retryAfter: "retry_after"
            case .reconnect: "reconnect"
            case .credentials: "credentials"
            case .configuration: "configuration"
            case .unknown: "unknown"
            case .clientFault: "client_fault"
            }
        }
    }

    /// What the failure allows.
    public var kind: Kind
    /// Name of Odoo's exception (`odoo.exceptions.UserError`), `http.STATUS` for an answer without one, or
    /// `transport.WORD`.
    ///
    /// At most 100 characters of `[A-Za-z0-9_.]`: safe as text and in logs.
    public var name: String
    /// A short reason in our words.
    ///
    /// No values of orders, customers or credentials.
    public var reason: String
    /// `model/method` of the call.
    public var operation: String
    /// Name of Odoo's field that a `load` blamed, when it did.
    public var field: String?

    /// A failure; see the properties.
    public init(_ kind: Kind, name: String, reason: String, operation: String, field: String? = nil) {
        self.kind = kind
        self.name = Self.safe(name)
        self.reason = reason
        self.operation = operation
        self.field = field.map(Self.safe)
    }

    /// One line for logs.
    public var description: String {
        "\(operation): \(kind.name) (\(name)): \(reason)" + (field.map { ", field \($0)" } ?? "")
    }

    /// Name of the failure that there is no such company.
    public static let noCompany = "sluice.NoCompany"

    /// Whether Odoo takes nothing from whoever has this key, database and company, whatever it is asked.
    ///
    /// What stands before Odoo may refuse a single request by 400, 403 or 415, for what is in it.
    public var isDenial: Bool {
        switch kind {
        case .credentials: true
        case .configuration: !["http.400", "http.403", "http.415"].contains(name)
        default: false
        }
    }

    /// Whether the fault lies with the destination rather than with the order that was being delivered.
    public var isOfDestination: Bool {
        switch kind {
        case .refused, .missing, .clientFault: false
        case .retry, .retryAfter, .reconnect, .credentials, .configuration, .unknown: true
        }
    }

    /// Whether other calls wanted the same rows at the same time: the server itself works.
    public var isConflict: Bool { Self.conflicts.contains(name) }

    private static func safe(_ name: String) -> String {
        let kept = name.utf8.prefix(100).filter { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                || byte == 46
        }
        return kept.isEmpty ? "unnamed" : String(decoding: kept, as: UTF8.self)
    }
}

// The seam between what Sluice wants of Odoo and how a server is spoken to. `OdooOrders` knows models and methods and
// no protocol; an `OdooAPI` knows one protocol and no model.

/// One call of a method of an Odoo model.
public struct OdooCall: Equatable, Sendable {
    /// Model, like `sale.order`.
    public var model: String
    /// Method, like `action_confirm`.
    public var method: String
    /// Records that the method acts on; nil for a method of the model itself.
    ///
    /// Never empty: Odoo takes an empty list, does nothing and answers `true`.
    public var ids: [Int]?
    /// Arguments by name.
    public var arguments: [String: OdooValue]
    /// Odoo's context; empty: not sent.
    public var context: [String: OdooValue]

    /// A call; see the properties.
    public init(
        _ model: String, _ method: String, ids: [Int]? = nil, arguments: [String: OdooValue] = [:],
        context: [String: OdooValue] = [:]
    ) {
        self.model = model
        self.method = method
        self.ids = ids
        self.arguments = arguments
        self.context = context
    }

    /// `model/method`: bounded in number, free of data; good as a label and in logs.
    public var operation: String { "\(model)/\(method)" }

    /// Whether model and method are names: they go into a path or select code, so nothing but a name may.
    var isPlain: Bool {
        [model, method].allSatisfy { name in
            !name.isEmpty
                && name.utf8.allSatisfy { byte in
                    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                        || byte == 46
                }
        }
    }

    /// How many records it is for: of `load` its first columns' rows, of a search what its domain names, else its ids
    /// or those of its context.
    var records: Int {
        if let domain = arguments["domain"]?.asList {
            return max(1, domain.map { $0.asList?.last?.asList?.count ?? 1 }.max() ?? 1)
        }
        if let rows = arguments["data"]?.asList {
            return rows.count { $0.asList?.first?.asText?.isEmpty == false }
        }
        return ids?.count ?? context["active_ids"]?.asList?.count ?? 1
    }

    /// Refuses what neither protocol can carry, or would carry without effect.
    func check() throws(OdooFailure) {
        if let ids, ids.isEmpty {
            throw OdooFailure(
                .clientFault, name: "sluice.EmptyIds", reason: "a call on no record would do nothing",
                operation: operation)
        }
        guard isPlain else {
            throw OdooFailure(
                .clientFault, name: "sluice.Unsendable", reason: "model or method is no name", operation: "unnamed")
        }
    }
}

/// One Odoo database, spoken to in one of Odoo's protocols.
///
/// An implementation sends each call at most once: it never repeats one by itself, because only the caller knows
/// whether a call whose outcome is unknown may be repeated.
public protocol OdooAPI: Sendable {
    /// Makes one call and gives its result; `null` for a method that returns nothing.
    ///
    /// - Throws: `OdooFailure`, classified. Cancelling the task ends the call with `unknown`.
    func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue

    /// The server's version as it says itself, like `19.0+e-20251227`. Needs no credentials.
    func version() async throws(OdooFailure) -> String
}

/// An `OdooAPI` that asks before each call and tells after it: the place of request limits, breakers and metrics.
public struct WatchedAPI: OdooAPI {
    /// How a call ended, for metrics and breakers.
    public struct Ended: Sendable {
        /// The call's `operation`.
        public var operation: String
        /// Nil: it succeeded.
        public var failure: OdooFailure?
        /// From permission to answer.
        public var took: Duration
        /// How many records the call was for.
        public var records: Int
    }

    private let base: any OdooAPI
    private let before: @Sendable (OdooCall) async throws(OdooFailure) -> Void
    private let after: @Sendable (Ended) -> Void

    /// Wraps `base`.
    ///
    /// - Parameters:
    ///   - base: makes the calls.
    ///   - before: returns when the call may go out; may refuse by throwing, and then `after` is not called.
    ///   - after: told once for every call that went out.
    public init(
        _ base: any OdooAPI, before: @escaping @Sendable (OdooCall) async throws(OdooFailure) -> Void,
        after: @escaping @Sendable (Ended) -> Void
    ) {
        self.base = base
        self.before = before
        self.after = after
    }

    /// Makes one call; see `OdooAPI`.
    public func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        try await before(call)
        let watch = CallWatch.current
        watch?.began()
        let start = ContinuousClock.now
        func ended(_ failure: OdooFailure?) {
            let ended = Ended(
                operation: call.operation, failure: failure, took: ContinuousClock.now - start, records: call.records)
            watch?.ended(ended)
            after(ended)
        }
        do throws(OdooFailure) {
            let value = try await base.call(call)
            ended(nil)
            return value
        } catch {
            ended(error)
            throw error
        }
    }

    /// The server's version; neither limited nor told.
    public func version() async throws(OdooFailure) -> String { try await base.version() }
}

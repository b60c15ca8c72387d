/// Makes a call once more that had no answer, where repeating it changes nothing that it did before.
///
/// What a lost answer costs is then one call, and not a visit of each order that had a part in it. Only lost answers:
/// while a server does not answer at all, its queue is not made longer.
public struct RepeatingAPI: OdooAPI {
    /// A call that had no answer for so long may still be under way.
    static let patience: Duration = .seconds(10)

    private let base: any OdooAPI
    private let mayRepeat: @Sendable () -> Bool

    /// Wraps `base`; `mayRepeat` is asked before each repetition, which is made when it says so.
    public init(_ base: any OdooAPI, mayRepeat: @escaping @Sendable () -> Bool) {
        self.base = base
        self.mayRepeat = mayRepeat
    }

    /// Makes one call; see `OdooAPI`.
    public func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        let start = ContinuousClock.now
        do throws(OdooFailure) {
            return try await base.call(call)
        } catch {
            guard error.kind == .unknown, call.isRepeatable, ContinuousClock.now - start < Self.patience, mayRepeat()
            else { throw error }
            return try await base.call(call)
        }
    }

    /// The server's version.
    public func version() async throws(OdooFailure) -> String { try await base.version() }
}

extension OdooCall {
    /// Whether a second call does nothing that the first one did, also when the first one comes to be done later.
    var isRepeatable: Bool {
        switch method {
        case "read", "search_read": true
        case "load": context["mode"] == "update" && context["noupdate"] == true
        // Of a delivery that is done it is answered with yes, and nothing happens.
        case "button_validate": context["skip_backorder"] == true
        case "action_assign", "do_unreserve", "action_lock": true
        case "action_cancel": model == "sale.order" && context["disable_cancel_warning"] == true
        default: false
        }
    }
}

public import OrderEvents

// What an order keeps of its validation, as part of its document; and a verdict as an order event of Sluice's own.

extension Order {
    /// What Sluice found about the order by itself; empty where a channel's word is the verdict.
    public struct Validation: Equatable, Sendable {
        /// The verdict, as of the last write.
        public var verdict = ValidationVerdict.pending
        /// The last look at the destination; nil: none.
        public var checked: CheckedMasters?

        /// Nothing found yet.
        public init() {}
    }

    /// The channel that Sluice's own order events have.
    public static let ownChannel = "sluice"

    /// The verdict as a canonical order event, with its reasons: the payload of its row in the journal.
    ///
    /// A verdict that failed has no `status`: it changes no state. `at`: when the last of what was looked at happened.
    public static func event(
        of verdict: ValidationVerdict, legalEntity: String, orderRef: String, eventID: String, at: Timestamp
    ) -> [UInt8] {
        var writer = DocumentWriter()
        writer.open("{")
        writer.member("version", 1)
        writer.member("event_id", eventID)
        writer.member("legal_entity", legalEntity)
        writer.member("order_ref", orderRef)
        if verdict == .passed { writer.member("status", CanonicalState.validated.name) }
        writer.member("occurred_at", at.rfc3339)
        writer.key("validation")
        writer.open("{")
        writer.member("verdict", verdict.name)
        writer.findings("reasons", verdict.reasons)
        writer.close("}")
        writer.close("}")
        return writer.bytes
    }
}

extension DocumentWriter {
    /// The member `validation`; nothing where nothing was found yet.
    mutating func validation(_ validation: Order.Validation) {
        guard validation != Order.Validation() else { return }
        key("validation")
        open("{")
        member("verdict", validation.verdict.name)
        findings("reasons", validation.verdict.reasons)
        if let checked = validation.checked {
            member("basis", Int64(bitPattern: checked.basis))
            findings("missing", checked.findings)
        }
        close("}")
    }

    mutating func findings(_ name: String, _ findings: [ValidationFinding]) {
        array(name, findings) { writer, finding in
            writer.open("{")
            writer.member("code", finding.code.rawValue)
            writer.member("detail", finding.detail)
            writer.close("}")
        }
    }
}

extension DocumentReader {
    /// What `DocumentWriter.validation` wrote.
    mutating func validation() throws(JSONError) -> Order.Validation {
        var validation = Order.Validation()
        var word = ""
        var reasons: [ValidationFinding] = []
        var missing: [ValidationFinding] = []
        var basis: UInt64?
        try object { (r, key) throws(JSONError) in
            switch key {
            case "verdict": word = try r.text()
            case "reasons": reasons = try r.array { (r) throws(JSONError) in try r.finding() }.compactMap { $0 }
            case "missing": missing = try r.array { (r) throws(JSONError) in try r.finding() }.compactMap { $0 }
            case "basis": basis = UInt64(bitPattern: try r.integer())
            default: try r.skip()
            }
        }
        switch word {
        case "passed": validation.verdict = .passed
        // A reason that this version does not know is found again, or is gone, with the next event.
        case "failed" where !reasons.isEmpty: validation.verdict = .failed(reasons)
        default: validation.verdict = .pending
        }
        validation.checked = basis.map { CheckedMasters(basis: $0, findings: missing) }
        return validation
    }

    private mutating func finding() throws(JSONError) -> ValidationFinding? {
        var code: ExceptionCode?
        var detail = ""
        try object { (r, key) throws(JSONError) in
            switch key {
            case "code": code = ExceptionCode(rawValue: try r.text())
            case "detail": detail = try r.text()
            default: try r.skip()
            }
        }
        return code.map { ValidationFinding($0, detail) }
    }
}

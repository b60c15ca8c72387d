public import OrderEvents

/// One reason why an order is not valid.
public struct ValidationFinding: Equatable, Hashable, Sendable {
    /// The business exception that it raises.
    public var code: ExceptionCode
    /// What is wrong: line numbers, articles and tax codes may appear; customers' data never.
    public var detail: String

    /// A reason; see the properties.
    public init(_ code: ExceptionCode, _ detail: String) {
        self.code = code
        self.detail = detail
    }
}

/// Whether an order may go to its destination.
public enum ValidationVerdict: Equatable, Sendable {
    /// Nobody can tell yet: nobody has told lines, or the destination has not been asked.
    case pending
    /// It may.
    case passed
    /// It may not, for all of these reasons; never empty.
    case failed([ValidationFinding])

    /// The word that people, metrics and events use.
    public var name: String {
        switch self {
        case .pending: "pending"
        case .passed: "passed"
        case .failed: "failed"
        }
    }

    /// Why it failed; empty when it did not.
    public var reasons: [ValidationFinding] {
        switch self {
        case .pending, .passed: []
        case .failed(let reasons): reasons
        }
    }

    /// The exceptions that it raises, each once, in the sequence of the reasons.
    public var codes: [ExceptionCode] {
        reasons.reduce(into: []) { codes, reason in
            if !codes.contains(reason.code) { codes.append(reason.code) }
        }
    }

    /// What a person reads of one exception: all reasons of that code.
    public func detail(of code: ExceptionCode) -> String? {
        let details = reasons.filter { $0.code == code }.map(\.detail)
        return details.isEmpty ? nil : details.joined(separator: "; ")
    }
}

/// What the destination had of everything that an order refers to, when it was asked.
public struct CheckedMasters: Equatable, Sendable {
    /// Stable hash of the codes that were asked for: other codes need another look.
    public var basis: UInt64
    /// What is missing there.
    public var findings: [ValidationFinding]

    /// What a look gave; see the properties.
    public init(basis: UInt64, findings: [ValidationFinding]) {
        self.basis = basis
        self.findings = findings
    }
}

extension Order {
    /// The verdict, by what is told of the order and what `checked` says of the destination.
    ///
    /// Depends on nothing else, so that any sequence of events ends in the same one. The last look at the destination
    /// counts only while the order refers to the same.
    public func verdict(_ rules: ValidationRules, checked: CheckedMasters?) -> ValidationVerdict {
        guard !lines.isEmpty else { return .pending }
        var reasons = offlineFindings(rules)
        if !rules.check.isEmpty {
            let codes = masterCodes(rules)
            if !codes.isEmpty {
                guard let checked, checked.basis == Self.basis(of: codes) else {
                    return reasons.isEmpty ? .pending : .failed(reasons)
                }
                reasons += checked.findings
            }
        }
        return reasons.isEmpty ? .passed : .failed(reasons)
    }

    /// Whether the verdict depends on what the destination has.
    public func mayBeChecked(_ rules: ValidationRules) -> Bool { !codesToCheck(rules).isEmpty }

    /// What the destination is asked for as the order stands; empty: nothing.
    private func codesToCheck(_ rules: ValidationRules) -> [MasterCode] {
        guard rules.by == .sluice, !rules.check.isEmpty, !lines.isEmpty, path != .cancelled else { return [] }
        return masterCodes(rules)
    }

    /// Whether the destination has to be asked before the verdict is complete.
    public func needsChecking(_ rules: ValidationRules) -> Bool {
        let codes = codesToCheck(rules)
        return !codes.isEmpty && validation.checked?.basis != Self.basis(of: codes)
    }

    /// Everything that the order refers to and `rules` want looked up, each once, sorted.
    ///
    /// What cannot be a code (no text, or a tax code that the configuration does not know) is the offline checks'
    /// affair.
    public func masterCodes(_ rules: ValidationRules) -> [MasterCode] {
        var codes: [MasterCode] = []
        if rules.check.contains(.customer), !customerRef.isEmpty { codes.append(MasterCode(.customer, customerRef)) }
        for line in lines {
            if rules.check.contains(.product), !line.sku.isEmpty { codes.append(MasterCode(.product, line.sku)) }
            if rules.check.contains(.tax), let name = taxName(line, rules) { codes.append(MasterCode(.tax, name)) }
        }
        if rules.check.contains(.carrier) {
            for shipment in toldShipments where !shipment.carrier.isEmpty {
                codes.append(MasterCode(.carrier, shipment.carrier))
            }
        }
        codes.sort()
        return codes.reduce(into: []) { unique, code in if unique.last != code { unique.append(code) } }
    }

    /// What `answers` make of the order; nil when one of its codes is not among them.
    public func checked(_ rules: ValidationRules, _ answers: [MasterCode: MasterAnswer]) -> CheckedMasters? {
        let codes = masterCodes(rules)
        guard codes.allSatisfy({ answers[$0] != nil }) else { return nil }
        return CheckedMasters(basis: Self.basis(of: codes), findings: findings(rules, answers))
    }

    private func findings(_ rules: ValidationRules, _ answers: [MasterCode: MasterAnswer]) -> [ValidationFinding] {
        func answer(_ kind: MasterKind, _ code: String) -> MasterAnswer? {
            rules.check.contains(kind) ? answers[MasterCode(kind, code)] : nil
        }
        var notes = LineNotes()
        if !customerRef.isEmpty {
            switch answer(.customer, customerRef) {
            case .absent: notes.add(.unknownCustomer, "Odoo has no customer with the order's reference")
            case .several: notes.add(.unknownCustomer, "Odoo has several customers with the order's reference")
            case .found, nil: break
            }
        }
        for line in lines {
            switch answer(.product, line.sku) {
            case .absent: notes.add(.unknownProduct, "Odoo has no product", line, line.sku)
            case .several: notes.add(.unknownProduct, "Odoo has several products", line, line.sku)
            case .found, nil: break
            }
            guard let name = taxName(line, rules) else { continue }
            switch answer(.tax, name) {
            case .absent: notes.add(.unknownTax, "Odoo has no sales tax", line, name)
            case .several: notes.add(.unknownTax, "Odoo has several sales taxes", line, name)
            case .found, nil: break
            }
        }
        for carrier in Set(toldShipments.map(\.carrier)).sorted() {
            switch answer(.carrier, carrier) {
            case .absent: notes.add(.unknownCarrier, "Odoo has no carrier \(LineNotes.safe(carrier))")
            case .several: notes.add(.unknownCarrier, "Odoo has several carriers \(LineNotes.safe(carrier))")
            case .found, nil: break
            }
        }
        return notes.findings
    }

    /// What the verdict waits for, in a few words for people; nil: it has passed.
    public func validationWait(_ rules: ValidationRules) -> String? {
        switch rules.by {
        case .channel:
            guard let path, path == .received else { return nil }
            return "a channel's word validated"
        case .sluice:
            switch validation.verdict {
            case .passed: return nil
            case .pending:
                return lines.isEmpty
                    ? "its lines: nobody has told them yet" : "a look at what the destination has of what it refers to"
            case .failed(let reasons):
                return reasons.map { "\($0.code.rawValue): \($0.detail)" }.joined(separator: "; ")
            }
        }
    }

    /// Name of the line's tax in the destination; nil: it names none, or one that is not configured.
    func taxName(_ line: Line, _ rules: ValidationRules) -> String? {
        guard !line.tax.isEmpty else { return nil }
        guard let taxes = rules.taxes else { return line.tax }
        return taxes[line.tax]
    }

    private static func basis(of codes: [MasterCode]) -> UInt64 {
        var bytes: [UInt8] = []
        for code in codes {
            bytes.append(code.kind.rawValue)
            bytes.append(contentsOf: code.code.utf8)
            bytes.append(0)
        }
        return StableHash.hash(bytes.span)
    }
}

/// What a channel's rules found in one record: for each subject the number of its value.
///
/// 0: absent; `RoutePlan.other`: a value that no rule names.
typealias RouteProbes = SIMD16<UInt16>

/// A channel's routing rules, ready for use.
///
/// The values that rules name are numbered by subject. A record's values become such numbers as they are read, so that
/// judging the rules compares numbers only.
final class RoutePlan: Sendable {
    struct Condition: Sendable {
        var subject: Int
        var values: [UInt16]
    }

    struct Rule: Sendable {
        var conditions: [Condition]
        var legalEntity: [UInt8]?
        var warehouse: [UInt8]?
    }

    /// A value that no rule names.
    static let other = UInt16.max

    let rules: [Rule]
    /// Subjects that are values of the record.
    let pointers: [(subject: UInt16, pointer: JSONPointer)]
    /// Subjects that are fields of the event.
    let fields: [(subject: Int, field: MappedField)]
    /// Subjects that are headers.
    let headers: [(subject: Int, name: String)]
    private let topicSubject: Int?
    /// Values by number; the scope is the subject.
    let values: WordTable
    /// Numbers of the statuses' and the milestones' names, by subject.
    private let statuses: [[(StatusWord, UInt16)]]
    private let milestones: [[(Milestone, UInt16)]]

    /// Nil: there are no rules.
    init?(_ routes: [RouteRule]) {
        guard !routes.isEmpty else { return nil }
        var subjects: [RouteRule.Subject] = []
        var entries: [WordTable.Entry] = []
        var numbers: [[String: UInt16]] = []
        var rules: [Rule] = []
        for route in routes.prefix(RouteRule.maximumRules) {
            var rule = Rule(
                conditions: [], legalEntity: route.legalEntity.map { Array($0.utf8) },
                warehouse: route.warehouse.map { Array($0.utf8) })
            for condition in route.when {
                var subject = subjects.firstIndex(of: condition.subject)
                if subject == nil, subjects.count < RouteRule.maximumSubjects {
                    subject = subjects.count
                    subjects.append(condition.subject)
                    numbers.append([:])
                }
                guard let subject else { continue }
                let values = condition.values.map { text -> UInt16 in
                    guard let text else { return 0 }
                    if let known = numbers[subject][text] { return known }
                    let number = UInt16(truncatingIfNeeded: numbers[subject].count + 1)
                    numbers[subject][text] = number
                    entries.append(
                        WordTable.Entry(word: text, value: number, scope: UInt16(truncatingIfNeeded: subject)))
                    return number
                }
                rule.conditions.append(Condition(subject: subject, values: values))
            }
            rules.append(rule)
        }
        self.rules = rules
        values = WordTable(entries)
        pointers = subjects.enumerated().compactMap {
            if case .pointer(let pointer) = $1 { (UInt16(truncatingIfNeeded: $0), pointer) } else { nil }
        }
        fields = subjects.enumerated().compactMap { if case .field(let field) = $1 { ($0, field) } else { nil } }
        headers = subjects.enumerated().compactMap { if case .header(let name) = $1 { ($0, name) } else { nil } }
        topicSubject = subjects.firstIndex(of: .topic)
        statuses = numbers.map { known in
            (CanonicalState.allCases.map(StatusWord.state) + [.release]).compactMap { word in
                known[word.name].map { (word, $0) }
            }
        }
        milestones = numbers.map { known in
            Milestone.allCases.compactMap { word in known[word.name].map { (word, $0) } }
        }
    }

    /// What can be known of `topic`, without a record.
    func probes(topic: String) -> RouteProbes {
        var probes = RouteProbes()
        if let topicSubject { probes[topicSubject] = number(of: Array(topic.utf8), topicSubject) }
        return probes
    }

    /// Adds what the record's headers say; of a name that comes twice the last counts.
    func look(at headers: [PolledHeader], _ probes: inout RouteProbes) {
        for (subject, name) in self.headers {
            guard let value = headers.last(where: { $0.name == name })?.value else { continue }
            probes[subject] = number(of: value, subject)
        }
    }

    private func number(of bytes: [UInt8], _ subject: Int) -> UInt16 {
        values.value(of: bytes.span, 0, bytes.count, scope: UInt16(truncatingIfNeeded: subject)) ?? Self.other
    }

    func number(of status: StatusWord?, _ subject: Int) -> UInt16 {
        guard let status else { return 0 }
        return statuses[subject].first { $0.0 == status }?.1 ?? Self.other
    }

    func number(of milestone: Milestone?, _ subject: Int) -> UInt16 {
        guard let milestone else { return 0 }
        return milestones[subject].first { $0.0 == milestone }?.1 ?? Self.other
    }

    /// Index of the first rule that holds.
    func match(_ probes: RouteProbes) -> Int? {
        rules.firstIndex { rule in
            rule.conditions.allSatisfy { $0.values.contains(probes[$0.subject]) }
        }
    }
}

extension DecodePass {
    /// Gives the event what the rules say, or what they said when it was read first.
    @inline(__always)
    mutating func route(_ format: CompiledFormat, orderRef: Slice, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        if let knownEntity {
            event.legalEntity = appended(knownEntity)
        } else if let routes = format.routes {
            try route(by: routes, orderRef: orderRef, bytes)
        }
    }

    /// Finds the rule that takes the event, and gives the event what the rule says.
    ///
    /// `orderRef` is the order's reference as the record has it.
    private mutating func route(by routes: RoutePlan, orderRef: Slice, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        for (subject, field) in routes.fields {
            switch field {
            case .status: probes[subject] = routes.number(of: event.status, subject)
            case .milestone: probes[subject] = routes.number(of: event.milestone, subject)
            case .legalEntity: probe(event.legalEntity, subject, routes, bytes)
            case .warehouse: probe(event.warehouse, subject, routes, bytes)
            case .orderRef: probe(orderRef, subject, routes, bytes)
            case .currency: probe(event.currency, subject, routes, bytes)
            case .customerRef: probe(event.customerRef, subject, routes, bytes)
            case .customerGroup: probe(event.customerGroup, subject, routes, bytes)
            default: break
            }
        }
        guard let index = routes.match(probes) else { return }
        event.rule = Int16(truncatingIfNeeded: index)
        let rule = routes.rules[index]
        if let legalEntity = rule.legalEntity { event.legalEntity = appended(legalEntity) }
        if let warehouse = rule.warehouse { event.warehouse = appended(warehouse) }
    }

    /// Notes the value of a subject.
    private mutating func probe(_ text: Slice, _ subject: Int, _ routes: RoutePlan, _ bytes: Span<UInt8>) {
        guard !text.isEmpty else { return }
        probes[subject] =
            entry(of: text, in: routes.values, scope: UInt16(truncatingIfNeeded: subject), bytes) ?? RoutePlan.other
    }

    /// Reads the value at the position for the rules, whatever its kind.
    mutating func probeValue(_ subject: Int, _ routes: RoutePlan, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        let kind = try kind(bytes)
        switch kind {
        case .string: probe(slice(try string(bytes), bytes), subject, routes, bytes)
        case .number, .boolean:
            let start = reader.position
            try skip(bytes)
            let text = Slice(
                start: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: reader.position - start))
            probe(text, subject, routes, bytes)
        case .null: try skip(bytes)
        case .object, .array:
            try skip(bytes)
            probes[subject] = RoutePlan.other
        }
    }

    /// Puts a text of the configuration behind the record's bytes.
    mutating func appended(_ text: [UInt8]) -> Slice {
        let start = payloadCount + tail.count
        if tail.isEmpty { tail.reserveCapacity(64) }
        tail.append(contentsOf: text)
        return Slice(start: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: text.count))
    }
}

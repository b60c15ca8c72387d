/// Holds one file against its table of keys: unknown and missing keys, kinds, ranges, words, and what is not built yet.
struct ShapeCheck {
    private let file: ConfigurationFile
    private var problems: ProblemList

    /// Adds everything that is wrong with `root` by itself.
    static func run(_ root: ConfigNode, file: ConfigurationFile, into problems: inout ProblemList) {
        var check = ShapeCheck(file: file, problems: problems)
        // Given away for the while: two owners would copy the list at the first problem of every file.
        problems = ProblemList()
        check.check(root, file.kind.keys, key: "", pattern: "")
        problems = check.problems
    }

    private mutating func add(_ at: SourceLocation, _ key: String, _ reason: String) {
        problems.add(file.name, at, key.isEmpty ? Problem.wholeFile : key, reason)
    }

    private mutating func wrongKind(_ node: ConfigNode, _ key: String, _ wanted: String) {
        add(node.at, key, "must be \(wanted), not \(node.kindName)")
    }

    /// `key` is the path as a person reads it, `pattern` the same with `*` for names of one's own.
    private mutating func check(_ node: ConfigNode, _ shape: Shape, key: String, pattern: String) {
        switch shape {
        case .object(let keys): checkObject(node, keys, key: key, pattern: pattern)
        case .map(let rule, let shape, let minimum):
            checkMap(node, rule, shape, minimum: minimum, key: key, pattern: pattern)
        case .list(let shape, let minimum):
            guard case .list(let elements) = node.value else { return wrongKind(node, key, "a list") }
            if elements.count < minimum { add(node.at, key, "must not be empty") }
            for (index, element) in elements.enumerated() {
                check(element, shape, key: "\(key)[\(index)]", pattern: "\(pattern)[]")
            }
        case .text(let rule):
            guard let text = node.text else { return wrongKind(node, key, "a text") }
            if let fault = rule.fault(in: text) { add(node.at, key, fault) }
        case .textOr(let rule, let keys):
            if case .object = node.value { return checkObject(node, keys, key: key, pattern: pattern) }
            guard let text = node.text else { return wrongKind(node, key, "a text or an object") }
            if let fault = rule.fault(in: text) { add(node.at, key, fault) }
        case .scalars: checkScalars(node, key: key)
        case .word(let words): checkWord(node, words, key: key, pattern: pattern)
        case .integer(let range): checkInteger(node, range, key: key)
        case .number(let range): checkNumber(node, range, key: key)
        case .flag:
            if node.flag == nil { wrongKind(node, key, "true or false") }
        case .duration(let range): checkDuration(node, range, key: key)
        case .size(let range): checkSize(node, range, key: key)
        case .secret: checkSecret(node, key: key)
        case .textOrSecret(let rule):
            guard let text = node.text else {
                if case .object = node.value { return checkSecret(node, key: key) }
                return wrongKind(node, key, "a text, { env: \"NAME\" } or { file: \"/path\" }")
            }
            if let fault = rule.fault(in: text) { add(node.at, key, fault) }
        case .kafkaOptions: checkKafkaOptions(node, key: key)
        case .notBuilt: add(node.at, key, NotBuiltYet.reason)
        }
    }

    private mutating func checkObject(_ node: ConfigNode, _ keys: [Key], key: String, pattern: String) {
        guard case .object(let members) = node.value else { return wrongKind(node, key, "an object") }
        for member in members {
            let path = JSON5Reader.join(key, member.key)
            guard let known = keys.first(where: { $0.name == member.key }) else {
                let suggestion = NearestName.suggestion(for: member.key, among: keys.map(\.name))
                add(member.keyAt, path, "is no known key\(suggestion)")
                continue
            }
            if case .notBuilt = known.shape {
                add(member.keyAt, path, NotBuiltYet.reason)
            } else {
                let inner = pattern.isEmpty ? known.name : "\(pattern).\(known.name)"
                check(member.value, known.shape, key: path, pattern: inner)
            }
        }
        for required in keys where required.isRequired && node.member(required.name) == nil {
            add(node.at, JSON5Reader.join(key, required.name), "is missing")
        }
    }

    private mutating func checkMap(
        _ node: ConfigNode, _ rule: TextRule, _ shape: Shape, minimum: Int, key: String, pattern: String
    ) {
        guard case .object(let members) = node.value else { return wrongKind(node, key, "an object") }
        if members.count < minimum { add(node.at, key, "must not be empty") }
        if let maximum = rule.maximumNames, members.count > maximum {
            add(node.at, key, "must not have more than \(maximum) entries")
        }
        for member in members {
            let path = JSON5Reader.join(key, member.key)
            if let fault = rule.fault(in: member.key) { add(member.keyAt, path, "the name \(fault)") }
            check(member.value, shape, key: path, pattern: "\(pattern).*")
        }
    }

    private mutating func checkScalars(_ node: ConfigNode, key: String) {
        switch node.value {
        case .list(let elements):
            if elements.isEmpty { add(node.at, key, "must not be empty") }
            for (index, element) in elements.enumerated() {
                if case .list = element.value {
                    wrongKind(element, "\(key)[\(index)]", "a text, a flag, an integer or null")
                } else {
                    checkScalars(element, key: "\(key)[\(index)]")
                }
            }
        case .text(let text):
            if text.utf8.count > TextRule.maximumText {
                add(node.at, key, "is longer than \(TextRule.maximumText) bytes")
            }
        case .number(let number):
            if number.integer == nil { add(node.at, key, "must be an integer; write other numbers as text") }
        case .flag, .null: break
        case .object: wrongKind(node, key, "a text, a flag, an integer, null or a list of such")
        }
    }

    private mutating func checkWord(_ node: ConfigNode, _ words: [String], key: String, pattern: String) {
        guard let text = node.text else { return wrongKind(node, key, "a text") }
        if words.contains(text) { return }
        if NotBuiltYet.holds(file.kind, pattern, value: text) {
            return add(node.at, key, "\(quoted(text)) is \(NotBuiltYet.reason)")
        }
        let suggestion = NearestName.suggestion(for: text, among: words)
        add(node.at, key, "\(quoted(text)) is none of \(words.joined(separator: ", "))\(suggestion)")
    }

    private mutating func checkInteger(_ node: ConfigNode, _ range: ClosedRange<Int64>, key: String) {
        guard let number = node.number else { return wrongKind(node, key, "an integer") }
        guard let integer = number.integer, range.contains(integer) else {
            let bounds =
                range.upperBound == .max
                ? "an integer from \(range.lowerBound) on"
                : "an integer from \(range.lowerBound) to \(range.upperBound)"
            return add(node.at, key, "must be \(bounds)")
        }
    }

    private mutating func checkNumber(_ node: ConfigNode, _ range: ClosedRange<Double>, key: String) {
        guard let number = node.number else { return wrongKind(node, key, "a number") }
        guard range.contains(number.value) else {
            return add(node.at, key, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private mutating func checkDuration(_ node: ConfigNode, _ range: ClosedRange<Duration>, key: String) {
        guard let duration = node.duration else { return add(node.at, key, Quantities.durationFault) }
        if range.contains(duration) { return }
        let bounds = "\(Quantities.text(range.lowerBound)) to \(Quantities.text(range.upperBound))"
        add(node.at, key, "must be a duration from \(bounds)")
    }

    private mutating func checkSize(_ node: ConfigNode, _ range: ClosedRange<Int64>, key: String) {
        guard let size = node.size else { return add(node.at, key, Quantities.sizeFault) }
        if range.contains(Int64(size)) { return }
        let bounds = "\(Quantities.text(bytes: range.lowerBound)) to \(Quantities.text(bytes: range.upperBound))"
        add(node.at, key, "must be a size from \(bounds)")
    }

    private mutating func checkSecret(_ node: ConfigNode, key: String) {
        if let fault = SecretShape.read(node).fault { add(fault.at, key, fault.reason) }
    }

    private mutating func checkKafkaOptions(_ node: ConfigNode, key: String) {
        guard case .object(let members) = node.value else { return wrongKind(node, key, "an object") }
        for member in members {
            let path = JSON5Reader.join(key, member.key)
            if let refusal = KafkaOptions.refusal(of: member.key) {
                add(member.keyAt, path, refusal)
            } else if let rule = KafkaOptions.allowed[member.key] {
                if case .object = member.value.value {
                    checkSecret(member.value, key: path)
                } else if let fault = KafkaOptions.value(of: member.value, rule.kind).fault {
                    add(member.value.at, path, fault)
                }
            }
        }
    }
}

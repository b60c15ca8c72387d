public import OrderEvents

// The canonical lifecycle as data: one rule for every (from, word) pair. `sluice lifecycle` prints this table and the
// tests walk all of it; nothing else in the program decides what may follow what.

/// What becomes of a transition.
///
/// Raw values are stored in PostgreSQL: never renumbered.
public enum Disposition: UInt8, CaseIterable, Sendable {
    /// Applies.
    case allow = 1
    /// Applies and raises a business exception: reality happened.
    case flag = 2
    /// Waits for what is missing until the entity's park timeout.
    case park = 3
    /// Leaves the state and raises a business exception.
    case reject = 4
    /// The word is the order's state or lies behind it: facts merge, the state stays; stale when nothing is new.
    case behind = 5

    /// The word that metrics, the journal and people use.
    public var name: String {
        switch self {
        case .allow: "allow"
        case .flag: "flag"
        case .park: "park"
        case .reject: "reject"
        case .behind: "behind"
        }
    }
}

/// One cell of the lifecycle table.
public struct Rule: Equatable, Sendable {
    /// What becomes of the transition.
    public var disposition: Disposition
    /// The exception that a flag, a park or a reject raises.
    public var code: ExceptionCode?
    /// What becomes of a parked event whose time is up; nil: it goes on waiting.
    public var fallback: Disposition?

    static let allow = Rule(disposition: .allow, code: nil)
    static let behind = Rule(disposition: .behind, code: nil)
    static func flag(_ code: ExceptionCode) -> Rule { Rule(disposition: .flag, code: code) }
    static func park(_ code: ExceptionCode, then fallback: Disposition? = nil) -> Rule {
        Rule(disposition: .park, code: code, fallback: fallback)
    }
    /// Tells an end before what has to precede it: that may still come from another channel.
    static let tooEarly = Rule.park(.illegalTransition, then: .reject)
    static let releaseWithoutHold = Rule.park(.releaseWithoutHold, then: .flag)
    static let illegal = Rule(disposition: .reject, code: .illegalTransition)
}

/// The rules of every (from, word) pair.
public struct Lifecycle: Sendable {
    /// Words in the order in which the table prints them: the path, then what lies beside it.
    public static let words: [StatusWord] = CanonicalState.allCases.map(StatusWord.state) + [.release]
    /// Places an order can be in, nil first: not begun.
    public static let places: [CanonicalState?] = [nil] + CanonicalState.allCases.map(Optional.some)

    private var rules: [Rule]

    private static func index(_ from: CanonicalState?, _ word: StatusWord) -> Int {
        let column =
            switch word {
            case .state(let state): Int(state.rawValue) - 1
            case .release: CanonicalState.allCases.count
            }
        return Int(from?.rawValue ?? 0) * words.count + column
    }

    /// The rule for `word` told of an order at `from` (nil: not begun).
    ///
    /// The row `on_hold` says what a hold adds; an order on hold obeys the stricter of that row and its path's.
    public func rule(from: CanonicalState?, word: StatusWord) -> Rule { rules[Self.index(from, word)] }

    /// The defaults of every legal entity.
    public static let standard = Lifecycle()

    private init() {
        rules = Array(repeating: .illegal, count: Self.places.count * Self.words.count)
        for from in Self.places {
            for word in Self.words { rules[Self.index(from, word)] = Self.standardRule(from, word) }
        }
    }

    private static func standardRule(_ from: CanonicalState?, _ word: StatusWord) -> Rule {
        switch from {
        case nil: notBegun(word)
        case .received, .validated, .allocated: beforeDispatch(from, word)
        case .partiallyFulfilled: partlyShipped(word)
        case .shipped: shipped(word)
        case .invoiced: invoiced(word)
        case .onHold: held(word)
        case .closed, .cancelled: ended(from, word)
        }
    }

    private static func notBegun(_ word: StatusWord) -> Rule {
        switch word {
        case .state(.invoiced): .flag(.invoiceWithoutDispatch)
        case .state(.closed): .park(.orderNotBegun)
        case .release: .park(.orderNotBegun)
        case .state: .allow
        }
    }

    private static func beforeDispatch(_ from: CanonicalState?, _ word: StatusWord) -> Rule {
        switch word {
        case .state(.invoiced): .flag(.invoiceWithoutDispatch)
        case .state(.closed): .tooEarly
        case .release: .releaseWithoutHold
        case .state(.onHold), .state(.cancelled): .allow
        case .state(let to): to.rawValue > (from?.rawValue ?? 0) ? .allow : .behind
        }
    }

    private static func partlyShipped(_ word: StatusWord) -> Rule {
        switch word {
        case .state(.received), .state(.validated), .state(.allocated): .behind
        case .state(.closed): .tooEarly
        case .release: .releaseWithoutHold
        // A cancellation here cancels what is left: the order becomes shipped.
        case .state(.partiallyFulfilled), .state(.shipped), .state(.invoiced), .state(.onHold), .state(.cancelled):
            .allow
        }
    }

    private static func shipped(_ word: StatusWord) -> Rule {
        switch word {
        case .state(.invoiced): .allow
        case .state(.closed): .flag(.shippedNotInvoiced)
        case .state(.onHold), .state(.cancelled): .illegal
        case .release: .releaseWithoutHold
        case .state: .behind
        }
    }

    private static func invoiced(_ word: StatusWord) -> Rule {
        switch word {
        case .state(.closed): .allow
        case .state(.onHold), .state(.cancelled): .illegal
        case .release: .releaseWithoutHold
        case .state: .behind
        }
    }

    private static func held(_ word: StatusWord) -> Rule {
        switch word {
        case .state(.partiallyFulfilled), .state(.shipped), .state(.invoiced): .flag(.holdViolated)
        case .state(.closed): .tooEarly
        case .state, .release: .allow
        }
    }

    private static func ended(_ from: CanonicalState?, _ word: StatusWord) -> Rule {
        switch word {
        case .state(let to) where to == from: .behind
        // Facts: the goods left, the invoice is in the books.
        case .state(.partiallyFulfilled), .state(.shipped), .state(.invoiced): .flag(.factAfterEnd)
        // A hold may be open from before the end; its release leaves nothing.
        case .release: .releaseWithoutHold
        case .state: .illegal
        }
    }

    /// Gives an edge another disposition, as a legal entity wants it.
    ///
    /// A rule keeps its code; one that had none raises `illegal_transition`. A parked word whose time is up is applied
    /// with a flag where the lifecycle has no fallback of its own.
    public mutating func override(from: CanonicalState?, word: StatusWord, _ disposition: Disposition) {
        var rule = rules[Self.index(from, word)]
        rule.disposition = disposition
        switch disposition {
        case .allow, .behind: rule.code = nil
        case .flag, .reject: rule.code = rule.code ?? .illegalTransition
        case .park:
            rule.code = rule.code ?? .illegalTransition
            rule.fallback = rule.fallback ?? .flag
        }
        if disposition != .park { rule.fallback = nil }
        rules[Self.index(from, word)] = rule
    }

    /// The stricter of two rules: reject over park over flag over behind over allow.
    static func stricter(_ a: Rule, _ b: Rule) -> Rule {
        func strictness(_ rule: Rule) -> Int {
            switch rule.disposition {
            case .allow: 0
            case .behind: 1
            case .flag: 2
            case .park: 3
            case .reject: 4
            }
        }
        return strictness(a) >= strictness(b) ? a : b
    }
}

public import OrderEvents
public import Orders

/// One edge of the lifecycle that a legal entity rules differently.
public struct EdgeSettings: Equatable, Sendable {
    /// Where the order is; nil: not begun.
    public var from: CanonicalState?
    /// What is told of it.
    public var word: StatusWord
    /// What becomes of it.
    public var disposition: Disposition

    /// What an edge may be set to.
    ///
    /// `behind` is no decision: it follows from the path.
    static let dispositions: [Disposition] = [.allow, .flag, .park, .reject]

    /// An edge; see the properties.
    public init(from: CanonicalState?, word: StatusWord, disposition: Disposition) {
        self.from = from
        self.word = word
        self.disposition = disposition
    }

    /// Why this could never make sense; nil: it can.
    ///
    /// An edge may be as strict or as lax as a company likes, but an order has one path, its end is an end, and it must
    /// be able to begin and to end.
    var fault: String? {
        let place = from?.name ?? "none"
        if word == .state(.onHold), from == .onHold { return "an order can have several holds at once" }
        if let from, word == .state(from) { return "an order at \(place) is there already" }
        if Lifecycle.standard.rule(from: from, word: word).disposition == .behind {
            return "\(word.name) lies behind \(place): it is old news, and the state stays"
        }
        switch (from, word) {
        case (nil, .release) where takesEffect: return "an order does not begin with a release"
        case (nil, .state(.received)) where disposition == .park || disposition == .reject:
            return "an order could not begin"
        case (.onHold, .release) where disposition == .park || disposition == .reject:
            return "a hold could never end"
        case (.shipped, .state(.onHold)), (.invoiced, .state(.onHold)):
            return disposition == .reject ? nil : "the goods have left, and nothing can be held any more"
        case (.shipped, .state(.cancelled)), (.invoiced, .state(.cancelled)):
            return disposition == .reject ? nil : "the goods have left, and nothing can be cancelled any more"
        case (.closed, .state(let to)), (.cancelled, .state(let to)):
            return isFact(to) || disposition == .reject ? nil : "\(place) is an end: only facts may be told after it"
        default: return nil
        }
    }

    private var takesEffect: Bool { disposition == .allow || disposition == .flag }

    private func isFact(_ state: CanonicalState) -> Bool {
        switch state {
        case .partiallyFulfilled, .shipped, .invoiced: true
        case .received, .validated, .allocated, .closed, .onHold, .cancelled: false
        }
    }
}

/// How the file names an edge: `from->to`.
enum EdgeName {
    private static let places = Lifecycle.places.map { $0?.name ?? "none" }
    private static let words = Lifecycle.words.map(\.name)

    static let pattern = "^(\(places.joined(separator: "|")))->(\(words.joined(separator: "|")))$"

    private static func parts(_ text: String) -> (from: String, to: String)? {
        guard let arrow = text.firstRange(of: "->") else { return nil }
        return (String(text[..<arrow.lowerBound]), String(text[arrow.upperBound...]))
    }

    /// What is wrong with the name, or nil.
    static func fault(in text: String) -> String? {
        guard let (from, to) = parts(text) else {
            return "must be from->to, such as \"allocated->invoiced\", not \(quoted(text))"
        }
        if !places.contains(from) {
            return "begins with \(quoted(from)), which is no state\(NearestName.suggestion(for: from, among: places))"
        }
        if !words.contains(to) {
            return "ends with \(quoted(to)), which is no state\(NearestName.suggestion(for: to, among: words))"
        }
        return nil
    }

    /// The edge that `name` stands for, set to `disposition`; nil where either says nothing.
    static func edge(_ name: String, _ disposition: String?) -> EdgeSettings? {
        guard let (from, to) = parts(name), let word = StatusWord(name: to),
            let disposition = EdgeSettings.dispositions.first(where: { $0.name == disposition })
        else { return nil }
        if from == "none" { return EdgeSettings(from: nil, word: word, disposition: disposition) }
        guard let state = CanonicalState(name: from) else { return nil }
        return EdgeSettings(from: state, word: word, disposition: disposition)
    }
}

/// Why a part of the bench could not be measured, or what it found wrong.
struct BenchError: Error, CustomStringConvertible {
    /// What happened and what to do.
    let description: String

    init(_ description: String) { self.description = description }
}

/// A part whose work was wrong prints this instead of figures.
struct WrongWork: Error, CustomStringConvertible {
    /// What was lost, doubled or wrong.
    let findings: [String]

    var description: String { "the work was wrong, so there is no figure: " + findings.joined(separator: "; ") }
}

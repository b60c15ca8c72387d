/// What kind of metric a family is.
enum MetricKind {
    case counter, gauge, histogram, stateSet
}

/// What makes two registrations of one name the same metric: everything but the help text.
struct FamilyShape: Equatable, Sendable {
    /// Upper limit on a histogram's buckets: each costs a series per label set, and each observation compares with all.
    static let maximumBuckets = 64

    let name: String
    let kind: MetricKind
    var labels: [String] = []
    var buckets: [Double] = []
    var states: [String] = []

    /// The names of the samples that this family writes, which no other family may write.
    var sampleNames: [String] {
        kind == .histogram ? [name, name + "_bucket", name + "_sum", name + "_count"] : [name]
    }

    /// Traps on what Prometheus or promtool would refuse, because it can only be a mistake in the code.
    func checkNames() {
        precondition(Self.isName(name, colons: true), "\(name) is no metric name")
        precondition(kind != .counter || name.hasSuffix("_total"), "counter \(name) must end in _total")
        precondition(Set(labels).count == labels.count, "metric \(name) has a label twice")
        for label in labels {
            precondition(
                Self.isName(label, colons: false) && !label.hasPrefix("__"), "\(label) of \(name) is no label name")
        }
        switch kind {
        case .counter, .gauge:
            break
        case .histogram:
            precondition(!labels.contains("le"), "histogram \(name) has the label le of its own")
            precondition(
                (1...Self.maximumBuckets).contains(buckets.count) && buckets.allSatisfy(\.isFinite)
                    && zip(buckets, buckets.dropFirst()).allSatisfy(<),
                "buckets of \(name) must be 1 to \(Self.maximumBuckets) ascending finite numbers")
        case .stateSet:
            precondition(!labels.contains(name), "stateset \(name) has the label \(name) of its own")
            precondition(
                !states.isEmpty && Set(states).count == states.count, "stateset \(name) needs states, each once")
        }
    }

    private static func isName(_ text: String, colons: Bool) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            case UInt8(ascii: ":"): colons
            default: isDigit(byte)
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

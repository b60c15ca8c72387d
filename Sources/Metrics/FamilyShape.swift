/// What kind of metric a family is.
public enum MetricKind: String, Sendable {
    /// A number that only grows.
    case counter
    /// A number that goes up and down.
    case gauge
    /// Observations counted by size.
    case histogram
    /// One of a few states.
    case stateSet = "stateset"
    /// Words that do not change while the process lives.
    case info
}

/// What one number of several legal entities is.
public enum GaugeFold: Sendable {
    /// Their sum.
    case sum
    /// The largest of them: ages, times and limits.
    case most
}

/// What makes two registrations of one name the same metric: everything but the help text.
struct FamilyShape: Equatable, Sendable {
    /// Upper limit on a histogram's buckets: each costs a series per label set, and each observation compares with all.
    static let maximumBuckets = 64
    /// The label that says whose series it is; always the first.
    static let entityLabel = "legal_entity"
    /// Labels whose values belong to one legal entity: under another name they say nothing.
    static let partsOfEntity: Set<String> = ["warehouse"]
    /// Histograms with labels beyond these are summed over the legal entities, but where one is asked for.
    static let histogramLabels: Set<String> = [entityLabel, "stage"]
    /// Units that a name may end in, as OpenMetrics wants them told.
    static let units = ["seconds", "bytes", "ratio"]

    let name: String
    let kind: MetricKind
    var labels: [String] = []
    var buckets: [Double] = []
    /// Buckets of series whose last label has this value, in place of `buckets`.
    var bucketsByValue: [String: [Double]] = [:]
    var states: [String] = []
    var fold = GaugeFold.sum
    /// How many label sets of each legal entity are shown under it whatever it has beside them; 0: as room is left.
    var coreSets = 0

    /// Whether its first label is the legal entity.
    var isOfEntities: Bool { labels.first == Self.entityLabel }
    /// Whether a page of all legal entities has their sum only.
    var isSummed: Bool {
        kind == .histogram && isOfEntities && !Set(labels).isSubset(of: Self.histogramLabels)
    }
    /// Whether the labels beside the legal entity are folded with it.
    var foldsParts: Bool { isOfEntities && labels.contains(where: Self.partsOfEntity.contains) }

    /// The name without the ending that its kind asks for: the metric's name in OpenMetrics.
    var baseName: String {
        switch kind {
        case .counter: String(name.dropLast("_total".count))
        case .info: String(name.dropLast("_info".count))
        case .gauge, .histogram, .stateSet: name
        }
    }

    /// The unit that the name ends in, or nil.
    var unit: String? { Self.units.first { baseName.hasSuffix("_\($0)") } }

    /// The names of the samples that this family writes in any format, which no other family may write.
    var sampleNames: [String] {
        switch kind {
        case .counter: [name, baseName, baseName + "_created"]
        case .gauge, .stateSet: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count", name + "_created"]
        case .info: [name, baseName]
        }
    }

    /// Lines of a page that one label set takes at most, without those that say when it was made.
    var linesOfSeries: Int {
        switch kind {
        case .counter, .gauge, .info: 1
        case .stateSet: states.count
        case .histogram: ([buckets] + bucketsByValue.values).map(\.count).reduce(0, max) + 3
        }
    }

    /// The same, with those that say when it was made where there is room for them.
    func lines(isRoomy: Bool) -> Int {
        switch kind {
        case .counter, .histogram: linesOfSeries + (isRoomy ? 1 : 0)
        case .gauge, .stateSet, .info: linesOfSeries
        }
    }

    /// Traps on what Prometheus or promtool would refuse, because it can only be a mistake in the code.
    func checkNames() {
        precondition(Self.isName(name, colons: true), "\(name) is no metric name")
        precondition(kind != .counter || name.hasSuffix("_total"), "counter \(name) must end in _total")
        precondition(kind != .info || name.hasSuffix("_info"), "info \(name) must end in _info")
        precondition(Set(labels).count == labels.count, "metric \(name) has a label twice")
        precondition(
            !labels.dropFirst().contains(Self.entityLabel), "\(Self.entityLabel) must be the first label of \(name)")
        for label in labels {
            precondition(
                Self.isName(label, colons: false) && !label.hasPrefix("__"), "\(label) of \(name) is no label name")
        }
        switch kind {
        case .counter, .gauge, .info:
            break
        case .histogram:
            precondition(!labels.contains("le"), "histogram \(name) has the label le of its own")
            for buckets in [buckets] + bucketsByValue.values {
                precondition(
                    (1...Self.maximumBuckets).contains(buckets.count) && buckets.allSatisfy(\.isFinite)
                        && zip(buckets, buckets.dropFirst()).allSatisfy(<),
                    "buckets of \(name) must be 1 to \(Self.maximumBuckets) ascending finite numbers")
            }
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

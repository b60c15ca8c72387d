import Foundation

/// The figures of one part: what `.build/bench/PART.json` holds.
struct Figures {
    /// A figure: its runs, or the only value.
    struct Figure {
        var key: String
        var values: [Double]
        var unit: String
        var note: String

        var median: Double { Figures.median(values) }
    }

    let part: String
    private(set) var figures: [Figure] = []
    /// Words about the run: broker, commit, ...
    var words: [(key: String, value: String)] = []
    var isDirty = false
    /// What a reader has to know, printed below the table.
    var remarks: [String] = []

    init(part: String) { self.part = part }

    /// Adds a figure with its runs; one without runs is absent.
    mutating func add(_ key: String, _ values: [Double], unit: String = "", note: String = "") {
        let finite = values.filter(\.isFinite)
        guard !finite.isEmpty else { return }
        figures.append(Figure(key: key, values: finite, unit: unit, note: note))
    }

    /// The median of a figure that was added.
    func median(_ key: String) -> Double? { figures.first { $0.key == key }?.median }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The smallest of `sorted` that no less than this share of them reaches.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        return sorted[max(0, min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.up)) - 1))]
    }

    /// One flat JSON object: medians, spreads, numbers of runs, words.
    var json: String {
        var fields: [(String, String)] = words.map { ($0.key, Self.quoted($0.value)) }
        fields.append(("dirty", isDirty ? "true" : "false"))
        for figure in figures {
            fields.append((figure.key, Self.number(figure.median)))
            let low = figure.values.min() ?? .nan
            let high = figure.values.max() ?? .nan
            fields.append(("\(figure.key)_spread", "[\(Self.number(low)), \(Self.number(high))]"))
            fields.append(("\(figure.key)_runs", String(figure.values.count)))
        }
        return "{\n" + fields.map { "  \(Self.quoted($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n"
    }

    /// The table that a person reads.
    var table: String {
        let header = ["figure", "median", "lowest", "highest", "runs", "unit", ""]
        let rows = figures.map { figure in
            [
                figure.key, Self.number(figure.median), Self.number(figure.values.min() ?? .nan),
                Self.number(figure.values.max() ?? .nan), String(figure.values.count), figure.unit, figure.note,
            ]
        }
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return (1...4).contains(column) ? space + cell : cell + space
            }
            return padded.joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }
        let about = words.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + (isDirty ? ", dirty" : "")
        return (["\(part): \(about)", line(header)] + rows.map(line) + remarks.map { "  \($0)" }).joined(
            separator: "\n")
    }

    /// Six digits at most; no exponent.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        let digits = max(0, 4 - Int(log10(max(abs(value), 1e-9)).rounded(.down)))
        return String(format: "%.\(min(digits, 9))f", value)
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }
}

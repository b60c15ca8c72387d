import OrderEvents

extension Lifecycle {
    /// Whether the rule of an edge differs from that of `other`.
    private func differs(from other: Lifecycle?, _ place: CanonicalState?, _ word: StatusWord) -> Bool {
        guard let other else { return false }
        return rule(from: place, word: word) != other.rule(from: place, word: word)
    }

    /// The table as text: one row a state, one column a word; what differs from `standard` has a star.
    public func text(comparedWith standard: Lifecycle? = nil) -> String {
        let header = ["from \\ word"] + Self.words.map(\.name)
        let rows = Self.places.map { from in
            [from?.name ?? "(not begun)"]
                + Self.words.map { word in
                    rule(from: from, word: word).disposition.name + (differs(from: standard, from, word) ? "*" : "")
                }
        }
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        var lines = [line(header)] + rows.map(line) + ["", "exceptions:"]
        for from in Self.places {
            for word in Self.words {
                let rule = rule(from: from, word: word)
                guard let code = rule.code, rule.disposition != .reject else { continue }
                let fallback = rule.fallback.map { ", then \($0.name)" } ?? ""
                lines.append(
                    "  \(from?.name ?? "(not begun)") -> \(word.name): "
                        + "\(rule.disposition.name), \(code.rawValue)\(fallback)"
                )
            }
        }
        lines.append("  every reject: \(ExceptionCode.illegalTransition.rawValue)")
        return lines.joined(separator: "\n")
    }

    /// The table as Graphviz: allow solid, flag dashed, park dotted; what is rejected or behind has no edge.
    ///
    /// What differs from `standard` is red.
    public func graphviz(comparedWith standard: Lifecycle? = nil) -> String {
        var lines = ["digraph lifecycle {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
        for from in Self.places {
            let name = from?.name ?? "not_begun"
            lines.append("  \(name);")
            for word in Self.words {
                let rule = rule(from: from, word: word)
                let style: String
                switch rule.disposition {
                case .allow: style = "solid"
                case .flag: style = "dashed"
                case .park: style = "dotted"
                case .reject, .behind: continue
                }
                let color = differs(from: standard, from, word) ? ", color=red" : ""
                let label = (rule.code.map { ", label=\"\($0.rawValue)\"" } ?? "") + color
                lines.append("  \(name) -> \(word.name) [style=\(style)\(label)];")
            }
        }
        return (lines + ["}"]).joined(separator: "\n")
    }
}

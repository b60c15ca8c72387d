import OrderEvents

/// Pieces of pages that people read in a terminal of 100 columns.
enum PageText {
    static let width = 100

    /// A table that is no wider than the page: the last column is folded, below its own beginning where there is room.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        let offset = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        guard offset + (widths.last ?? 0) > width else { return Output.table(header, rows) }
        // No identifier is broken that fits below.
        let longest = rows.flatMap { ($0.last ?? "").split(separator: " ") }.map(\.count).max() ?? 0
        let isBeside = offset <= width - max(24, longest)
        let room = isBeside ? width - offset : width - 4
        var folded: [[String]] = []
        for row in rows {
            let parts = fold(row.last ?? "", to: room)
            if isBeside {
                folded.append(row.dropLast() + [parts.first ?? ""])
                for part in parts.dropFirst() { folded.append(row.dropLast().map { _ in "" } + [part]) }
            } else {
                folded.append(row.dropLast() + [""])
                for part in parts where !part.isEmpty { folded.append(["\u{0}" + part]) }
            }
        }
        let plain = folded.filter { $0.first?.first != "\u{0}" }
        let lines = Output.table(header, plain).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        var page = Array(lines.prefix(2))
        var next = 2
        for row in folded {
            if let first = row.first, first.first == "\u{0}" {
                page.append("    " + first.dropFirst())
            } else {
                page.append(lines[next])
                next += 1
            }
        }
        return page.joined(separator: "\n")
    }

    /// Lines of at most `room` columns, broken at spaces where there are any.
    static func fold(_ text: String, to room: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            var rest = Substring(word)
            while line.isEmpty, rest.count > room {
                lines.append(String(rest.prefix(room)))
                rest = rest.dropFirst(room)
            }
            if line.isEmpty {
                line = String(rest)
            } else if line.count + 1 + rest.count <= room {
                line += " " + rest
            } else {
                lines.append(line)
                line = ""
                while rest.count > room {
                    lines.append(String(rest.prefix(room)))
                    rest = rest.dropFirst(room)
                }
                line = String(rest)
            }
        }
        return lines + [line]
    }

    /// A title of 11 columns and what belongs to it, folded.
    static func field(_ title: String, _ values: [String]) -> String {
        let indent = String(repeating: " ", count: 11)
        let lines = values.flatMap { value in
            fold(value, to: width - 13).enumerated().map { $0 == 0 ? $1 : "  " + $1 }
        }
        let padded = title + String(repeating: " ", count: max(1, 11 - title.count))
        return lines.enumerated().map { ($0 == 0 ? padded : indent) + $1 }.joined(separator: "\n")
    }

    /// To the second, as people read it.
    static func time(_ time: Timestamp) -> String {
        let text = time.rfc3339
        guard let end = text.firstIndex(of: "T") else { return text }
        return text[..<end] + " " + text[text.index(after: end)...].prefix(8) + "Z"
    }

    /// A span of time in its two largest units.
    static func span(_ seconds: Double) -> String {
        let whole = Int(max(0, min(seconds, 1e12)))
        let parts = [(whole / 86400, "d"), (whole / 3600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")]
        guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0s" }
        return parts[first...].prefix(2).filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }
}

import Foundation

/// What a command says: results to standard output, everything else to standard error.
enum Output {
    static func line(_ text: String) { write(text + "\n", FileHandle.standardOutput) }
    static func error(_ text: String) { write(text + "\n", FileHandle.standardError) }

    private static func write(_ text: String, _ handle: FileHandle) {
        // A closed pipe is the reader's decision, not an error of the command.
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// A table with a header, numbers to the right.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let widths = header.indices.map { column in
            ([header] + rows).map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        func render(_ row: [String]) -> String {
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
                let isNumber = !cell.isEmpty && cell.allSatisfy { $0.isNumber || $0 == "." || $0 == "-" }
                return isNumber ? padding + cell : cell + padding
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
        let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        return ([render(header), rule] + rows.map(render)).joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}

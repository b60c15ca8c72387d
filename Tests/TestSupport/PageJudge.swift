import Foundation

/// A small strict reader of both formats, written apart from the writer: it says what Prometheus would refuse and other
/// judges let pass, series twice and control bytes.
public enum PageJudge {
    /// Complaints about a page; none when it is good.
    public static func complaints(_ page: [UInt8]) -> [String] {
        guard let text = String(validating: page, as: UTF8.self) else { return ["not UTF-8"] }
        var complaints: [String] = []
        if let bad = page.first(where: { ($0 < 0x20 && $0 != 0x0A) || $0 == 0x7F }) {
            complaints.append("control byte \(bad)")
        }
        if page.last != 0x0A { complaints.append("no line end at the end") }
        var seen: Set<String> = []
        for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
            let line = Array(line)
            if line.first == UInt8(ascii: "#") { continue }
            guard let series = series(line) else {
                complaints.append("not a sample: \(String(decoding: line, as: UTF8.self))")
                continue
            }
            if !seen.insert(series).inserted { complaints.append("twice: \(series)") }
        }
        return complaints
    }

    /// The label values of a sample, unescaped, by name.
    public static func labels(_ line: some Collection<UInt8>) -> [String: String]? {
        let line = Array(line)
        guard let open = line.firstIndex(of: UInt8(ascii: "{")) else { return [:] }
        var labels: [String: String] = [:]
        var index = open + 1
        while index < line.count, line[index] != UInt8(ascii: "}") {
            guard let equals = line[index...].firstIndex(of: UInt8(ascii: "=")), equals + 1 < line.count,
                line[equals + 1] == UInt8(ascii: "\"")
            else { return nil }
            let name = String(decoding: line[index..<equals], as: UTF8.self)
            var value: [UInt8] = []
            index = equals + 2
            while index < line.count, line[index] != UInt8(ascii: "\"") {
                if line[index] == UInt8(ascii: "\\") {
                    index += 1
                    guard index < line.count else { return nil }
                    switch line[index] {
                    case UInt8(ascii: "n"): value.append(0x0A)
                    case UInt8(ascii: "\\"), UInt8(ascii: "\""): value.append(line[index])
                    default: return nil
                    }
                } else {
                    value.append(line[index])
                }
                index += 1
            }
            guard index < line.count, labels.updateValue(String(decoding: value, as: UTF8.self), forKey: name) == nil
            else { return nil }
            index += 1
            if index < line.count, line[index] == UInt8(ascii: ",") { index += 1 }
        }
        return index < line.count ? labels : nil
    }

    /// Name and sorted labels of a sample, or nil when the line is none.
    private static func series(_ sample: [UInt8]) -> String? {
        // An exemplar stands behind the value.
        let exemplar = Array(" # {".utf8)
        let end = sample.indices.first { sample[$0...].starts(with: exemplar) } ?? sample.count
        let line = Array(sample[..<end])
        guard let labels = labels(line), let space = line.lastIndex(of: UInt8(ascii: " ")),
            let value = String(validating: line[(space + 1)...], as: UTF8.self),
            Double(value) != nil || ["+Inf", "-Inf", "NaN"].contains(value)
        else { return nil }
        let name = line.prefix { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: " ") }
        return String(decoding: name, as: UTF8.self) + "\(labels.sorted { $0.key < $1.key })"
    }
}

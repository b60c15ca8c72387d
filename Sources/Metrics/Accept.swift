/// The format that a client prefers, by the `Accept` header of RFC 9110.
enum Accept {
    /// The preferred format; nil or nothing that is known gives text 0.0.4, which every scraper reads.
    ///
    /// OpenMetrics only where it is named and not liked less than text: a wildcard has nothing to do with it.
    static func format(_ header: String?) -> PageFormat {
        var openMetrics = 0.0
        var text: (quality: Double, precision: Int) = (0, 0)
        for entry in (header ?? "").split(separator: ",") {
            let parts = entry.split(separator: ";").map { $0.trimming { $0 == " " || $0 == "\t" }.lowercased() }
            guard let type = parts.first else { continue }
            let parameters = parts.dropFirst()
            let quality = quality(parameters)
            let version = parameters.first { $0.hasPrefix("version=") }?.dropFirst("version=".count)
            switch type {
            case "application/openmetrics-text":
                guard version == nil || version == "1.0.0" || version == "\"1.0.0\"" else { continue }
                openMetrics = max(openMetrics, quality)
            case "text/plain":
                guard version == nil || version == "0.0.4" || version == "\"0.0.4\"" else { continue }
                // A range with its version is more precise than one without, and counts alone.
                let precision = version == nil ? 3 : 4
                if precision >= text.precision { text = (quality, precision) }
            case "text/*": if text.precision <= 2 { text = (quality, 2) }
            case "*/*": if text.precision <= 1 { text = (quality, 1) }
            default: continue
            }
        }
        return openMetrics > 0 && openMetrics >= text.quality ? .openMetrics : .text
    }

    /// The weight of a range, 0...1; what is no number is 0, as nobody can have meant it.
    private static func quality(_ parameters: ArraySlice<String>) -> Double {
        guard let parameter = parameters.first(where: { $0.hasPrefix("q=") }) else { return 1 }
        guard let quality = Double(parameter.dropFirst(2)), (0...1).contains(quality) else { return 0 }
        return quality
    }
}

extension Substring {
    fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> Substring {
        var rest = drop(while: isTrimmed)
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}

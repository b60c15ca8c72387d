// What a channel's documents look like, learned from some of them, so that a change is seen before anything is refused
// for it. Names and kinds only; values are never kept.

/// How a channel's records drift from what its configuration knows.
///
/// The raw values are label values.
public enum DriftKind: String, CaseIterable, Sendable {
    /// A member that neither the mapping nor any record so far has.
    case unknownField = "unknown_field"
    /// A word that no table translates.
    case unmappedWord = "unmapped_word"
    /// A member whose value is of another kind than before, or than the field takes.
    case changedType = "changed_type"
}

/// The members that one channel's documents have, with the kinds of their values.
///
/// Elements of an array are one place, written `*`; so are the members of an object that has very many.
public struct DriftTable: Sendable {
    /// One way in which a document differs.
    public struct Finding: Equatable, Sendable {
        /// How.
        public var kind: DriftKind
        /// Where; names that look like data are written `?`.
        public var pointer: String
        /// Whether this place was never told before.
        public var isNew: Bool
    }

    /// Documents that teach before any is judged.
    public static let learningDocuments = 256
    /// Most places that are remembered; a channel with more makes up names, so its unknown ones are not judged.
    public static let maximumPlaces = 2048
    /// Most places that are told by name.
    public static let maximumTold = 128
    /// An object with more members has names that are data.
    static let maximumNames = 64

    /// Kinds seen, by place.
    private var places: [String: UInt8] = [:]
    private var told: Set<String> = []
    private var learned = 0

    /// A table that knows the places of a mapping from the start; `*` stands for every element.
    public init(known: [String] = []) {
        for place in known {
            // The objects on the way to it are known, too.
            var path = ""
            for step in place.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
                path += "/" + step
                places[path] = 0
            }
        }
    }

    /// Whether documents still teach and none is judged.
    public var isLearning: Bool { learned < Self.learningDocuments }

    /// Looks at a document, which has to be readable: learns from it, or tells how it differs.
    public mutating func look(at bytes: Span<UInt8>) -> [Finding] {
        var findings: [Finding] = []
        var reader = JSONReader()
        do throws(JSONError) {
            try reader.beginDocument(bytes)
            try walk("", "", &reader, bytes, &findings)
        } catch { return [] }
        if isLearning { learned += 1 }
        return findings
    }

    /// Notes a difference that the decoder met; the finding, new or not.
    public mutating func met(_ kind: DriftKind, at pointer: String) -> Finding {
        finding(kind, Self.place(of: pointer))
    }

    /// A pointer with `*` for elements and `?` for names that look like data.
    static func place(of pointer: String) -> String {
        pointer.split(separator: "/", omittingEmptySubsequences: false).map { step in
            JSONPointer.elementIndex(String(step)) != nil ? "*" : step.isEmpty ? "" : shown(String(step))
        }.joined(separator: "/")
    }

    private mutating func walk(
        _ path: String, _ shown: String, _ reader: inout JSONReader, _ bytes: Span<UInt8>,
        _ findings: inout [Finding]
    ) throws(JSONError) {
        switch try reader.kind(bytes) {
        case .object:
            var object = try reader.beginObject(bytes)
            var names = 0
            while let key = try reader.nextKey(&object, bytes) {
                try reader.note(key, in: object, bytes)
                names += 1
                var name: [UInt8] = []
                key.append(to: &name, from: bytes)
                let text = names > Self.maximumNames ? "*" : String(decoding: name, as: UTF8.self)
                try member(path + "/" + text, shown + "/" + Self.shown(text), &reader, bytes, &findings)
            }
        case .array:
            var array = try reader.beginArray(bytes)
            while try reader.nextElement(&array, bytes) {
                try member(path + "/*", shown + "/*", &reader, bytes, &findings)
            }
        case .string, .number, .boolean, .null: try reader.skipValue(bytes)
        }
    }

    private mutating func member(
        _ path: String, _ shown: String, _ reader: inout JSONReader, _ bytes: Span<UInt8>,
        _ findings: inout [Finding]
    ) throws(JSONError) {
        let kind = try reader.kind(bytes)
        let bit: UInt8 = kind == .null ? 0 : 1 << kind.rawValue
        if let seen = places[path] {
            if isLearning || seen == 0 {
                places[path] = seen | bit
            } else if bit != 0, seen & bit == 0 {
                add(finding(.changedType, shown), to: &findings)
            }
        } else if isLearning {
            if places.count < Self.maximumPlaces { places[path] = bit }
        } else if places.count < Self.maximumPlaces {
            add(finding(.unknownField, shown), to: &findings)
            // What is below it is as new as itself.
            return try reader.skipValue(bytes)
        }
        try walk(path, shown, &reader, bytes, &findings)
    }

    private func add(_ finding: Finding, to findings: inout [Finding]) {
        if !findings.contains(where: { $0.kind == finding.kind && $0.pointer == finding.pointer }) {
            findings.append(finding)
        }
    }

    private mutating func finding(_ kind: DriftKind, _ shown: String) -> Finding {
        let isNew = told.count < Self.maximumTold && told.insert(kind.rawValue + shown).inserted
        return Finding(kind: kind, pointer: shown, isNew: isNew)
    }

    /// A name as it may be told: one that a programmer would give, else `?`.
    private static func shown(_ name: String) -> String {
        let isName =
            name == "*"
            || ((1...40).contains(name.utf8.count)
                && name.utf8.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                        || $0 == 0x5F || $0 == 0x2D
                } && name.utf8.contains { $0 > 0x39 })
        return isName ? name : "?"
    }
}

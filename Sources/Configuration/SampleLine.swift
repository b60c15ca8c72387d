import OrderEvents

/// One line of a channel's samples: a record, and what it is to become.
struct SampleLine {
    /// What a record is to become.
    enum Expectation {
        /// An order event: its members by pointer.
        case event([(pointer: String, text: String)])
        /// A dead letter for this reason.
        case deadLetter(String)
        /// A refused event, with this exception.
        case refused(String)
    }

    /// Why a line cannot be used.
    struct Fault: Error {
        var key: String
        var reason: String
    }

    /// The record's value, as the line has it; nil: none.
    var record: [UInt8]?
    var headers: [PolledHeader] = []
    var topic: String?
    var expectation: Expectation

    private static let keys = ["record", "headers", "topic", "expect"]

    /// Reads a line of JSON.
    init(_ line: [UInt8]) throws(Fault) {
        do throws(JSONError) {
            try JSONReader.validate(line.span)
        } catch { throw Fault(key: "(line)", reason: error.description) }
        let members = Self.members(line)
        guard let members else { throw Fault(key: "(line)", reason: "must be an object") }
        for name in members.map(\.name) where !Self.keys.contains(name) {
            let suggestion = NearestName.suggestion(for: name, among: Self.keys)
            throw Fault(key: printable(name), reason: "is no known key\(suggestion)")
        }
        func value(_ name: String) -> [UInt8]? { members.first { $0.name == name }?.value }
        record = value("record")
        guard let expected = value("expect") else { throw Fault(key: "expect", reason: "is missing") }
        for (pointer, text) in Self.leaves(value("headers") ?? []) {
            headers.append(PolledHeader(String(pointer.dropFirst()), Array(text.utf8)))
        }
        topic = value("topic").flatMap { Self.leaves($0).first?.text }
        expectation = try Self.expectation(expected)
    }

    private static func expectation(_ bytes: [UInt8]) throws(Fault) -> Expectation {
        let leaves = leaves(bytes)
        if let first = leaves.first, leaves.count == 1 {
            switch first.pointer {
            case "/dead_letter":
                let reasons = DeadLetter.Reason.allCases.map(\.rawValue)
                return .deadLetter(try word(first.text, "expect/dead_letter", among: reasons))
            case "/refused":
                let codes = ExceptionCode.allCases.map(\.rawValue)
                return .refused(try word(first.text, "expect/refused", among: codes))
            default: break
            }
        }
        return .event(try event(bytes, leaves))
    }

    private static func word(_ text: String, _ key: String, among words: [String]) throws(Fault) -> String {
        if words.contains(text) { return text }
        throw Fault(key: key, reason: "is no such word\(NearestName.suggestion(for: text, among: words))")
    }

    /// The expected event, read by the canonical decoder, so that it is one and its decimals and times are normal.
    private static func event(
        _ bytes: [UInt8], _ leaves: [(pointer: String, text: String)]
    ) throws(Fault) -> [(pointer: String, text: String)] {
        let decoder = EventDecoder(ChannelFormat(name: "expected", index: 0, kind: .canonical))
        let position = SourcePosition(
            partition: 0, epoch: 0, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: 0))
        var listing: [(pointer: String, text: String)]
        switch decoder.decode(value: bytes, key: nil, source: position) {
        case .deadLetter(let letter):
            let parts = letter.detail.split(separator: ": ", maxSplits: 1).map(String.init)
            throw Fault(key: "expect" + (parts.first ?? ""), reason: parts.last ?? letter.detail)
        case .event(let event):
            if let refusal = event.refusal { throw Fault(key: "expect/status", reason: refusal.detail) }
            listing = event.listing
        }
        let known = Set(listing.map(\.pointer))
        for leaf in leaves where !known.contains(leaf.pointer) && leaf.pointer != "/version" {
            guard SampleProof.isBeside(leaf.pointer) else {
                throw Fault(key: "expect" + printable(leaf.pointer), reason: "is no member of an order event")
            }
            listing.append(leaf)
        }
        return listing
    }

    // MARK: JSON

    /// The members of an object with the bytes of their values; nil: it is none.
    private static func members(_ document: [UInt8]) -> [(name: String, value: [UInt8])]? {
        let bytes = document.span
        var reader = JSONReader()
        var members: [(name: String, value: [UInt8])] = []
        do throws(JSONError) {
            guard try reader.kind(bytes) == .object else { return nil }
            var object = try reader.beginObject(bytes)
            while let key = try reader.nextKey(&object, bytes) {
                var name: [UInt8] = []
                key.append(to: &name, from: bytes)
                _ = try reader.kind(bytes)
                let start = reader.position
                try reader.skipValue(bytes)
                members.append((String(decoding: name, as: UTF8.self), Array(document[start..<reader.position])))
            }
        } catch { return nil }
        return members
    }

    /// Every text, number and flag of a document by its pointer, as it is written; null is nothing.
    static func leaves(_ document: [UInt8]) -> [(pointer: String, text: String)] {
        var reader = JSONReader()
        var leaves: [(pointer: String, text: String)] = []
        do throws(JSONError) {
            try walk(document.span, "", &reader, &leaves)
        } catch { return leaves }
        return leaves
    }

    private static func walk(
        _ bytes: Span<UInt8>, _ path: String, _ reader: inout JSONReader,
        _ leaves: inout [(pointer: String, text: String)]
    ) throws(JSONError) {
        switch try reader.kind(bytes) {
        case .object:
            var object = try reader.beginObject(bytes)
            while let key = try reader.nextKey(&object, bytes) {
                try reader.note(key, in: object, bytes)
                var name: [UInt8] = []
                key.append(to: &name, from: bytes)
                let step = String(decoding: name, as: UTF8.self).split(separator: "~", omittingEmptySubsequences: false)
                    .joined(separator: "~0").split(separator: "/", omittingEmptySubsequences: false)
                    .joined(separator: "~1")
                try walk(bytes, path + "/" + step, &reader, &leaves)
            }
        case .array:
            var array = try reader.beginArray(bytes)
            var index = 0
            while try reader.nextElement(&array, bytes) {
                try walk(bytes, "\(path)/\(index)", &reader, &leaves)
                index += 1
            }
        case .string:
            let string = try reader.string(bytes)
            var text: [UInt8] = []
            string.append(to: &text, from: bytes)
            leaves.append((path, String(decoding: text, as: UTF8.self)))
        case .number, .boolean:
            let start = reader.position
            try reader.skipValue(bytes)
            var text: [UInt8] = []
            for index in start..<reader.position { text.append(bytes[index]) }
            leaves.append((path, String(decoding: text, as: UTF8.self)))
        case .null: try reader.skipValue(bytes)
        }
    }
}

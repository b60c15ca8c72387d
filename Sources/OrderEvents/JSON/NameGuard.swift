/// Finds names that an object has twice, for all open objects of one document.
///
/// A list of marks, used as a stack: each open object owns the marks from its `firstName`. Up to `comparedAtOnce` names
/// are compared as they come, which needs no other memory; longer objects are sorted once at their end, so that no
/// document costs more than its members times their logarithm.
struct NameGuard: Sendable {
    /// A name: its hash, and where its bytes are.
    private struct Mark: Sendable {
        var hash: UInt64
        /// Index of the first byte, in the document or (`unescaped`) in `texts`.
        var start: Int
        var count: Int
        var unescaped: Bool
        /// Where the name stands in the document, for the error.
        var position: Int
    }

    /// Names of one object that are compared as they come.
    static let comparedAtOnce = 16

    private var marks: [Mark] = []
    /// Names that had escapes, unescaped.
    ///
    /// Grows with the document only.
    private var texts: [UInt8] = []

    /// Marks of all open objects.
    var count: Int { marks.count }

    /// Adds a name of `object`, the innermost open one.
    mutating func note(_ key: JSONText, in object: JSONObject, _ bytes: Span<UInt8>) throws(JSONError) {
        let mark: Mark
        if key.hasEscapes {
            let start = texts.count
            key.append(to: &texts, from: bytes)
            let hash = StableHash.hash(texts.span, start, texts.count - start)
            mark = Mark(
                hash: hash, start: start, count: texts.count - start, unescaped: true, position: key.start)
        } else {
            let hash = StableHash.hash(bytes, key.start, key.count)
            mark = Mark(hash: hash, start: key.start, count: key.count, unescaped: false, position: key.start)
        }
        let first = object.firstName
        if marks.count - first < Self.comparedAtOnce {
            for index in first..<marks.count where compare(marks[index], mark, bytes) == 0 {
                throw JSONError(.duplicateKey, at: key.start)
            }
        }
        if marks.isEmpty { marks.reserveCapacity(32) }
        marks.append(mark)
    }

    /// Ends `object`: gives its marks back, and judges those that were too many to compare as they came.
    @inline(__always)
    mutating func close(_ object: JSONObject, _ bytes: Span<UInt8>) throws(JSONError) {
        let own = marks.count &- object.firstName
        if own == 0 { return }
        if own > Self.comparedAtOnce { try compareSorted(object.firstName, bytes) }
        marks.removeSubrange(object.firstName...)
    }

    /// Sorts by hash, size and bytes, so that equal names stand side by side and crafted hashes buy nothing.
    private mutating func compareSorted(_ first: Int, _ bytes: Span<UInt8>) throws(JSONError) {
        var own = Array(marks[first...])
        own.sort { compare($0, $1, bytes) < 0 }
        for index in 1..<own.count where compare(own[index - 1], own[index], bytes) == 0 {
            throw JSONError(.duplicateKey, at: max(own[index - 1].position, own[index].position))
        }
    }

    /// Negative, zero or positive as `a` sorts before, with or behind `b`.
    private func compare(_ a: Mark, _ b: Mark, _ bytes: Span<UInt8>) -> Int {
        if a.hash != b.hash { return a.hash < b.hash ? -1 : 1 }
        if a.count != b.count { return a.count - b.count }
        for offset in 0..<a.count {
            let left = a.unescaped ? texts[a.start + offset] : bytes[a.start + offset]
            let right = b.unescaped ? texts[b.start + offset] : bytes[b.start + offset]
            if left != right { return Int(left) - Int(right) }
        }
        return 0
    }
}

/// A look-up table, ready for use: whole words, and beginnings of words.
struct ValueTable: Sendable {
    /// What a word stands for.
    struct Meaning: Sendable {
        /// Index of a constant.
        var constant: UInt16
        /// Whether what follows the beginning is kept behind it.
        var keepsRest = false
    }

    private struct Prefix: Sendable {
        var bytes: [UInt8]
        var meaning: Meaning
    }

    let name: String
    /// Whether a word that is in no row is drift.
    let isClosed: Bool
    private let words: WordTable
    private let meanings: [Meaning]
    /// The longest first.
    private let prefixes: [Prefix]
    /// What rows give: a channel that already says that is not adrift.
    private let results: WordTable

    /// The table of `rows`; `constant` keeps a text and gives its index.
    init(_ name: String, _ rows: [String: String], constant: ([UInt8]) -> UInt16) {
        self.name = name
        isClosed = MappedField.closedTables.contains(name)
        var entries: [WordTable.Entry] = []
        var meanings: [Meaning] = []
        var prefixes: [Prefix] = []
        for (word, meaning) in rows.sorted(by: { $0.key < $1.key }).prefix(WordTable.maximumWords) {
            if word.hasSuffix("*") {
                let keepsRest = meaning.hasSuffix("*")
                let text = Array(meaning.utf8.dropLast(keepsRest ? 1 : 0))
                prefixes.append(
                    Prefix(
                        bytes: Array(word.utf8.dropLast()),
                        meaning: Meaning(constant: constant(text), keepsRest: keepsRest)))
            } else {
                entries.append(WordTable.Entry(word: word, value: UInt16(truncatingIfNeeded: meanings.count)))
                meanings.append(Meaning(constant: constant(Array(meaning.utf8))))
            }
        }
        words = WordTable(entries)
        self.meanings = meanings
        self.prefixes = prefixes.sorted { $0.bytes.count > $1.bytes.count }
        results = WordTable(rows.values.filter { !$0.hasSuffix("*") }.map { WordTable.Entry(word: $0, value: 0) })
    }

    /// What the text of `count` bytes at `start` stands for, and how many of its bytes were its beginning.
    func meaning(of bytes: Span<UInt8>, _ start: Int, _ count: Int) -> (meaning: Meaning, matched: Int)? {
        if let index = words.value(of: bytes, start, count) { return (meanings[Int(index)], count) }
        for prefix in prefixes where prefix.bytes.count <= count {
            var index = 0
            while index < prefix.bytes.count, bytes[start + index] == prefix.bytes[index] { index += 1 }
            if index == prefix.bytes.count { return (prefix.meaning, index) }
        }
        return nil
    }

    /// Whether the text is drift, given that no row has it.
    func isDrift(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        isClosed && results.value(of: bytes, start, count) == nil
    }
}

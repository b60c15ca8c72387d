internal import HTTPServer

/// Which page of a list is wanted.
struct Paging {
    /// Rows on a page unless the request says otherwise.
    static let usual = 100
    /// Rows on a page at most.
    static let most = 1000

    var limit: Int
    /// Where the page before ended, as its `next` said; nil: the first.
    var after: String?

    init(_ request: HTTPRequest) throws(Problem) {
        limit = Self.usual
        if let text = request.parameter("limit") {
            guard let number = Int(text), (1...Self.most).contains(number), text.utf8.allSatisfy({ $0 >= 0x30 }) else {
                throw Problem(400, "limit must be a number from 1 to \(Self.most).")
            }
            limit = number
        }
        after = request.parameter("after")
        if let after, after.isEmpty { throw Problem(400, "after must be the next of the page before.") }
    }

    /// The page of `rows`, which are in the sequence of their keys, and the key of its last row where more follow.
    ///
    /// Keys compare as bytes.
    func page<Row>(_ rows: [Row], key: (Row) -> String) -> (rows: [Row], next: String?) {
        var rest = rows[...]
        if let after { rest = rest.drop { !after.utf8.lexicographicallyPrecedes(key($0).utf8) } }
        let page = Array(rest.prefix(limit))
        return (page, rest.count > page.count ? page.last.map(key) : nil)
    }

    /// A store and a number within it, as lists over several stores have them in `after`.
    func place() throws(Problem) -> (store: String, below: Int64)? {
        guard let after else { return nil }
        guard let slash = after.lastIndex(of: "/"), let number = Int64(after[after.index(after: slash)...]) else {
            throw Problem(400, "after must be the next of the page before.")
        }
        return (String(after[..<slash]), number)
    }
}

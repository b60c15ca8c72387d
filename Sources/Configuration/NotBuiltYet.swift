/// What the documentation names and no code gives effect to yet.
///
/// A configuration that uses it is refused: a key that is accepted and ignored is a promise broken in silence. Whoever
/// builds a part deletes its rows here, gives the key its shape in the file's table of keys, and prints the schemas
/// anew.
enum NotBuiltYet {
    /// A key, or one value of a key that otherwise works.
    struct Row: Sendable {
        var file: FileKind
        /// The key's path, with `*` for a name of one's own.
        var path: String
        /// The value, or nil for the key as a whole.
        var value: String?
    }

    /// The reason that a problem gives.
    static let reason = "not built yet"

    static let rows: [Row] = []

    /// Whether `value` of the key at `path` waits for its part.
    static func holds(_ file: FileKind, _ path: String, value: String) -> Bool {
        rows.contains { $0.file == file && $0.path == path && $0.value == value }
    }
}

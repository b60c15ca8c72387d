/// The program's version, as CHANGELOG.md names it.
enum Version {
    static let text = "0.1.0"
}

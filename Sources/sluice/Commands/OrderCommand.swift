/// placeholder until wired
enum OrderCommand {
    static func run(_ words: [String]) throws(CommandFailure) -> Int32 { throw CommandFailure(code: .usage, message: "x") }
}

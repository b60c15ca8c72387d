import Embedded
import TestSupport
import Testing

/// Seeded traffic, and what an undisturbed pipeline makes of it: what a disturbed one has to come to as well.
struct Workload {
    var orders: Int
    var seed: Int

    /// What came of the traffic.
    struct Result {
        var sent: Int64
        var picture: [[String]]
    }

    func undisturbed() throws -> Result {
        let stage = try Stage()
        let pipeline = try stage.run()
        let sender = try stage.sendTraffic(orders: orders, seed: seed, rate: 5000)
        return try end(stage, sender, pipeline)
    }

    /// Begins to send.
    func send(to stage: Stage, rate: Int) throws -> Program {
        try stage.sendTraffic(orders: orders, seed: seed, rate: rate)
    }

    /// Waits until `pipeline` has done everything, and looks whether all promises were kept.
    func end(
        _ stage: Stage, _ sender: Program, _ pipeline: Program, within bound: Duration = Program.patience
    ) throws -> Result {
        try #require(eventually(within: bound) { !sender.isRunning }, sender.report)
        let sent = try stage.sent(by: sender)
        try stage.waitUntilSettled(sent, pipeline)
        _ = try stage.balancedBooks(sent)
        try stage.expectOneRowForEachPosition()
        try stage.expectOneSalesOrderForEachOrder()
        return Result(sent: sent, picture: try stage.picture())
    }
}

/// Expects that `found` is `wanted`, and says where it is not.
func expectSame(_ found: Workload.Result, _ wanted: Workload.Result, _ seed: UInt64 = 0) {
    #expect(found.sent == wanted.sent)
    let (more, less) = (Set(found.picture).subtracting(wanted.picture), Set(wanted.picture).subtracting(found.picture))
    #expect(
        found.picture == wanted.picture,
        "seed \(seed); only in the disturbed run: \(more.prefix(5)), only in the other: \(less.prefix(5))")
}

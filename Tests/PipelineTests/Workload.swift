import Embedded
import TestSupport
import Testing

/// Seeded traffic, and what an undisturbed pipeline makes of it: what a disturbed one has to come to as well.
struct Workload {
    /// Orders of one portion.
    var orders: Int
    var seed: Int
    /// The traffic comes in so many parts, each with a seed of its own.
    var portions = 1

    /// How long all of it may take; the stand-in for Odoo gets ten orders a second at the least.
    var longest: Duration { patience + .seconds(orders * portions / 10) }

    /// What came of the traffic.
    struct Result {
        var sent: Int64
        var picture: [[String]]
    }

    func undisturbed() throws -> Result {
        let stage = try Stage()
        let pipeline = try stage.run()
        var sent: Int64 = 0
        for portion in 0..<portions { sent += try stage.sent(by: send(portion, to: stage, rate: 5000)) }
        return try end(stage, sent, pipeline)
    }

    /// Begins to send a portion.
    func send(_ portion: Int = 0, to stage: Stage, rate: Int) throws -> Program {
        try stage.sendTraffic(orders: orders, seed: seed + portion, rate: rate)
    }

    /// Waits until all is sent and `pipeline` has done everything, and looks whether all promises were kept.
    func end(
        _ stage: Stage, _ sender: Program, _ pipeline: Program, within bound: Duration = patience
    ) throws -> Result {
        try #require(eventually(within: bound) { !sender.isRunning }, sender.report)
        return try end(stage, try stage.sent(by: sender), pipeline)
    }

    /// Waits until `pipeline` has done everything, and looks whether all promises were kept.
    func end(_ stage: Stage, _ sent: Int64, _ pipeline: Program) throws -> Result {
        try stage.waitUntilSettled(sent, pipeline, within: longest)
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

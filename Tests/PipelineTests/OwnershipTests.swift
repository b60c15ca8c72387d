import Foundation
import TestSupport
import Testing

extension PipelineTests {
    /// Goal: two instances share a store and nothing is done twice, also when the one that delivers is stopped in the
    /// middle of it and wakes up long after the other has taken over.
    @Suite struct OwnershipTests {
        @Test func aPausedInstanceThatWakesUpLateDoesNothingTwice() throws {
            let stage = try Stage(odooLatency: "20")
            let sender = try stage.sendTraffic(orders: 150, seed: 11, rate: 300)
            let first = try stage.run()
            try #require(
                eventually { stage.number("SELECT count(*) FROM deliveries") > 5 },
                first.report)
            let second = try stage.run()
            _ = try second.waitForLog("http.listening")
            let owner = stage.number("SELECT min(epoch) FROM delivery_owners")
            first.pause()
            let before = ContinuousClock.now
            _ = try second.waitForLog("delivery.owner")
            // The lease is 5 s; the rest is for a machine under load.
            #expect(ContinuousClock.now - before < .seconds(20))
            #expect(stage.number("SELECT min(epoch) FROM delivery_owners") == owner + 1)
            let delivered = stage.number("SELECT count(*) FROM deliveries")
            _ = eventually {
                stage.number("SELECT count(*) FROM deliveries") > delivered
            }
            first.resume()
            let sent = try stage.sent(by: sender)
            try stage.waitUntilSettled(sent, second)
            try stage.expectOneSalesOrderForEachOrder()
            try stage.expectOneRowForEachPosition()
            // Its owner says so when it goes: nobody has to wait for the lease to end.
            second.terminate()
            #expect(try second.exitCode() == 0, second.report)
            first.terminate()
            #expect(try first.exitCode() == 0, first.report)
        }
    }
}

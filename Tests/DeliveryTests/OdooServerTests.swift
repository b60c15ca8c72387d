import Odoo
import Synchronization
import Testing

@testable import Delivery

/// Goal: of all that share an Odoo that may be away, one tries whether it is there.
@Suite struct OdooServerTests {
    /// Who only looks whether visits may go does not take the turn of the one that tries.
    @Test func lookingAtAServerThatFailsTakesNobodysTurn() async {
        let clock = Atomic<Int64>(1)
        let server = OdooServer(now: { clock.add(1, ordering: .relaxed).newValue })
        let member = server.join(weight: 1, ratePerSecond: 1_000_000_000, ceiling: 8)
        #expect(server.mayBeVisited && server.mayBeVisited)
        for _ in 0..<5 {
            #expect(await server.enter(member: member, .urgent))
            server.left(member: member, .failed)
        }
        // Open for a second: nobody goes, nobody tries.
        clock.add(900_000_000, ordering: .relaxed)
        #expect(server.breaker.name == .open && !server.mayBeVisited && !server.mayTry())
        clock.add(100_000_000, ordering: .relaxed)
        #expect(server.mayBeVisited && server.mayTry())
    }

    @Test func ofAllWhoMayTryOneDoes() async {
        let clock = Atomic<Int64>(1)
        let server = OdooServer(now: { clock.add(1, ordering: .relaxed).newValue })
        let member = server.join(weight: 1, ratePerSecond: 1_000_000_000, ceiling: 8)
        #expect(await server.enter(member: member, .urgent))
        // Asked to be left alone until a moment that is over.
        server.left(member: member, .wait(until: 1))
        #expect(server.breaker.name == .open && server.mayBeVisited && server.mayBeVisited)
        #expect(server.mayTry())
        clock.add(400_000_000, ordering: .relaxed)
        #expect(!server.mayBeVisited && !server.mayTry(), "another one tries")
        clock.add(100_000_000, ordering: .relaxed)
        #expect(server.mayBeVisited && server.mayTry(), "that one is not heard of")
    }

    @Test func aServerThatNeverAnsweredIsTriedByOneAtATime() async {
        let clock = Atomic<Int64>(1)
        let server = OdooServer(now: { clock.add(1, ordering: .relaxed).newValue })
        let member = server.join(weight: 1, ratePerSecond: 1_000_000_000, ceiling: 8)
        #expect(!server.works && server.mayBeVisited && server.mayTry())
        #expect(!server.mayBeVisited && !server.mayTry(), "another one tries")
        server.visited()
        #expect(!server.works && server.mayBeVisited && server.mayTry(), "that one needed no call")
        #expect(await server.enter(member: member, .urgent))
        server.left(member: member, .failed)
        #expect(!server.works && server.breaker.name == .closed)
        #expect(await server.enter(member: member, .urgent))
        server.left(member: member, .answered(shape: "res.users/read", seconds: 0.01))
        #expect(server.works && server.mayBeVisited && server.mayBeVisited)
    }
}

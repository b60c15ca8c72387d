import Metrics
import Odoo
import Postgres
import Store
import TestSupport
import Testing

@testable import Delivery

/// Goal: several instances share the servers evenly, legal entities with one server stay together, and what an instance
/// had that died has another owner soon.
@Suite struct OwnedDestinationsTests {
    @Test func sharesDifferByOneAtMostAndWhoHasMoreKeepsMore() {
        for total in 0...20 {
            for count in 1...6 {
                let owners = (0..<count).map { (name: "i\($0)", owned: ($0 * 7) % 5) }
                let shares = owners.map { OwnerShare.share(of: $0.name, among: owners.reversed(), total: total) }
                #expect(shares.reduce(0, +) == total)
                #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
                for (one, share) in zip(owners, shares) {
                    for (other, more) in zip(owners, shares) where one.owned > other.owned { #expect(share >= more) }
                }
            }
        }
        #expect(OwnerShare.share(of: "new", among: [("old", 3)], total: 4) == 4)
    }

    /// Instances that take turns, on one store.
    private struct Instances: ~Copyable {
        var connection: Connection
        let metrics = DeliveryMetrics(Registry(processMetrics: false))
        let entities: [(name: String, url: String)]
        var owned: [OwnedDestinations] = []
        var names: [String] = []
        /// Places of destinations with visits under way, by instance.
        var busy: [Set<Int>] = []

        init(servers: Int, entitiesEach: Int) throws {
            var settings = try ConnectionSettings(PostgreSQLFixture.freshDatabase())
            settings.searchPath = Migrations.schema
            var opened = try Connection(settings)
            _ = try Migrations.apply(to: &opened)
            connection = opened
            entities = (0..<(servers * entitiesEach)).map {
                ("LE-\($0)", "http://127.0.0.1:\(1000 + $0 % servers)")
            }
        }

        mutating func join() {
            let exchange = HTTPExchange(connections: 1)
            let servers = OdooServers()
            let destinations = entities.map { entity in
                Destination(
                    DestinationSettings(
                        legalEntity: entity.name, url: entity.url, database: "d", company: "c", key: "k",
                        requestsPerSecond: 1, maximumConcurrency: 1, createAt: .received, warehouses: [:]),
                    servers: servers, exchange: exchange, metrics: metrics)
            }
            let name = OwnedDestinations.owner("instance-\(names.count)", serving: entities.map(\.name))
            names.append(name)
            owned.append(OwnedDestinations(destinations, owner: name))
            busy.append([])
        }

        /// One turn of an instance.
        mutating func turn(_ instance: Int) throws {
            let busy = busy[instance]
            _ = try owned[instance].renew(isBusy: { busy.contains($0) }, &connection)
        }

        /// A turn of an instance that is about to end.
        mutating func leave(_ instance: Int, visiting: Set<Int>) throws {
            try owned[instance].leave(isBusy: { visiting.contains($0) }, &connection)
        }

        mutating func settle(_ instances: [Int]) throws {
            for _ in 0..<4 { for instance in instances { try turn(instance) } }
        }

        /// The instance dies: its lease ends.
        mutating func kill(_ instance: Int) throws {
            var values = Parameters()
            values.text(names[instance])
            _ = try connection.query(
                Statement("kill", "UPDATE delivery_instances SET expires_at = now() - interval '1 s' WHERE owner = $1"),
                values)
        }

        /// How many servers each of `instances` has; every destination is somebody's and its server's others' too.
        func servers(_ instances: [Int]) -> [Int] {
            var owners: [String: Set<Int>] = [:]
            for (place, entity) in entities.enumerated() {
                let holding = instances.filter { owned[$0].leases[place] != nil }
                #expect(holding.count == 1, "\(entity.name): \(holding)")
                owners[entity.url, default: []].formUnion(holding)
            }
            #expect(owners.values.allSatisfy { $0.count == 1 }, "a server's entities stay together")
            return instances.map { instance in owners.values.count { $0 == [instance] } }
        }
    }

    @Test func serversAreSharedEvenlyAsInstancesComeAndGo() throws {
        var instances = try Instances(servers: 7, entitiesEach: 3)
        instances.join()
        try instances.settle([0])
        #expect(instances.servers([0]) == [7])
        instances.join()
        try instances.settle([0, 1])
        #expect(instances.servers([0, 1]) == [4, 3])
        instances.join()
        try instances.settle([0, 1, 2])
        #expect(instances.servers([0, 1, 2]).sorted() == [2, 2, 3])
        try instances.kill(0)
        // One turn each suffices: the dead one's servers are free with the first heartbeat after its lease.
        for instance in [1, 2] { try instances.turn(instance) }
        #expect(instances.servers([1, 2]).sorted() == [3, 4])
        // It wakes up, has nothing, and gets its share again.
        try instances.settle([0, 1, 2])
        #expect(instances.servers([0, 1, 2]).sorted() == [2, 2, 3])
    }

    @Test func aServerIsGivenUpOnlyWhenNoVisitIsUnderWay() throws {
        var instances = try Instances(servers: 2, entitiesEach: 2)
        instances.join()
        try instances.settle([0])
        instances.busy[0] = Set(0..<4)
        instances.join()
        try instances.settle([0, 1])
        #expect(instances.owned[1].leases.allSatisfy { $0 == nil })
        #expect((0..<4).count { instances.owned[0].serves($0) } == 2, "nothing new is taken there")
        instances.busy[0] = []
        try instances.settle([0, 1])
        #expect(instances.servers([0, 1]) == [1, 1])
    }

    /// Goal: where one destination hangs, the others of an instance that ends have their next owner at once.
    @Test func whoEndsKeepsOnlyWhatItStillVisits() throws {
        var instances = try Instances(servers: 5, entitiesEach: 2)
        instances.join()
        try instances.settle([0])
        instances.join()
        try instances.settle([0, 1])
        let hung = try #require(instances.owned[0].leases.firstIndex { $0 != nil })
        try instances.leave(0, visiting: [hung])
        try instances.turn(1)
        let url = instances.entities[hung].url
        for (place, entity) in instances.entities.enumerated() {
            #expect((instances.owned[1].leases[place] == nil) == (entity.url == url), "\(entity.name)")
            #expect((instances.owned[0].leases[place] != nil) == (entity.url == url), "\(entity.name)")
        }
        try instances.leave(0, visiting: [])
        try instances.turn(1)
        #expect(instances.owned[1].leases.allSatisfy { $0 != nil })
    }

    @Test func epochsGrowWithEveryChangeOfOwner() throws {
        var instances = try Instances(servers: 1, entitiesEach: 2)
        instances.join()
        try instances.settle([0])
        let first = instances.owned[0].leases.compactMap { $0?.epoch }
        instances.join()
        try instances.settle([0, 1])
        #expect(instances.owned[0].leases.compactMap { $0?.epoch } == first, "nobody has to give up what it has alone")
        try instances.kill(0)
        try instances.settle([1])
        let second = instances.owned[1].leases.compactMap { $0?.epoch }
        #expect(second.count == 2 && zip(first, second).allSatisfy { $0 < $1 })
    }

    @Test func whoServesOthersIsNotCounted() throws {
        var instances = try Instances(servers: 4, entitiesEach: 1)
        instances.join()
        var values = Parameters()
        values.text("other:ffff")
        _ = try instances.connection.query(
            Statement(
                "other",
                "INSERT INTO delivery_instances (expires_at, owner) VALUES (now() + interval '1 h', $1)"), values)
        try instances.settle([0])
        #expect(instances.servers([0]) == [4])
    }
}

import Testing

@testable import Delivery

/// Goal: orders in delivery are bounded for all destinations together, nobody is kept from his share, and urgent orders
/// never wait for others.
@Suite struct VisitPlacesTests {
    @Test func aDestinationThatIsAloneHasAllItsPlaces() {
        var own = 0
        while true {
            let places = VisitPlaces(limit: 200, own: own, taken: own, destinations: 1)
            #expect(places.count <= VisitPlaces.atOnce)
            guard !places.urgentOnly else { break }
            own += places.count
        }
        #expect(own == 200 - VisitPlaces.urgent)
        #expect(VisitPlaces(limit: 200, own: 200, taken: 200, destinations: 1).count == 0)
    }

    @Test func urgentOrdersHavePlacesWhenThereAreNoOthers() {
        let kept = VisitPlaces(limit: 200, own: 180, taken: 180, destinations: 1)
        #expect(kept == VisitPlaces(limit: 200, own: 180, taken: VisitPlaces.inAll, destinations: 20))
        #expect(kept.urgentOnly && kept.count == VisitPlaces.urgent)
        let full = VisitPlaces(limit: 200, own: 150, taken: VisitPlaces.inAll, destinations: 20)
        #expect(full.urgentOnly && full.count == VisitPlaces.urgent)
    }

    @Test func whoTriesWhetherAServerIsBackMayAlways() {
        for taken in [0, VisitPlaces.inAll, 10 * VisitPlaces.inAll] {
            let places = VisitPlaces(limit: 1, own: 0, taken: taken, destinations: 10_000)
            #expect(places.count == 1 && !places.urgentOnly)
        }
        #expect(VisitPlaces(limit: 0, own: 0, taken: 0, destinations: 1).count == 0)
        #expect(VisitPlaces(limit: 1, own: 3, taken: 3, destinations: 1).count == 0)
    }

    /// Destinations of which one hangs: it keeps what it has, and the others go on with their shares at least.
    @Test(arguments: [1, 3, 20, 300, 1000, 10_000])
    func allTogetherAreBoundedAndEachHasItsShare(destinations: Int) {
        var own = Array(repeating: 0, count: destinations)
        var taken = 0
        for _ in 0..<20 {
            for index in own.indices {
                let places = VisitPlaces(limit: 1000, own: own[index], taken: taken, destinations: destinations)
                guard !places.urgentOnly else { continue }
                own[index] += places.count
                taken += places.count
            }
        }
        let share = VisitPlaces.share(of: destinations)
        #expect(taken <= VisitPlaces.inAll + share * destinations)
        #expect(own.allSatisfy { $0 >= min(share, 1000 - VisitPlaces.urgent) })
        #expect(share * destinations <= max(VisitPlaces.inAll, 2 * destinations))
    }
}

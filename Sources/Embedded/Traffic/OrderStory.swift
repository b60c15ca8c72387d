import OrderEvents

/// What one event of a story says.
enum Tale: Equatable {
    case received, accepted, validated, onHold, release, cancelled, restCancelled
    case allocationMilestone, allocated, partiallyFulfilled, shipped, tracking, inTransit, delivered, deliveryFailed
    case invoiced, paymentAuthorized, paymentCaptured, refunded, closed
}

/// One event of an order, before it is written out.
struct Step {
    /// Who tells it.
    var channel: TrafficChannel
    /// What it says; of garbage: what it would have said.
    var tale: Tale
    /// What it was made to be.
    var kind = TrafficKind.clean
    /// Number of the event within its order: the last part of its event id.
    var number: Int
    /// Event time, in microseconds since the Unix epoch.
    var occurredAt: Int64
    /// The marketplace's number.
    var sequence: Int?
    /// Decides the bytes of garbage.
    var salt: UInt64 = 0
}

/// How an order goes.
enum Course: CaseIterable {
    case closed, invoiced, shipped, partialThenInvoiced, partial, allocated, validated, received, holdReleased, onHold
    case cancelledEarly, cancelledLate, restCancelled

    /// How many of a hundred orders go so.
    var share: Int {
        switch self {
        case .closed: 30
        case .invoiced: 15
        case .shipped: 12
        case .partialThenInvoiced: 9
        case .holdReleased: 7
        case .partial, .allocated: 5
        case .validated, .received, .cancelledEarly: 4
        case .onHold: 3
        case .cancelledLate, .restCancelled: 1
        }
    }

    /// Where it ends.
    var finalState: CanonicalState {
        switch self {
        case .closed: .closed
        case .invoiced, .partialThenInvoiced: .invoiced
        case .shipped, .holdReleased, .restCancelled: .shipped
        case .partial: .partiallyFulfilled
        case .allocated: .allocated
        case .validated: .validated
        case .received: .received
        case .onHold: .onHold
        case .cancelledEarly, .cancelledLate: .cancelled
        }
    }

    /// Whether goods leave in two shipments or only in part.
    var isPartial: Bool { self == .partialThenInvoiced || self == .partial || self == .restCancelled }

    /// A hundred courses in their shares.
    static let deck: [Course] = allCases.flatMap { Array(repeating: $0, count: $0.share) }
}

/// Why an order is not valid.
enum OrderFault {
    /// Its first line names an article that nobody has.
    case unknownArticle
    /// Its total is not that of its lines.
    case wrongTotal

    /// The fault of the order that begins as number `index`, where every `every`-th is not valid; each in turn.
    init?(index: Int, every: Int) {
        guard every > 0, (index + 1) % every == 0 else { return nil }
        self = (index + 1) / every % 2 == 1 ? .unknownArticle : .wrongTotal
    }
}

/// One order: what stays the same through all its events.
struct OrderStory {
    struct Line {
        var product: Catalog.Product
        var quantity: Int
        /// What the first shipment takes; equal to `quantity` unless the course is partial.
        var first: Int
    }

    let index: Int
    let entity: TrafficSettings.LegalEntity
    let warehouse: String
    /// Where it was placed: marketplace or portal.
    let source: TrafficChannel
    /// Its number as its source writes it.
    let ownRef: String
    /// Its number as everybody else writes it: its key, too.
    let canonicalRef: String
    /// Makes event ids of this run's orders unlike any other's.
    let tag: String
    let customer: Catalog.Customer
    let lines: [Line]
    let course: Course
    let trackingNumber: String
    /// Why it is not valid; nil: it is.
    var fault: OrderFault?

    /// An order that the seed decides.
    ///
    /// `runTag` tells runs of different seeds apart.
    init(index: Int, course: Course, entity: TrafficSettings.LegalEntity, runTag: UInt64, random: inout SeededRandom) {
        self.index = index
        self.course = course
        self.entity = entity
        warehouse = entity.warehouses[random.below(entity.warehouses.count)]
        source = random.chance(60) ? .marketplace : .portal
        let runText = String(runTag % 2_176_782_336, radix: 36)
        tag = "\(runText)-\(Catalog.padded(index + 1, 6))"
        if let issuer = source.issuer {
            // Looks like a marketplace's number and counts through 10^14 of them, so none comes twice in a run.
            let number = Int((runTag &* 1_000_003 &+ UInt64(index)) % 100_000_000_000_000)
            ownRef = "302-\(Catalog.padded(number / 10_000_000, 7))-\(Catalog.padded(number % 10_000_000, 7))"
            canonicalRef = "\(issuer)/\(ownRef)"
        } else {
            ownRef = "P-\(tag)"
            canonicalRef = ownRef
        }
        customer = Catalog.customers[random.below(Catalog.customers.count)]
        lines = Self.lines(course: course, random: &random)
        trackingNumber = "0034\(Catalog.padded(Int(SeededRandom.mixed(runTag &+ UInt64(index)) % 10_000_000_000), 10))"
    }

    /// 1 to 20 lines; small orders are usual.
    ///
    /// A partial course leaves something of the last line for later.
    private static func lines(course: Course, random: inout SeededRandom) -> [Line] {
        let count = random.chance(70) ? random.within(1...4) : random.within(5...20)
        let firstProduct = random.below(Catalog.products.count)
        let step = [1, 3, 7, 9][random.below(4)]  // no common factor with the catalog: no article comes twice
        return (0..<count).map { position in
            let product = Catalog.products[(firstProduct + position * step) % Catalog.products.count]
            let isLast = position == count - 1
            var quantity = random.chance(60) ? 1 : random.within(2...6)
            var first = quantity
            if course.isPartial, isLast {
                quantity = max(2, quantity)
                first = 1
            }
            return Line(product: product, quantity: quantity, first: first)
        }
    }

    /// Total of the order in hundredths.
    var totalCents: Int { lines.reduce(0) { $0 + $1.quantity * $1.product.priceCents } }

    /// The total that is told.
    var toldCents: Int { fault == .wrongTotal ? 3 * totalCents : totalCents }

    /// The article that is told for the line at `position`.
    func toldArticle(_ position: Int) -> String {
        let sku = lines[position].product.sku
        return fault == .unknownArticle && position == 0 ? "OLD-\(sku)" : sku
    }
}

extension OrderStory {
    /// The events of the order as they happen, in the sequence of their times.
    func steps(startingAt start: Int64, longestPause: Int, random: inout SeededRandom) -> [Step] {
        var telling = Telling(time: start, longestPause: longestPause, random: random)
        tellBeginning(&telling)
        switch course {
        case .received, .validated, .onHold, .cancelledEarly: break
        case .allocated, .cancelledLate, .partial, .restCancelled, .partialThenInvoiced: tellAllocation(&telling)
        case .closed, .invoiced, .shipped, .holdReleased: tellAllocation(&telling)
        }
        tellDispatch(&telling)
        tellEnd(&telling)
        random = telling.random
        return telling.steps
    }

    private func tellBeginning(_ telling: inout Telling) {
        telling.add(source, .received)
        if source == .marketplace, course != .received || telling.random.chance(50) {
            telling.add(source, .accepted)
        }
        if telling.random.chance(40) { telling.add(.accounting, .paymentAuthorized) }
        switch course {
        case .received, .cancelledEarly: break
        case .validated: telling.add(source == .portal ? .portal : .accounting, .validated)
        default:
            if telling.random.chance(70) { telling.add(source == .portal ? .portal : .accounting, .validated) }
        }
        // The source of a hold is the channel that can end it.
        let holder: TrafficChannel = source == .portal ? .portal : .accounting
        if course == .onHold || course == .holdReleased { telling.add(holder, .onHold) }
        if course == .holdReleased { telling.add(holder, .release) }
        if course == .cancelledEarly { telling.add(source, .cancelled) }
    }

    private func tellAllocation(_ telling: inout Telling) {
        if course.isPartial { telling.add(.wms, .allocationMilestone) }
        if course == .allocated || course == .cancelledLate || telling.random.chance(80) {
            telling.add(.wms, .allocated)
        }
        if course == .cancelledLate { telling.add(source, .cancelled) }
    }

    private func tellDispatch(_ telling: inout Telling) {
        if course.isPartial {
            telling.add(.wms, .partiallyFulfilled)
            if source == .marketplace { telling.add(.marketplace, .partiallyFulfilled) }
        }
        switch course {
        case .closed, .invoiced, .shipped, .partialThenInvoiced, .holdReleased: telling.add(.wms, .shipped)
        case .restCancelled: telling.add(.wms, .restCancelled)
        case .partial, .allocated, .validated, .received, .onHold, .cancelledEarly, .cancelledLate: return
        }
        telling.add(.carrier, .tracking)
        if source == .marketplace, course != .restCancelled { telling.add(.marketplace, .shipped) }
        if telling.random.chance(70) { telling.add(.carrier, .inTransit) }
        if telling.random.chance(4) { telling.add(.carrier, .deliveryFailed) }
        if telling.random.chance(60) { telling.add(.carrier, .delivered) }
        if source == .marketplace, course != .restCancelled, telling.random.chance(20) {
            telling.add(.marketplace, .delivered)
        }
    }

    private func tellEnd(_ telling: inout Telling) {
        if course == .cancelledLate, telling.random.chance(50) { telling.add(.accounting, .refunded) }
        guard course == .closed || course == .invoiced || course == .partialThenInvoiced else { return }
        telling.add(.accounting, .invoiced)
        if telling.random.chance(60) { telling.add(.accounting, .paymentCaptured) }
        if course == .closed { telling.add(.accounting, .closed) }
    }
}

/// Collects the steps of a story.
private struct Telling {
    var time: Int64
    let longestPause: Int
    var random: SeededRandom
    var steps: [Step] = []
    var sequence = 0

    init(time: Int64, longestPause: Int, random: SeededRandom) {
        self.time = time
        self.longestPause = longestPause
        self.random = random
    }

    mutating func add(_ channel: TrafficChannel, _ tale: Tale) {
        if channel == .marketplace { sequence += 1 }
        steps.append(
            Step(
                channel: channel, tale: tale, number: steps.count + 1, occurredAt: time,
                sequence: channel == .marketplace ? sequence : nil))
        time += 1000 * Int64(random.within(1...max(1, longestPause)))
    }
}

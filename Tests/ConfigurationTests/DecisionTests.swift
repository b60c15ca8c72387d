import OrderEvents
import Orders
import Testing

@testable import Configuration

/// Owners, edges, promised times, feeds and validation of a legal entity: what is refused, and with which words.
@Suite struct DecisionTests {
    private static let x = "entities/x.json5"

    /// A valid entity with `text` beside its other keys, on line 3.
    private static func plus(_ text: String, _ lines: String...) -> Refusal {
        var refusal = Refusal(x, "store: \"eu\",", "store: \"eu\", \(text)")
        refusal.lines = lines.map { "\(x):\($0)" }
        return refusal
    }

    private static func edges(_ text: String, _ lines: String...) -> Refusal {
        var refusal = Refusal(x, "store: \"eu\",", "store: \"eu\", lifecycle: { edges: { \(text) } },")
        refusal.lines = lines.map { "\(x):3: lifecycle.edges.\($0)" }
        return refusal
    }

    private static let anEnd = "is an end: only facts may be told after it"

    private static let idle = "has no effect while a channel gives the verdict: say by: \"sluice\" beside it"

    static let refusals: [Refusal] = [
        plus(
            "owners: { ordr: [\"a\"] },", "3: owners.ordr: is no known key; did you mean \"order\"?"),
        plus("owners: { order: [] },", "3: owners.order: must not be empty"),
        plus("owners: { order: \"a\" },", "3: owners.order: must be a list, not a text"),
        plus("owners: { hold: [\"b\"] },", "3: owners.hold[0]: there is no channel \"b\""),
        plus(
            "owners: { hold: [\"a\", \"m\"] },",
            "3: owners.hold[1]: \"m\" is not among the channels of this legal entity: its events are rejected"),
        plus("owners: { invoice: [\"a\", \"a\"] },", "3: owners.invoice[1]: \"a\" is listed twice"),
        plus(
            "owners: { payment: [\"*\"] },",
            "3: owners.payment[0]: \"*\" is no owner: leave the group out, and it is open to every channel"),
        plus("feeds: { a: {} },", "3: feeds.a.expect_every: is missing"),
        plus("feeds: { a: { expect_every: \"5s\" } },", "3: feeds.a.expect_every: must be a duration from 10s to 365d"),
        plus("feeds: { shop: { expect_every: \"5m\" } },", "3: feeds.shop: there is no channel \"shop\""),
        plus(
            "feeds: { m: { expect_every: \"5m\" } },",
            "3: feeds.m: \"m\" is not among the channels of this legal entity: its events are rejected"),
        plus(
            "sla: { valdation: \"15m\", payment: \"30 days\" },",
            "3: sla.valdation: is no known key; did you mean \"validation\"?",
            "3: sla.payment: must be a duration such as \"5ms\", \"30s\", \"15m\", \"2h\" or \"30d\""),
        plus(
            "validation: { by: \"sluce\" },",
            "3: validation.by: \"sluce\" is none of channel, sluice; did you mean \"sluice\"?"),
        plus(
            "validation: { by: \"channel\", price_tolerance: \"0.01\", taxes: { A: \"B\" }, check: [\"taxes\"] },",
            "3: validation.price_tolerance: \(idle)", "3: validation.taxes: \(idle)", "3: validation.check: \(idle)"),
        plus(
            "validation: { by: \"sluice\", price_tolerance: \"-1\" },",
            "3: validation.price_tolerance: must be a decimal number that is not negative, such as \"0.01\""),
        plus(
            "validation: { by: \"sluice\", price_tolerance: 0.01 },",
            "3: validation.price_tolerance: must be a text, not a number"),
        plus(
            "validation: { by: \"sluice\", check: [\"customer\", \"prodcts\", \"customer\"] },",
            "3: validation.check[1]: \"prodcts\" is none of customer, products, taxes, carriers; "
                + "did you mean \"products\"?",
            "3: validation.check[2]: \"customer\" is listed twice"),
        edges(
            "\"alocated->invoiced\": \"allow\"",
            "alocated->invoiced: the name begins with \"alocated\", which is no state; did you mean \"allocated\"?"),
        edges(
            "\"allocated->invoice\": \"allow\"",
            "allocated->invoice: the name ends with \"invoice\", which is no state; did you mean \"invoiced\"?"),
        edges(
            "\"allocated=>invoiced\": \"allow\"",
            "allocated=>invoiced: the name must be from->to, such as \"allocated->invoiced\", "
                + "not \"allocated=>invoiced\""),
        edges(
            "\"allocated->invoiced\": \"behind\"",
            "allocated->invoiced: \"behind\" is none of allow, flag, park, reject"),
        edges(
            "\"shipped->shipped\": \"flag\"",
            "shipped->shipped: can never be flag: an order at shipped is there already"),
        edges(
            "\"shipped->received\": \"allow\"",
            "shipped->received: can never be allow: received lies behind shipped: it is old news, and the state stays"),
        edges(
            "\"shipped->cancelled\": \"allow\"",
            "shipped->cancelled: can never be allow: the goods have left, and nothing can be cancelled any more"),
        edges(
            "\"invoiced->on_hold\": \"park\"",
            "invoiced->on_hold: can never be park: the goods have left, and nothing can be held any more"),
        edges("\"cancelled->validated\": \"flag\"", "cancelled->validated: can never be flag: cancelled \(anEnd)"),
        edges("\"closed->cancelled\": \"allow\"", "closed->cancelled: can never be allow: closed \(anEnd)"),
        edges("\"on_hold->release\": \"park\"", "on_hold->release: can never be park: a hold could never end"),
        edges(
            "\"on_hold->on_hold\": \"reject\"",
            "on_hold->on_hold: can never be reject: an order can have several holds at once"),
        edges("\"none->received\": \"park\"", "none->received: can never be park: an order could not begin"),
        edges(
            "\"none->release\": \"flag\"", "none->release: can never be flag: an order does not begin with a release"),
    ]

    @Test(arguments: refusals) func aDecisionIsRefused(_ refusal: Refusal) throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(refusal.file, refusal.old, refusal.new)
        #expect(try fixture.problems() == refusal.lines)
    }

    @Test func whatEndsInOdooNeedsOne() throws {
        let fixture = try ConfigurationFixture()
        fixture.files[Self.x] = """
            { legal_entity: "X", store: "eu", channels: ["a"],
              sla: { validation: "15m", delivery: "10m",
                acceptance: "1h", cancellation: "5m" },
              validation: { by: "sluice", check: ["products"] }, backlog: { high: 9 } }
            """
        #expect(
            try fixture.problems() == [
                "entities/x.json5:2: sla.delivery: has no effect without odoo: nothing is delivered",
                "entities/x.json5:3: sla.acceptance: has no effect without odoo: nothing is delivered",
                "entities/x.json5:3: sla.cancellation: has no effect without odoo: nothing is delivered",
                "entities/x.json5:4: validation.check: has no effect without odoo: there is nothing to look it up in",
                "entities/x.json5:4: backlog: has no effect without odoo: nothing is delivered",
            ])
    }

    @Test func everybodyWhoMaySpeakMayOwn() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(Self.x, "[\"a\"]", "[\"*\"], owners: { hold: [\"m\", \"a\"] }")
        #expect(try fixture.load().entities[0].owners == [.hold: ["m", "a"]])
    }

    @Test func defaultsAreTheCanonicalLifecycleAndNoPromise() throws {
        let entity = try ConfigurationFixture().load().entities[0]
        #expect(entity.owners.isEmpty && entity.edges.isEmpty && entity.sla.isEmpty && entity.feeds.isEmpty)
        #expect(entity.validation == ValidationSettings())
        #expect(entity.validation.by == ValidationSettings.defaultJudge)
    }

    /// Every edge is either refused with a reason or read back as it was written, and what is read changes the table.
    @Test func everyEdgeIsRefusedOrTaken() throws {
        var refused = 0
        var taken = 0
        for from in Lifecycle.places {
            for word in Lifecycle.words {
                for disposition in EdgeSettings.dispositions {
                    let name = "\(from?.name ?? "none")->\(word.name)"
                    let edge = try #require(EdgeName.edge(name, disposition.name))
                    #expect(edge == EdgeSettings(from: from, word: word, disposition: disposition))
                    #expect(EdgeName.fault(in: name) == nil)
                    guard edge.fault == nil else {
                        refused += 1
                        continue
                    }
                    taken += 1
                    var lifecycle = Lifecycle.standard
                    lifecycle.override(from: from, word: word, disposition)
                    #expect(lifecycle.rule(from: from, word: word).disposition == disposition, "\(name)")
                }
            }
        }
        #expect(refused + taken == Lifecycle.places.count * Lifecycle.words.count * 4)
        // What the lifecycle says by itself may always be said again, but where it says nothing: behind.
        for from in Lifecycle.places {
            for word in Lifecycle.words {
                let rule = Lifecycle.standard.rule(from: from, word: word)
                guard rule.disposition != .behind, word != from.map(StatusWord.state) else { continue }
                let edge = EdgeSettings(from: from, word: word, disposition: rule.disposition)
                #expect(edge.fault == nil, "\(from?.name ?? "none")->\(word.name)")
            }
        }
    }
}

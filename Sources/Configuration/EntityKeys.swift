import OrderEvents
import Orders

/// The keys of `entities/*.json5`.
enum EntityKeys {
    static let file = Shape.object([
        Key.schema,
        Key("legal_entity", .text(.legalEntity), required: true, "The code that events carry."),
        Key("weight", .integer(1...1000), "Its share under contention. Default 1."),
        Key("store", .text(.storeName), required: true, "The name of its store in sluice.json5."),
        Key(
            "channels", .list(.text(.speaker), minimum: 1), required: true,
            "Who may speak for it; [\"*\"]: every configured channel."),
        Key(
            "warehouses", .map(.warehouseCode, warehouse, minimum: 0),
            "Its places of fulfilment, by their canonical code."),
        Key("odoo", odoo, "Its Odoo; absent: its orders are kept and nothing is delivered."),
        Key("validation", validation, "Who says that an order is valid."),
        Key("owners", owners, "For each group of facts, the channels whose word counts."),
        Key("lifecycle", lifecycle, "What differs from the canonical lifecycle."),
        Key("sla", sla, "Promised times per flow; an order that stays longer is a business exception."),
        Key("feeds", .map(.speaker, feed, minimum: 0), "How often each channel must be heard."),
        Key("backlog", backlog, "Where its backlog is full, and what is done then."),
    ])

    private static let warehouse = Shape.object([
        Key("odoo", .text(.label), "The warehouse's code in Odoo; absent: the same code."),
        Key("aliases", .list(.text(.warehouseCode), minimum: 0), "Other codes that channels use for it."),
    ])

    /// The states at which an order may first be created in Odoo.
    static let creationStates = [CanonicalState.received, .validated, .allocated]

    private static let odoo = Shape.object([
        Key("url", .text(.odooURL), required: true, "https://host[:port]; http to loopback only."),
        Key("database", .text(.label), required: true, "The database's name."),
        Key("company", .text(.label), required: true, "The company's name in Odoo."),
        Key("credentials", credentials, required: true, "Whom Sluice acts as."),
        Key(
            "api", .word(DestinationSettings.Interface.allCases.map(\.rawValue)),
            "The external API; auto: as the server's version asks for. Default auto."),
        Key("requests_per_second", .number(0.01...10_000), "Calls a second, at most. Default 10."),
        Key("max_concurrency", .integer(1...256), "Calls at the same time, at most. Default 4."),
        Key(
            "create_at", .word(creationStates.map(\.name)),
            "The first state in which an order is created in Odoo. Default validated."),
        Key(
            "without", .list(.word(DestinationSettings.Document.allCases.map(\.rawValue)), minimum: 0),
            "What is not kept in Odoo beside sales orders. Default nothing: all is kept."),
        Key("tells_customers", .flag, "Allows Odoo to mail or text customers for what Sluice does. Default false."),
        Key("insecure", .flag, "Allows http to a host that is not loopback. Default false."),
    ])

    private static let credentials = Shape.object([
        Key("login", .text(.label), required: true, "The user's login."),
        Key("key", .secret, required: true, "The user's API key, by reference."),
    ])

    private static let validation = Shape.object([
        Key("by", .word(ValidationSettings.Judge.allCases.map(\.rawValue)), "Whose word is the verdict."),
        Key("price_tolerance", .text(.tolerance), "How far sums may differ, in the order's currency. Default 0."),
        Key(
            "taxes", .map(.channelWord, .text(.label), minimum: 0),
            "The channels' tax codes and what Odoo calls them."),
        Key(
            "check", .list(.word(ValidationSettings.Lookup.allCases.map(\.rawValue)), minimum: 0),
            "What is looked up in the destination. Default nothing."),
    ])

    private static let owners = Shape.object(
        FactGroup.allCases.map {
            Key($0.name, .list(.text(.speaker), minimum: 1), "Channels, the first wins; absent: every channel.")
        })

    private static let lifecycle = Shape.object([
        Key(
            "park_timeout", .duration(.milliseconds(100) ... .seconds(90 * 86400)),
            "How long an event waits for what is missing. Default 15m."),
        Key(
            "edges", .map(.edge, .word(EdgeSettings.dispositions.map(\.name)), minimum: 0),
            "Dispositions that differ, by \"from->to\"; none: not begun."),
    ])

    private static let sla = Shape.object(
        Flow.allCases.map { flow in
            Key(flow.name, .duration(.seconds(1) ... .seconds(365 * 86400)), "From \(flow.span).")
        })

    private static let backlog = Shape.object([
        Key("high", .integer(1...1_000_000_000), required: true, "So many orders make the backlog full."),
        Key(
            "on_full", .word(BacklogSettings.Answer.allCases.map(\.rawValue)),
            "accept: it is told and nothing else; pause: no more events are taken. Default accept."),
    ])

    private static let feed = Shape.object([
        Key(
            "expect_every", .duration(.seconds(10) ... .seconds(365 * 86400)), required: true,
            "How long the channel may be silent.")
    ])
}

import OrderEvents

/// The keys of `channels/*.json5`.
enum ChannelKeys {
    static let file = Shape.object([
        Key.schema,
        Key("channel", .text(.channelName), required: true, "The channel's name; once in use it never changes."),
        Key("topics", .list(.text(.topic), minimum: 1), required: true, "The topics that this channel alone writes."),
        Key("format", .word(["json"]), "How records are written. Default json."),
        Key("priority", .notBuilt, "critical before bulk, toward PostgreSQL."),
        Key("order", order, "What its order_ref is."),
        Key(
            "sequence_from", .integer(0...Int64.max),
            "Its numbers count by one within an order and begin here; only then is a missing number a gap."),
        Key(
            "fields", fields,
            "Where the fields are, as JSON pointers; absent: the channel speaks the "
                + "canonical event."),
        Key(
            "statuses", .map(.channelWord, .word(statusWords), minimum: 0),
            "The channel's words for canonical states, or for release."),
        Key(
            "milestones", .map(.channelWord, .word(Milestone.allCases.map(\.name)), minimum: 0),
            "The channel's words for milestones."),
        Key("values", .notBuilt, "Look-up tables."),
        Key("route", .notBuilt, "Rules that give the legal entity; the first match wins."),
    ])

    static let statusWords = CanonicalState.allCases.map(\.name) + [StatusWord.release.name]

    private static let order = Shape.object([
        Key("kind", .word([ReferenceKind.order.name]), "What its reference is. Default order."),
        Key("issuer", .text(.issuer), "Whose numbers these are; absent: the legal entity's common number space."),
    ])

    private static let fields = Shape.object([
        Key("event_id", .text(.pointer), required: true, "The event's identity within the channel."),
        Key("order_ref", .text(.pointer), required: true, "The order's number."),
        Key("legal_entity", .text(.pointer), required: true, "The legal entity's code."),
        Key("warehouse", .text(.pointer), "The warehouse's code or alias."),
        Key("status", .text(.pointer), required: true, "The word that statuses and milestones translate."),
        Key("occurred_at", .text(.pointer), required: true, "The event's time, RFC 3339."),
        Key("sequence", .text(.pointer), "The event's number within its order."),
        Key("currency", .text(.pointer), "The currency."),
        Key("total", .text(.pointer), "The order's total."),
        Key("customer", customer, "The order's customer."),
        Key("lines", lines, "The order's lines: one array."),
    ])

    private static let customer = Shape.object([
        Key("ref", .text(.pointer), "The customer's identity."),
        Key("name", .text(.pointer), "The customer's name."),
    ])

    private static let lines = Shape.object([
        Key("at", .text(.pointer), required: true, "Where the array is."),
        Key("line", .text(.pointer), "Within an element: the line's number; absent: its position, from 1."),
        Key("sku", .text(.pointer), required: true, "Within an element: the article."),
        Key("quantity", .text(.pointer), required: true, "Within an element: the ordered quantity."),
        Key("unit_price", .text(.pointer), "Within an element: the price of one."),
        Key("tax", .text(.pointer), "Within an element: the tax code."),
    ])
}

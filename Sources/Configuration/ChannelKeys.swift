import OrderEvents

/// The keys of `channels/*.json5`.
enum ChannelKeys {
    static let file = Shape.object([
        Key.schema,
        Key("channel", .text(.channelName), required: true, "The channel's name; once in use it never changes."),
        Key("topics", .list(.text(.topic), minimum: 1), required: true, "The topics that this channel alone writes."),
        Key("format", .word(ChannelSettings.Format.allCases.map(\.rawValue)), "How records are written. Default json."),
        Key(
            "priority", .word(Priority.allCases.map(\.name)),
            "How urgent its events are among those of their legal entity, toward PostgreSQL. Default normal."),
        Key("order", order, "What its order_ref is."),
        Key(
            "sequence_from", .integer(0...Int64.max),
            "Its numbers count by one within an order and begin here; only then is a missing number a gap."),
        Key(
            "fields", FieldKeys.fields,
            "Where the fields are, by JSON pointers; absent: the channel speaks the canonical event, or CloudEvents "
                + "whose data has its names."),
        Key(
            "statuses", .map(.channelWord, .word(statusWords), minimum: 0),
            "The channel's words for canonical states, or for release."),
        Key(
            "milestones", .map(.channelWord, .word(Milestone.allCases.map(\.name)), minimum: 0),
            "The channel's words for milestones."),
        Key(
            "values", .map(.tableName, .map(.tableWord, .text(.tableMeaning), minimum: 1), minimum: 0),
            "Look-up tables, by the field whose words they translate; WORD* is every word that begins so."),
        Key(
            "route", .list(rule, minimum: 1),
            "Rules that give legal entity, warehouse, priority and tags; the first counts."),
    ])

    static let statusWords = CanonicalState.allCases.map(\.name) + [StatusWord.release.name]

    private static let order = Shape.object([
        Key("kind", .word(ReferenceKind.allCases.map(\.name)), "What its reference is. Default order."),
        Key("issuer", .text(.issuer), "Whose numbers these are; absent: the legal entity's common number space."),
    ])

    private static let rule = Shape.object([
        Key("name", .text(.tag), "What the journal calls it; absent: its number, from 1."),
        Key(
            "when", .map(.routeSubject, .scalars, minimum: 0),
            "What has to be so: /pointer, a field, header:NAME or topic, and its value or a list; null: absent. "
                + "Without it the rule holds always."),
        Key("legal_entity", .text(.legalEntity), "The legal entity; absent: that of the fields."),
        Key("warehouse", .text(.warehouseCode), "The warehouse; absent: that of the fields."),
        Key(
            "priority", .word(Priority.allCases.map(\.name)),
            "How urgent the events are; absent: as those of the channel."),
        Key("tags", .list(.text(.tag), minimum: 0), "Words for the journal."),
    ])
}

/// The keys below `fields`: the names of the canonical event, and where each comes from.
enum FieldKeys {
    static let fields = Shape.object([
        Key("event_id", text(constant: false), "The event's identity within the channel."),
        Key("order_ref", text(constant: false), "The order's number."),
        Key("reference", .object(name), "The name by which the event finds its order, instead of order_ref."),
        Key("legal_entity", text(.legalEntity), "The legal entity's code."),
        Key("warehouse", text(.warehouseCode), "The warehouse's code or alias."),
        Key("status", word(ChannelKeys.statusWords), "The word that statuses and milestones translate."),
        Key("milestone", word(Milestone.allCases.map(\.name)), "The word that milestones translate."),
        Key("occurred_at", time, "The event's time."),
        Key("sequence", .text(.pointer), "The event's number within its order."),
        Key("currency", text(.currency), "The currency."),
        Key("total", decimal, "The order's total."),
        Key(
            "customer",
            .object([
                Key("ref", text(.label), "The customer's identity."),
                Key("name", text(.label), "The customer's name."),
                Key("group", text(.tag), "The customer's group: a tag of the event."),
            ]), "The order's customer."),
        Key("references", .list(.object([at] + name), minimum: 1), "Other names of the order, each by its kind."),
        Key(
            "lines",
            .object([
                array,
                Key("line", text(constant: false), "The line's number; absent: its position, from 1."),
                Key("sku", text(.label), required: true, "The article."),
                Key("quantity", decimal, required: true, "The ordered quantity."),
                Key("unit_price", decimal, "The price of one."),
                Key("tax", text(.label), "The tax code."),
            ]), "The order's lines: one array."),
        Key(
            "allocation",
            .object([
                Key(
                    "lines",
                    .object(
                        [array] + line + [
                            Key("backordered", decimal, "How much is on backorder."),
                            Key("expected", date, "When that is expected."),
                        ]), required: true, "Totals by line at the event's time.")
            ]), "What is allocated."),
        Key(
            "shipment",
            .object([
                at,
                Key("ref", text(constant: false), "Its identity; without it the tracking number."),
                Key("carrier", text(.label), "The carrier."),
                Key("tracking", text(constant: false), "The tracking number."),
                Key("lines", .object([array] + line), "What left, by line."),
            ]), "Goods that left."),
        Key(
            "invoice",
            .object([
                at,
                Key("ref", text(constant: false), required: true, "Its identity."),
                Key("lines", .object([array] + line), "What is invoiced, by line."),
            ]), "A document of accounting."),
        Key(
            "payment",
            .object([
                at,
                Key("ref", text(constant: false), required: true, "Its identity."),
                Key("status", word(PaymentStatus.allCases.map(\.name)), required: true, "How far it went."),
                Key("amount", decimal, "The amount."),
            ]), "Money."),
        Key(
            "cancellation",
            .object([
                Key("lines", .object([array] + line), "Totals by line; absent: all that is left."),
                Key("reason", text(.label), "Why."),
            ]), "Goods that will not be delivered."),
        Key(
            "hold", .object([Key("reason", word(holdReasons), required: true, "Why.")]), "Why the order waits."),
    ])

    static let holdReasons = ["credit", "fraud", "payment", "stock", "address", "manual"]

    private static let pointer = Key("at", .text(.pointer), "Where it stands in the record, or in its element.")
    private static let table = Key(
        "values", .text(.tableName), "The look-up table; absent: the one that has the field's name.")
    private static let at = Key(
        "at", .text(.pointer), "An array, or one object, within which the others are; absent: they stand once.")
    private static let array = Key(
        "at", .text(.pointer), required: true, "Where the array is; the others are within it.")

    /// A text, which may be translated; `rule` is that of a constant.
    private static func text(_ rule: TextRule) -> Shape {
        .textOr(
            .pointer,
            [
                pointer, Key("default", .text(rule), "What stands for an absent value."),
                Key("value", .text(rule), "The same for every record, instead of at."), table,
            ])
    }

    private static func text(constant: Bool) -> Shape { .textOr(.pointer, [pointer, table]) }

    /// A word of the channel; a constant is one of `words`.
    private static func word(_ words: [String]) -> Shape {
        .textOr(
            .pointer,
            [
                pointer, Key("default", .word(words), "What stands for an absent word."),
                Key("value", .word(words), "The same for every record, instead of at."), table,
            ])
    }

    private static let decimal = Shape.textOr(
        .pointer,
        [
            pointer, Key("default", .text(.decimal), "What stands for an absent value."),
            Key("value", .text(.decimal), "The same for every record, instead of at."),
            Key(
                "format", .word([FieldFormat.number.rawValue]),
                "number: a JSON number with a point counts as it is written."),
        ])

    private static let time = Shape.textOr(
        .pointer,
        [
            pointer,
            Key(
                "format",
                .word([FieldFormat.rfc3339, .epochSeconds, .epochMilliseconds].map(\.rawValue)),
                "How it is written. Default rfc3339."),
        ])

    private static let date = Shape.textOr(
        .pointer,
        [
            pointer,
            Key(
                "format",
                .word([FieldFormat.date, .rfc3339, .epochSeconds, .epochMilliseconds].map(\.rawValue)),
                "How it is written. Default date."),
        ])

    private static let name: [Key] = [
        Key(
            "kind", .textOr(.referenceKind, [pointer, table]), required: true,
            "What is named: a kind of reference, or where it stands."),
        Key("issuer", text(.issuer), "Who numbers; absent: the legal entity's common number space."),
        Key("value", text(constant: false), required: true, "The number."),
    ]

    private static let line: [Key] = [
        Key("line", text(constant: false), "The line's number."),
        Key("sku", text(.label), "The article, instead of the line's number or beside it."),
        Key("quantity", decimal, "How much."),
    ]
}

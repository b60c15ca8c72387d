/// The keys of `sluice.json5`.
enum MainKeys {
    static let file = Shape.object([
        Key.schema,
        Key("kafka", kafka, required: true, "Brokers, consumer group, dead letters."),
        Key(
            "stores", .map(.storeName, store, minimum: 1), required: true,
            "The PostgreSQL databases, by a name of your own; legal entities are assigned to them."),
        Key("store", .object([Key("migrate", .flag, migrateAbout)]), "Defaults for every store."),
        Key("http", http, "Metrics, health and the read API."),
        Key("budgets", budgets, "How much memory waiting events may take."),
        Key(
            "linger", .duration(.zero ... .seconds(1)),
            "How long a worker waits for a batch to grow when there is little to do. Default 5ms."),
        Key("retention", retention, "How long rows are kept: keys <= payloads <= journal."),
        Key(
            "shutdown_timeout", .duration(.milliseconds(100) ... .seconds(600)),
            "How long a stopping process may take to finish what it has begun. Default 10s."),
    ])

    private static let migrateAbout =
        "Whether sluice run applies the store's migrations. Default true; sluice migrate always does."

    private static let kafka = Shape.object([
        Key("brokers", .list(.text(.broker), minimum: 1), required: true, "The brokers to begin with, as host:port."),
        Key("group", .text(.consumerGroup), "The consumer group. Default sluice."),
        Key("instance_id", .text(.consumerGroup), "The instance's name for static membership; absent: dynamic."),
        Key(
            "dead_letter_topic", .text(.topic),
            "Where undecodable records go. No channel reads it. Default sluice.dead-letters."),
        Key("options", .kafkaOptions, "librdkafka's own settings, from an allow-list; secrets by reference."),
        Key("insecure", .flag, "Allows brokers that are not on loopback without TLS. Default false."),
    ])

    private static let store = Shape.object([
        Key(
            "url", .textOrSecret(.storeURL), required: true,
            "libpq's connection URL or string; by reference when it carries a password."),
        Key(
            "reader_url", .textOrSecret(.storeURL),
            "The same for who only reads (HTTP, commands): a login that is a member of sluice_reader. Default url."),
        Key("workers", .integer(1...64), "Connections that apply batches. Default 4."),
        Key("region", .text(.label), "A label for people: where the data resides."),
        Key("migrate", .flag, migrateAbout),
        Key("insecure", .flag, "Allows a server that is not on loopback without verified TLS. Default false."),
    ])

    private static let http = Shape.object([
        Key(
            "listen", .text(.listen),
            "Address and port. Default 127.0.0.1:9464. Off loopback it needs tokens and behind_tls."),
        Key("tokens", .secret, "Where the bearer tokens' hashes are, one a line: NAME ROLE SHA256 ENTITIES."),
        Key("behind_tls", .flag, "A proxy that ends TLS stands in front. Default false."),
        Key(
            "series", .integer(1_000...10_000_000),
            "How many series a page of metrics may have; beyond, the lightest legal entities are shown together. "
                + "Default 100000."),
    ])

    private static let budgets = Shape.object([
        Key("process", .size(1 << 20...1 << 40), "Bytes of waiting events in the process. Default 64MiB."),
        Key("lane", .size(16 << 10...1 << 40), "Bytes of waiting events in one lane. Default 4MiB."),
        Key(
            "blocked", .size(1 << 20...1 << 40),
            "Bytes of events that wait for a paused legal entity or an absent store, beyond process. Default 128MiB."),
    ])

    private static let kept = Shape.duration(.seconds(3600) ... .seconds(36500 * 86400))
    /// The store itself removes nothing younger.
    private static let keptTrail = Shape.duration(.seconds(30 * 86400) ... .seconds(36500 * 86400))

    private static let retention = Shape.object([
        Key("keys", kept, "Idempotency keys. Default 30d."),
        Key("journal", kept, "The journal. Default 730d."),
        Key("payloads", kept, "The records' own bytes. Default 90d."),
        Key("dead_letters", kept, "Dead letters. Default 90d."),
        Key("audit", keptTrail, "The audit trail: who read what. At least 30d. Default 730d."),
    ])
}

import Foundation
import Testing

@testable import Configuration

/// One change to a valid folder, and every line that loading must then print.
struct Refusal: Sendable, CustomTestStringConvertible {
    var file: String
    var old: String
    var new: String
    var lines: [String]

    init(_ file: String, _ old: String, _ new: String, _ lines: String...) {
        self.file = file
        self.old = old
        self.new = new
        self.lines = lines.map { "\(file):\($0)" }
    }

    var testDescription: String { "\(file): \(new)" }
}

@Suite struct RefusalTests {
    private static let secretAdvice =
        "is a secret and never stands in a file; say { env: \"NAME\" } or { file: \"/path\" } where it is kept"
    private static let urlAdvice = "carries a password; give the whole URL as { env: \"NAME\" } or { file: \"/path\" }"

    static let main: [Refusal] = {
        let kafka = "brokers: [\"127.0.0.1:9092\"]"
        let url = "{ env: \"DB\" }"
        func option(_ text: String, _ line: String) -> Refusal {
            Refusal("sluice.json5", kafka, "\(kafka), options: { \(text) }", "2: kafka.options.\(line)")
        }
        func top(_ text: String, _ lines: String...) -> Refusal {
            var refusal = Refusal("sluice.json5", "} } },", "} } },\n  \(text)")
            refusal.lines = lines.map { "sluice.json5:\($0)" }
            return refusal
        }
        return [
            Refusal("sluice.json5", kafka, "", "2: kafka.brokers: is missing"),
            Refusal("sluice.json5", kafka, "brokers: []", "2: kafka.brokers: must not be empty"),
            Refusal("sluice.json5", kafka, "brokers: \"h:1\"", "2: kafka.brokers: must be a list, not a text"),
            Refusal(
                "sluice.json5", kafka, "brokers: [\"a:1\", \"b\",\n\"SSL://c:9093\"]",
                "2: kafka.brokers[1]: must be host:port, such as \"127.0.0.1:9092\"",
                "3: kafka.brokers[2]: must be host:port without a scheme; say kafka.options[\"security.protocol\"]"),
            Refusal(
                "sluice.json5", kafka, "\(kafka), instanceId: \"s\"",
                "2: kafka.instanceId: is no known key; did you mean \"instance_id\"?"),
            Refusal("sluice.json5", kafka, "\(kafka), zzz: 1", "2: kafka.zzz: is no known key"),
            Refusal(
                "sluice.json5", kafka, "\(kafka), group: \"a b\"",
                "2: kafka.group: must be printable ASCII without space, not \"a b\""),
            Refusal(
                "sluice.json5", kafka, "\(kafka), dead_letter_topic: \"^all\"",
                "2: kafka.dead_letter_topic: must be a topic's name of letters, digits, \".\", \"_\" "
                    + "and \"-\", not \"^all\""
            ),
            Refusal(
                "sluice.json5", kafka, "\(kafka), insecure: 1", "2: kafka.insecure: must be true or false, not a number"
            ),
            Refusal(
                "sluice.json5", kafka, "brokers: [\"127.0.0.1:1\", \"k1:9092\"]",
                "2: kafka.brokers: a broker that is not on this machine needs kafka.options[\"security.protocol\"]: "
                    + "\"ssl\" or \"sasl_ssl\", or insecure: true beside it"),
            option("\"group.id\": \"g\"", "group.id: is set by Sluice; say kafka.group"),
            option(
                "\"enable.auto.commit\": true",
                "enable.auto.commit: is set by Sluice: offsets are committed behind committed work only"),
            option(
                "\"plugin.library.paths\": \"x\"", "plugin.library.paths: is refused: it loads code into the process"),
            option("\"ssl.engine.location\": \"x\"", "ssl.engine.location: is refused: it loads code into the process"),
            option(
                "\"sasl.kerberos.kinit.cmd\": \"rm\"",
                "sasl.kerberos.kinit.cmd: is refused: it runs a program; keep the ticket fresh outside of Sluice"),
            option("debug: \"all\"", "debug: is refused: it writes keys and credentials into the log"),
            option(
                "\"fetch.min.byte\": 1",
                "fetch.min.byte: is not among the settings that Sluice passes on; did you mean \"fetch.min.bytes\"?"),
            option("\"fetch.min.bytes\": 0", "fetch.min.bytes: must be an integer from 1 to 100000000"),
            option("\"socket.keepalive.enable\": \"yes\"", "socket.keepalive.enable: must be true or false"),
            option(
                "\"security.protocol\": \"TLS\"",
                "security.protocol: must be one of plaintext, ssl, sasl_plaintext, sasl_ssl"),
            option("\"sasl.password\": \"hunter2\"", "sasl.password: \(secretAdvice)"),
            option("\"client.rack\": [1]", "client.rack: must be a text, a flag or an integer, not a list"),
            option(
                "\"session.timeout.ms\": 400000",
                "session.timeout.ms: session.timeout.ms (400000) must not exceed max.poll.interval.ms (300000)"),
            option(
                "\"receive.message.max.bytes\": 1000000",
                "receive.message.max.bytes: receive.message.max.bytes (1000000) must be at least 512 "
                    + "more than fetch.max.bytes (8388608)"
            ),
            Refusal("sluice.json5", "eu: { url: \(url) }", "", "3: stores: must not be empty"),
            Refusal(
                "sluice.json5", url, "{ env: \"DB\", file: \"/x\" }",
                "3: stores.eu.url: must have exactly one of the keys env and file"),
            Refusal(
                "sluice.json5", url, "{ env: \"postgresql://u:p@h/d\" }",
                "3: stores.eu.url: env must be the name of an environment variable, not its value"),
            Refusal("sluice.json5", url, "{ file: \"secret\" }", "3: stores.eu.url: file must be an absolute path"),
            Refusal(
                "sluice.json5", url, "{ vault: \"x\" }",
                "3: stores.eu.url: must have exactly one of the keys env and file"),
            Refusal("sluice.json5", url, "\"postgresql://u:hunter2@h/d\"", "3: stores.eu.url: \(urlAdvice)"),
            Refusal("sluice.json5", url, "\"postgresql://u:hun/ter2@h/d\"", "3: stores.eu.url: \(urlAdvice)"),
            Refusal("sluice.json5", url, "\"postgresql://h/d?pass%77ord=hunter2\"", "3: stores.eu.url: \(urlAdvice)"),
            Refusal("sluice.json5", url, "\"host=h password = hunter2\"", "3: stores.eu.url: \(urlAdvice)"),
            Refusal("sluice.json5", url, "\"mysql://h/d\"", "3: stores.eu.url: must begin with postgresql://"),
            Refusal(
                "sluice.json5", url, "7",
                "3: stores.eu.url: must be a text, { env: \"NAME\" } or { file: \"/path\" }, not a number"),
            Refusal(
                "sluice.json5", "eu: {", "eu: { workers: 0, ", "3: stores.eu.workers: must be an integer from 1 to 64"),
            Refusal(
                "sluice.json5", "eu: {", "eu: { workers: 2.0, ",
                "3: stores.eu.workers: must be an integer from 1 to 64"),
            Refusal(
                "sluice.json5", "eu: {", "eu: { migrate: \"no\", ",
                "3: stores.eu.migrate: must be true or false, not a text"),
            top("http: { listen: \"9464\" },", "4: http.listen: must be address:port, such as \"127.0.0.1:9464\""),
            top(
                "http: { listen: \"0.0.0.0:9464\" },",
                "4: http.listen: an address that is not loopback needs http.behind_tls: true (a proxy that ends TLS in "
                    + "front) and http.tokens"),
            top(
                "http: { behind_tls: true },",
                "4: http.behind_tls: needs http.tokens: everybody reaches the proxy"),
            top("http: { tokens: \"T\" },", "4: http.tokens: \(secretAdvice)"),
            top("http: { series: 999 },", "4: http.series: must be an integer from 1000 to 10000000"),
            top(
                "budgets: { process: \"8MiB\", lane: \"9MiB\" },",
                "4: budgets.lane: a lane must not have more than the process: 9MiB for a lane, 8MiB for the process"),
            top(
                "budgets: { process: \"2MiB\" },",
                "4: budgets.process: a lane must not have more than the process: 4MiB for a lane, 2MiB "
                    + "for the process"),
            top(
                "budgets: { process: \"96 MB\" },",
                "4: budgets.process: must be a size such as \"64MiB\", \"1KiB\" or \"1GB\""),
            top(
                "budgets: { lane: 4194304 },",
                "4: budgets.lane: must be a size such as \"64MiB\", \"1KiB\" or \"1GB\""),
            top(
                "linger: \"5\",",
                "4: linger: must be a duration such as \"5ms\", \"30s\", \"15m\", \"2h\" or \"30d\""),
            top("linger: \"2s\",", "4: linger: must be a duration from 0ms to 1s"),
            top("shutdown_timeout: \"1h\",", "4: shutdown_timeout: must be a duration from 100ms to 10m"),
            top(
                "retention: { payloads: \"20d\" },",
                "4: retention.payloads: payloads (20d) must be kept as long as keys (30d)"),
            top(
                "retention: { keys: \"100d\" },",
                "4: retention.keys: payloads (90d) must be kept as long as keys (100d)"),
            top(
                "retention: { journal: \"10d\" },",
                "4: retention.journal: journal (10d) must be kept as long as payloads (90d)"),
            top("retention: { audit: \"29d\" },", "4: retention.audit: must be a duration from 30d to 36500d"),
            top("linger: \"1ms\",\n  linger: \"2ms\",", "5: linger: is given twice; the first is on line 4"),
            top("entities: {},", "4: entities: is no known key"),
        ]
    }()

    @Test(arguments: main) func theMainFileIsRefused(_ refusal: Refusal) throws { try check(refusal) }

    static let channels: [Refusal] = {
        let a = "channels/a.json5"
        let m = "channels/m.json5"
        func plus(_ text: String, _ lines: String...) -> Refusal {
            var refusal = Refusal(a, "topics: [\"t.a\"],", "topics: [\"t.a\"],\n  \(text)")
            refusal.lines = lines.map { "\(a):\($0)" }
            return refusal
        }
        return [
            Refusal(a, "topics: [\"t.a\"],", "", "1: topics: is missing"),
            Refusal(a, "\"t.a\"", "", "3: topics: must not be empty"),
            Refusal(
                a, "\"t.a\"", "\"t.a\", \"t.a\"", "3: topics[1]: topic \"t.a\" is claimed already: channels/a.json5:3"),
            Refusal(
                a, "\"t.a\"", "\"sluice.dead-letters\"",
                "3: topics[0]: \"sluice.dead-letters\" is kafka.dead_letter_topic: dead letters would "
                    + "be read again for ever"
            ),
            plus("format: \"avro\",", "4: format: \"avro\" is none of json, cloudevents"),
            plus("priority: \"urgent\",", "4: priority: \"urgent\" is none of critical, normal, bulk"),
            plus(
                "values: {}, route: [],",
                "4: values: has no effect without fields: the canonical event speaks canonical words",
                "4: route: must not be empty"),
            plus(
                "order: { kind: \"ordre\" },",
                "4: order.kind: \"ordre\" is none of order, purchase_order, wms_order, shipment, tracking, invoice, "
                    + "odoo; did you mean \"order\"?"),
            plus("order: { issuer: \"a/b\" },", "4: order.issuer: must not contain \"/\", as \"a/b\" does"),
            plus("sequence_from: -1,", "4: sequence_from: must be an integer from 0 on"),
            plus(
                "statuses: { N: \"received\" },",
                "4: statuses: has no effect without fields: the canonical event speaks canonical words"),
            Refusal(
                m, "New: \"received\"", "New: \"recieved\", Old: \"gone\",\n    Odd: 3",
                "8: statuses.New: \"recieved\" is none of received, validated, allocated, "
                    + "partially_fulfilled, shipped, "
                    + "invoiced, closed, on_hold, cancelled, release; did you mean \"received\"?",
                "8: statuses.Old: \"gone\" is none of received, validated, allocated, partially_fulfilled, shipped, "
                    + "invoiced, closed, on_hold, cancelled, release",
                "9: statuses.Odd: must be a text, not a number"),
            Refusal(
                m, "\"delivered\"", "\"arrived\"",
                "9: milestones.There: \"arrived\" is none of tracking, in_transit, delivered, "
                    + "delivery_failed, allocation, "
                    + "payment, refund"),
            Refusal(
                m, "statuses: { New: \"received\" },\n  milestones: { There: \"delivered\" },", "",
                "4: fields: need statuses or milestones: without them no word of the channel means anything"),
            Refusal(
                m, "\"/id\"", "\"id\"",
                "5: fields.event_id: must be a JSON pointer, which begins with \"/\", not \"id\""),
            Refusal(
                m, "\"/id\"", "\"/a~2\"",
                "5: fields.event_id: must write \"~\" as \"~0\" and \"/\" within a name as \"~1\", unlike \"/a~2\""),
            Refusal(
                m, "\"/id\"", "\"/a~\"",
                "5: fields.event_id: must write \"~\" as \"~0\" and \"/\" within a name as \"~1\", unlike \"/a~\""),
            Refusal(m, "event_id: \"/id\", ", "", "4: fields.event_id: is missing"),
            Refusal(m, "sku: \"/sku\", ", "", "6: fields.lines.sku: is missing"),
            Refusal(
                m, "order_ref:", "order_reff:", "4: fields.order_ref: is missing, and reference too: one is needed",
                "5: fields.order_reff: is no known key; did you mean \"order_ref\"?"),
            Refusal(m, "\"m\"", "\"odoo\"", "2: channel: \"odoo\" is a channel of Sluice's own; take another"),
            Refusal(m, "\"m\"", "\"a\"", "2: channel: \"a\" is taken already: channels/a.json5:2"),
        ]
    }()

    @Test(arguments: channels) func aChannelIsRefused(_ refusal: Refusal) throws { try check(refusal) }

    @Test func aTopicOfTwoChannelsIsRefusedAtTheSecond() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit("channels/a.json5", "\"t.a\"", "\"t.m\"")
        #expect(
            try fixture.problems() == [
                "channels/m.json5:3: topics[0]: topic \"t.m\" is claimed already: channels/a.json5:3"
            ])
    }

    @Test func numbersThatCountByOneNeedANumber() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit("channels/m.json5", "sequence: \"/n\", ", "")
        try fixture.edit("channels/m.json5", "topics: [\"t.m\"],", "topics: [\"t.m\"], sequence_from: 1,")
        #expect(
            try fixture.problems() == [
                "channels/m.json5:3: sequence_from: has no effect without fields.sequence"
            ])
    }

    static let entities: [Refusal] = {
        let x = "entities/x.json5"
        func plus(_ text: String, _ lines: String...) -> Refusal {
            var refusal = Refusal(x, "store: \"eu\",", "store: \"eu\", \(text)")
            refusal.lines = lines.map { "\(x):\($0)" }
            return refusal
        }
        let key = "{ env: \"K\" }"
        let url = "\"https://erp.example.com\""
        return [
            Refusal(x, "\"X\"", "\"A B\"", "2: legal_entity: must be printable ASCII without space, not \"A B\""),
            Refusal(
                x, "\"X\"", "\"Z\u{fc}rich\"",
                "2: legal_entity: must be printable ASCII without space, not \"Z\u{fc}rich\""),
            Refusal(x, "\"X\"", "\"A/B\"", "2: legal_entity: must not contain \"/\", as \"A/B\" does"),
            Refusal(x, "\"X\"", "\"other\"", "2: legal_entity: \"other\" is a word of the metrics; take another"),
            Refusal(x, "\"X\"", "\"\"", "2: legal_entity: must not be empty"),
            Refusal(
                x, "\"X\"", "\"" + String(repeating: "x", count: 129) + "\"",
                "2: legal_entity: is longer than 128 bytes"),
            Refusal(x, "store: \"eu\",", "", "1: store: is missing"),
            Refusal(
                x, "store: \"eu\"", "store: \"ue\"",
                "3: store: there is no store \"ue\" in stores; did you mean \"eu\"?"),
            Refusal(
                x, "store: \"eu\"", "store: \"warehouse-db\"",
                "3: store: there is no store \"warehouse-db\" in stores"),
            Refusal(x, "[\"a\"]", "[\"a\", \"b2b-portal\"]", "4: channels[1]: there is no channel \"b2b-portal\""),
            Refusal(x, "[\"a\"]", "[\"a\", \"a\"]", "4: channels[1]: \"a\" is listed twice"),
            Refusal(x, "[\"a\"]", "[\"a\", \"*\"]", "4: channels[1]: \"*\" means every channel and stands alone"),
            Refusal(x, "[\"a\"]", "[]", "4: channels: must not be empty"),
            plus("weight: 0,", "3: weight: must be an integer from 1 to 1000"),
            plus("weight: 1001,", "3: weight: must be an integer from 1 to 1000"),
            plus("weight: 1.5,", "3: weight: must be an integer from 1 to 1000"),
            plus("weight: Infinity,", "3: weight: must be an integer from 1 to 1000"),
            plus("weight: \"3\",", "3: weight: must be an integer, not a text"),
            plus("backlog: { high: 0 },", "3: backlog.high: must be an integer from 1 to 1000000000"),
            plus("backlog: { on_full: \"pause\" },", "3: backlog.high: is missing"),
            plus(
                "backlog: { high: 9, on_full: \"drop\" },", "3: backlog.on_full: \"drop\" is none of accept, pause"),
            plus(
                "lifecycle: { park_timeout: \"0s\" },",
                "3: lifecycle.park_timeout: must be a duration from 100ms to 90d"),
            Refusal(
                x, "W2: {}", "_: {}",
                "5: warehouses._: the name \"_\" stands for events without a warehouse; take another"),
            Refusal(
                x, "W2: {}", "W2: { aliases: [\"W-1\"] }",
                "5: warehouses.W2.aliases[0]: \"W-1\" is an alias of \"W1\" already"),
            Refusal(
                x, "W2: {}", "\"W-1\": {}", "5: warehouses.W1.aliases[0]: \"W-1\" is the code of a warehouse already"),
            Refusal(x, "W2: {}", "W1: {}", "5: warehouses.W1: is given twice; the first is on line 5"),
            Refusal(x, url, "\"erp.example.com\"", "7: odoo.url: must begin with https:// (or, to loopback, http://)"),
            Refusal(
                x, url, "\"ftp://erp.example.com\"",
                "7: odoo.url: must begin with https:// (or, to "
                    + "loopback, http://)"),
            Refusal(
                x, url, "\"https://u:hunter2@erp.example.com\"",
                "7: odoo.url: must not carry user:password@; say odoo.credentials, with the key by reference"),
            Refusal(x, url, "\"https:///web\"", "7: odoo.url: must name a host, such as https://erp.example.com"),
            Refusal(x, url, "\"https://h:99999\"", "7: odoo.url: must name a host, such as https://erp.example.com"),
            Refusal(x, url, "\"https://h/?db=x\"", "7: odoo.url: must have neither a query nor a fragment"),
            Refusal(
                x, url, "\"http://erp.example.com\"",
                "7: odoo.url: http is for loopback only: say https, or insecure: true beside it to send "
                    + "orders unencrypted"
            ),
            Refusal(
                x, url, "\"http://127.0.0.1.example.com\"",
                "7: odoo.url: http is for loopback only: say https, or insecure: true beside it to send "
                    + "orders unencrypted"
            ),
            Refusal(
                x, "database: \"d\"", "create_at: \"shipped\"", "6: odoo.database: is missing",
                "7: odoo.create_at: \"shipped\" is none of received, validated, allocated"),
            Refusal(
                x, "database: \"d\"", "database: \"d\", requests_per_second: 0, max_concurrency: 0",
                "7: odoo.requests_per_second: must be a number from 0.01 to 10000.0",
                "7: odoo.max_concurrency: must be an integer from 1 to 256"),
            Refusal(x, key, "\"hunter2\"", "8: odoo.credentials.key: \(secretAdvice)"),
            Refusal(
                x, key, "{ env: \"hunter 2\" }",
                "8: odoo.credentials.key: env must be the name of an environment variable, not its value"),
            Refusal(
                x, "login: \"l\"", "login: \"l\\u0007\"",
                "8: odoo.credentials.login: must not contain control characters"),
            Refusal(
                x, "login: \"l\"", "password: \"hunter2\"", "8: odoo.credentials.login: is missing",
                "8: odoo.credentials.password: is no known key"),
        ]
    }()

    @Test(arguments: entities) func anEntityIsRefused(_ refusal: Refusal) throws { try check(refusal) }

    @Test func aLegalEntityOfTwoFilesIsRefusedAtTheSecond() throws {
        let fixture = try ConfigurationFixture()
        fixture.files["entities/y.json5"] = ConfigurationFixture.entity
        #expect(
            try fixture.problems() == ["entities/y.json5:2: legal_entity: \"X\" is taken already: entities/x.json5:2"])
    }

    @Test func everyProblemOfEveryFileIsTold() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit("entities/x.json5", "store: \"eu\"", "stor: \"eu\"")
        try fixture.edit("channels/m.json5", "\"/id\"", "7")
        try fixture.edit("sluice.json5", "kafka: {", "kafka: { grup: 1,")
        try fixture.edit("channels/a.json5", "topics: [\"t.a\"],", "topics: [\"t.a\"]\n  format: \"json\"")
        #expect(
            try fixture.problems() == [
                "sluice.json5:2: kafka.grup: is no known key; did you mean \"group\"?",
                "channels/a.json5:4: topics: a comma or \"}\" is expected here, found \"f\"",
                "channels/m.json5:5: fields.event_id: must be a text or an object, not a number",
                "entities/x.json5:1: store: is missing",
                "entities/x.json5:3: stor: is no known key; did you mean \"store\"?",
            ])
    }

    @Test func aHostileKeyCannotForgeALine() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit("channels/a.json5", "topics:", "\"x\\nsluice.json5:1: all is well\\u202e\": 1, topics:")
        #expect(
            try fixture.problems() == [
                "channels/a.json5:3: x\\u{a}sluice.json5:1: all is well\\u{202e}: is no known key"
            ])
    }

    @Test func aFloodOfProblemsIsCountedNotPrinted() throws {
        let fixture = try ConfigurationFixture()
        fixture.files["channels/a.json5"] = "{ channel: \"a\", topics: [" + String(repeating: "1,", count: 5000) + "] }"
        let lines = try fixture.problems()
        #expect(lines.count == ProblemList.maximumPerFile + 1)
        #expect(lines.last == "... and 4800 more problems")
    }

    private func check(_ refusal: Refusal) throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(refusal.file, refusal.old, refusal.new)
        let lines = try fixture.problems()
        #expect(lines == refusal.lines)
        #expect(!lines.joined().contains("hunter"), "a secret was repeated")
    }
}

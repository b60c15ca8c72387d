// Which of librdkafka's settings an operator may give (names and ranges: librdkafka 2.0.2, CONFIGURATION.md).
//
// A list of what is allowed, not of what is forbidden: a setting that a later librdkafka adds is refused until somebody
// has looked at it. What Sluice sets itself, what runs programs or loads code, and what would lose or skip records is
// refused with its reason.

enum KafkaOptions {
    /// What a setting's value must be.
    enum Kind: Sendable {
        case text
        case secret
        case flag
        case integer(ClosedRange<Int64>)
        case word([String])
    }

    struct Rule: Sendable {
        var kind: Kind
        var scope: KafkaOption.Scope = .both
    }

    static let allowed: [String: Rule] = [
        // Security.
        "security.protocol": Rule(kind: .word(["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])),
        "ssl.ca.location": Rule(kind: .text),
        "ssl.ca.pem": Rule(kind: .text),
        "ssl.certificate.location": Rule(kind: .text),
        "ssl.certificate.pem": Rule(kind: .text),
        "ssl.key.location": Rule(kind: .text),
        "ssl.key.pem": Rule(kind: .secret),
        "ssl.key.password": Rule(kind: .secret),
        "ssl.keystore.location": Rule(kind: .text),
        "ssl.keystore.password": Rule(kind: .secret),
        "ssl.crl.location": Rule(kind: .text),
        "ssl.cipher.suites": Rule(kind: .text),
        "ssl.curves.list": Rule(kind: .text),
        "ssl.sigalgs.list": Rule(kind: .text),
        "sasl.mechanism": Rule(kind: .text),
        "sasl.mechanisms": Rule(kind: .text),
        "sasl.username": Rule(kind: .text),
        "sasl.password": Rule(kind: .secret),
        "sasl.kerberos.service.name": Rule(kind: .text),
        "sasl.kerberos.principal": Rule(kind: .text),
        "sasl.kerberos.keytab": Rule(kind: .text),
        "sasl.kerberos.min.time.before.relogin": Rule(kind: .integer(0...86_400_000)),
        "sasl.oauthbearer.method": Rule(kind: .word(["oidc"])),
        "sasl.oauthbearer.client.id": Rule(kind: .text),
        "sasl.oauthbearer.client.secret": Rule(kind: .secret),
        "sasl.oauthbearer.scope": Rule(kind: .text),
        "sasl.oauthbearer.extensions": Rule(kind: .text),
        "sasl.oauthbearer.token.endpoint.url": Rule(kind: .text),
        // Connections.
        "client.rack": Rule(kind: .text),
        "broker.address.family": Rule(kind: .word(["any", "v4", "v6"])),
        "broker.address.ttl": Rule(kind: .integer(0...86_400_000)),
        "connections.max.idle.ms": Rule(kind: .integer(0...2_147_483_647)),
        "metadata.max.age.ms": Rule(kind: .integer(1...86_400_000)),
        "topic.metadata.refresh.interval.ms": Rule(kind: .integer(-1...3_600_000)),
        "reconnect.backoff.ms": Rule(kind: .integer(0...3_600_000)),
        "reconnect.backoff.max.ms": Rule(kind: .integer(0...3_600_000)),
        "socket.connection.setup.timeout.ms": Rule(kind: .integer(1000...2_147_483_647)),
        "socket.keepalive.enable": Rule(kind: .flag),
        "socket.nagle.disable": Rule(kind: .flag),
        "socket.receive.buffer.bytes": Rule(kind: .integer(0...100_000_000)),
        "socket.send.buffer.bytes": Rule(kind: .integer(0...100_000_000)),
        "socket.timeout.ms": Rule(kind: .integer(10...300_000)),
        // Fetching and group membership.
        "fetch.error.backoff.ms": Rule(kind: .integer(0...300_000), scope: .consumer),
        "fetch.max.bytes": Rule(kind: .integer(0...2_147_483_135), scope: .consumer),
        "fetch.min.bytes": Rule(kind: .integer(1...100_000_000), scope: .consumer),
        "fetch.wait.max.ms": Rule(kind: .integer(0...300_000), scope: .consumer),
        "max.partition.fetch.bytes": Rule(kind: .integer(1...1_000_000_000), scope: .consumer),
        "receive.message.max.bytes": Rule(kind: .integer(1000...2_147_483_647)),
        "session.timeout.ms": Rule(kind: .integer(1...3_600_000), scope: .consumer),
        "heartbeat.interval.ms": Rule(kind: .integer(1...3_600_000), scope: .consumer),
        "max.poll.interval.ms": Rule(kind: .integer(1...86_400_000), scope: .consumer),
        // Writing dead letters.
        "message.max.bytes": Rule(kind: .integer(1000...1_000_000_000)),
        "compression.type": Rule(kind: .word(["none", "gzip", "snappy", "lz4", "zstd"]), scope: .producer),
        "compression.level": Rule(kind: .integer(-1...12), scope: .producer),
    ]

    private static let setBySluice = "is set by Sluice"

    static let refused: [String: String] = [
        "bootstrap.servers": "\(setBySluice); say kafka.brokers",
        "metadata.broker.list": "\(setBySluice); say kafka.brokers",
        "group.id": "\(setBySluice); say kafka.group",
        "group.instance.id": "\(setBySluice); say kafka.instance_id",
        "client.id": setBySluice,
        "enable.auto.commit": "\(setBySluice): offsets are committed behind committed work only",
        "auto.commit.enable": "\(setBySluice): offsets are committed behind committed work only",
        "auto.commit.interval.ms": "\(setBySluice): offsets are committed behind committed work only",
        "enable.auto.offset.store": "\(setBySluice): offsets are committed behind committed work only",
        "offset.store.method": "\(setBySluice): offsets are kept by the brokers",
        "auto.offset.reset": "\(setBySluice): a new group begins with the first record, so that none is skipped",
        "partition.assignment.strategy": "\(setBySluice): partitions move one by one",
        "enable.partition.eof": setBySluice,
        "isolation.level": "\(setBySluice): an aborted transaction's records never happened",
        "check.crcs": "\(setBySluice): records are always checked",
        "queued.min.messages": "\(setBySluice) from budgets.process",
        "queued.max.messages.kbytes": "\(setBySluice) from budgets.process",
        "fetch.message.max.bytes": "has another name: say max.partition.fetch.bytes",
        "statistics.interval.ms": "\(setBySluice): metrics need it",
        "allow.auto.create.topics": "\(setBySluice): a misspelt topic must not come into being",
        "enable.idempotence": "\(setBySluice): dead letters are not written twice",
        "acks": "\(setBySluice): dead letters wait for all replicas",
        "request.required.acks": "\(setBySluice): dead letters wait for all replicas",
        "transactional.id": "\(setBySluice)",
        "message.timeout.ms": setBySluice,
        "delivery.timeout.ms": setBySluice,
        "linger.ms": "\(setBySluice); the linger of batches is the key linger",
        "enabled_events": setBySluice,
        "log_level": setBySluice,
        "log.queue": setBySluice,
        "debug": "is refused: it writes keys and credentials into the log",
        "plugin.library.paths": "is refused: it loads code into the process",
        "interceptors": "is refused: it loads code into the process",
        "ssl.engine.location": "is refused: it loads code into the process",
        "ssl.engine.id": "is refused: it loads code into the process",
        "ssl.providers": "is refused: it loads code into the process",
        "sasl.kerberos.kinit.cmd": "is refused: it runs a program; keep the ticket fresh outside of Sluice",
        "enable.ssl.certificate.verification": "is refused: certificates are always verified",
        "ssl.endpoint.identification.algorithm": "is refused: the broker's name is always verified",
        "enable.sasl.oauthbearer.unsecure.jwt": "is refused: such tokens prove nothing",
        "sasl.oauthbearer.config": "is refused: such tokens prove nothing; say sasl.oauthbearer.method: \"oidc\"",
        "builtin.features": "is refused: it describes the library",
        "topic.blacklist": "is refused: it hides topics; a channel lists what it reads",
    ]

    /// Why `name` may not be given, or nil.
    static func refusal(of name: String) -> String? {
        if allowed[name] != nil { return nil }
        if let reason = refused[name] { return reason }
        if name.hasPrefix("test.mock.") { return "is refused: it is for tests" }
        let known = allowed.keys.sorted()
        return "is not among the settings that Sluice passes on" + NearestName.suggestion(for: name, among: known)
    }

    /// The value as librdkafka reads it, or what is wrong with it.
    ///
    /// A secret's value is never repeated.
    static func value(of node: ConfigNode, _ kind: Kind) -> (value: String?, fault: String?) {
        let text: String
        switch node.value {
        case .text(let given): text = given
        case .flag(let flag): text = flag ? "true" : "false"
        case .number(let number):
            guard let integer = number.integer else { return (nil, "must be a text, a flag or an integer") }
            text = String(integer)
        default: return (nil, "must be a text, a flag or an integer, not \(node.kindName)")
        }
        guard !text.isEmpty, !text.utf8.contains(0) else { return (nil, "must not be empty") }
        switch kind {
        case .text: return (text, nil)
        case .secret: return (nil, SecretShape.advice)
        case .flag:
            return ["true", "false"].contains(text) ? (text, nil) : (nil, "must be true or false")
        case .integer(let range):
            guard let integer = Int64(text), range.contains(integer) else {
                return (nil, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
            }
            return (String(integer), nil)
        case .word(let words):
            if words.contains(text.lowercased()) { return (text.lowercased(), nil) }
            return (nil, "must be one of \(words.joined(separator: ", "))")
        }
    }
}

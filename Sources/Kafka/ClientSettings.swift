internal import CLibrdkafka

/// The settings of a client: librdkafka's own names and values, later ones winning.
public struct ClientSettings: Sendable {
    /// Names and values in the order in which they are given to the library.
    public private(set) var pairs: [(name: String, value: String)]

    /// Settings with these pairs.
    public init(_ pairs: KeyValuePairs<String, String> = [:]) {
        self.pairs = pairs.map { (name: $0.key, value: $0.value) }
    }

    /// Sets `name`, replacing what it was.
    public mutating func set(_ name: String, _ value: String) {
        if let index = pairs.firstIndex(where: { $0.name == name }) {
            pairs[index].value = value
        } else {
            pairs.append((name: name, value: value))
        }
    }

    /// Leaves `name` to the library's default.
    public mutating func remove(_ name: String) { pairs.removeAll { $0.name == name } }

    /// The value of `name`, or nil.
    public subscript(_ name: String) -> String? { pairs.last { $0.name == name }?.value }

    /// Whether librdkafka would take `name` with `value`; nil when it does, else what is wrong.
    ///
    /// Offline and cheap: for checking a configuration before a client is made of it.
    public static func problem(with name: String, _ value: String) -> KafkaError? {
        let conf = unsafe rd_kafka_conf_new()
        defer { unsafe rd_kafka_conf_destroy(conf) }
        return unsafe set(name, value, in: conf)
    }

    /// A configuration object of the library, which the caller owns until `rd_kafka_new` succeeds.
    func makeConfiguration() throws(KafkaError) -> OpaquePointer {
        guard let conf = unsafe rd_kafka_conf_new() else {
            throw KafkaError(.invalidArgument, "creating a configuration")
        }
        for pair in pairs {
            if let problem = unsafe Self.set(pair.name, pair.value, in: conf) {
                unsafe rd_kafka_conf_destroy(conf)
                throw problem
            }
        }
        return unsafe conf
    }

    private static func set(_ name: String, _ value: String, in conf: OpaquePointer?) -> KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let result = unsafe rd_kafka_conf_set(conf, name, value, &text, text.count)
        if result == RD_KAFKA_CONF_OK { return nil }
        // The library's text repeats the value, which may be a secret: only the name is told.
        let reason = result == RD_KAFKA_CONF_UNKNOWN ? "no such setting" : "value refused"
        return KafkaError(.invalidArgument, "setting \(name)", detail: reason)
    }
}

/// Creates a client of `kind`; `configure` adds callbacks to the configuration before.
///
/// The configuration object belongs to the library once `rd_kafka_new` succeeds and to us when it fails.
func makeClient(
    _ kind: rd_kafka_type_t, _ settings: ClientSettings, configure: (OpaquePointer) -> Void
) throws(KafkaError) -> OpaquePointer {
    let conf = try unsafe settings.makeConfiguration()
    unsafe configure(conf)
    var text = [CChar](repeating: 0, count: 512)
    guard let handle = unsafe rd_kafka_new(kind, conf, &text, text.count) else {
        unsafe rd_kafka_conf_destroy(conf)
        throw KafkaError(.invalidArgument, "creating a client", detail: words(text))
    }
    return unsafe handle
}

/// What the library wrote into `text`: up to the first NUL.
func words(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

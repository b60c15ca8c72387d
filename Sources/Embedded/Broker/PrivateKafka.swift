internal import Foundation
internal import Kafka

/// A real Apache Kafka of our own: one broker and controller, a temporary folder, free loopback ports.
final class PrivateKafka: Sendable {
    /// How often another pair of ports is tried when one was taken meanwhile.
    static let attempts = 3
    /// How long a start may take.
    static let startBound = Duration.seconds(60)

    /// A user who comes by a listener of its own and may do what ACLs say; who comes by the other may do everything.
    struct Guarded {
        let user: String
        let password: String
    }

    let bootstrapServer: String
    /// Where the guarded user comes (SASL PLAIN, not encrypted); nil without one.
    let guardedServer: String?
    private let process: SupervisedProcess

    /// Formats the folder, starts the broker and waits until it answers.
    init(home: String, guarded: Guarded? = nil) throws(BrokerError) {
        let server = "\(home)/bin/kafka-server-start.sh"
        guard FileManager.default.isExecutableFile(atPath: server) else {
            throw BrokerError("KAFKA_HOME is \(home), but there is no bin/kafka-server-start.sh in it")
        }
        var failure = BrokerError("not started")
        for _ in 0..<Self.attempts {
            do throws(BrokerError) {
                let (ports, process) = try Self.start(home: home, server: server, guarded)
                bootstrapServer = "127.0.0.1:\(ports[0])"
                guardedServer = guarded.map { _ in "127.0.0.1:\(ports[2])" }
                self.process = process
                return
            } catch {
                failure = error
            }
        }
        throw failure
    }

    func stop() { process.stop() }

    private static func start(
        home: String, server: String, _ guarded: Guarded?
    ) throws(BrokerError) -> (ports: [Int], SupervisedProcess) {
        let ports = try freeLoopbackPorts(3)
        let folder = NSTemporaryDirectory() + "sluice-kafka-\(UUID().uuidString)"
        let properties = "\(folder)/server.properties"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            try Self.properties(ports: ports, folder: folder, guarded).write(
                toFile: properties, atomically: false, encoding: .utf8)
        } catch {
            throw BrokerError("cannot write to \(folder)")
        }
        // Formatting and serving in one supervised command: whatever happens, the folder goes.
        let command = """
            cluster=$("$1/bin/kafka-storage.sh" random-uuid) && \
            "$1/bin/kafka-storage.sh" format --standalone -t "$cluster" -c "$2" && \
            exec "$1/bin/kafka-server-start.sh" "$2"
            """
        let process = try SupervisedProcess(
            ["/bin/sh", "-c", command, "kafka", home, properties], folder: folder)
        do throws(KafkaError) {
            let admin = try Admin(
                ClientSettings([
                    "bootstrap.servers": "127.0.0.1:\(ports[0])", "reconnect.backoff.max.ms": "250",
                ]))
            let end = ContinuousClock.now.advanced(by: startBound)
            while ContinuousClock.now < end, process.isRunning {
                if admin.waitForBrokers(within: .seconds(1)) { return (ports, process) }
            }
        } catch {
            throw BrokerError(error.description)
        }
        let console = (try? String(contentsOfFile: "\(folder)/console.log", encoding: .utf8)) ?? ""
        process.stop()
        throw BrokerError("Kafka did not start: \(console.split(separator: "\n").suffix(3).joined(separator: " | "))")
    }

    /// One broker that is its own controller, with few and small internal topics so that it starts fast.
    private static func properties(ports: [Int], folder: String, _ guarded: Guarded?) -> String {
        let listeners =
            "PLAINTEXT://127.0.0.1:\(ports[0]),CONTROLLER://127.0.0.1:\(ports[1])"
            + (guarded == nil ? "" : ",GUARDED://127.0.0.1:\(ports[2])")
        return """
            process.roles=broker,controller
            node.id=1
            controller.quorum.bootstrap.servers=127.0.0.1:\(ports[1])
            controller.listener.names=CONTROLLER
            listeners=\(listeners)
            advertised.listeners=\(listeners)
            listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT
            log.dirs=\(folder)/data
            num.partitions=4
            auto.create.topics.enable=false
            offsets.topic.replication.factor=1
            offsets.topic.num.partitions=4
            transaction.state.log.replication.factor=1
            transaction.state.log.min.isr=1
            transaction.state.log.num.partitions=4
            share.coordinator.state.topic.replication.factor=1
            share.coordinator.state.topic.min.isr=1
            group.initial.rebalance.delay.ms=0
            log.segment.bytes=67108864
            \(guarded.map(authorization) ?? "")

            """
    }

    private static func authorization(_ guarded: Guarded) -> String {
        """
        authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
        super.users=User:ANONYMOUS
        listener.name.guarded.sasl.enabled.mechanisms=PLAIN
        listener.name.guarded.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
        user_\(guarded.user)="\(guarded.password)";
        """
    }
}

/// Loopback ports that nobody listens on now.
///
/// Somebody may take one before it is used: then try again.
func freeLoopbackPorts(_ count: Int) throws(BrokerError) -> [Int] {
    var sockets: [Int32] = []
    // All are held open until the end, so that they differ.
    defer { for socket in sockets { close(socket) } }
    var ports: [Int] = []
    for _ in 0..<count {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BrokerError("no socket: error \(errno)") }
        sockets.append(descriptor)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard isBound else { throw BrokerError("no free port: error \(errno)") }
        ports.append(Int(UInt16(bigEndian: address.sin_port)))
    }
    return ports
}

internal import CLibrdkafka
internal import Synchronization

/// A line of librdkafka's own log.
public struct ClientLogLine: Equatable, Sendable {
    /// Syslog level, from 0 (emergency) to 7 (debug).
    public let level: Int
    /// The part of the library, such as `FAIL` or `REBALANCE`.
    public let facility: String
    /// The text: brokers, topics and states; no record content.
    public let text: String
}

/// Something that a consumer tells beside records.
///
/// Delivered by `Consumer.takeEvents`, in sequence.
public enum ConsumerEvent: Sendable {
    /// The group gave these partitions. Answer with `Consumer.assign` (an empty list first if offsets are not known
    /// yet).
    case assigned([TopicPartition])
    /// The group asks for these partitions back. They stay ours until `Consumer.unassign` answers.
    case revoked([TopicPartition])
    /// These partitions are already somebody else's: nothing may be committed for them. Answer with `unassign`.
    case lost([TopicPartition])
    /// The batch that begins at this offset cannot be read: a checksum, a compression, a size. It comes again and
    /// again, or what is behind it comes next; how far the batch reaches nothing tells.
    case unreadable(PartitionOffset, KafkaError)
    /// There is nothing behind this offset for now.
    case reachedEnd(PartitionOffset)
    /// A partition cannot be read at all (unknown topic, no right); the library keeps trying.
    case partitionFailed(TopicPartition, KafkaError)
    /// The client as a whole has a trouble; the library keeps trying unless the error is fatal.
    case clientFailed(KafkaError)
    /// An asynchronous commit ended: what was to be committed, and the error, if any, of each.
    case committed([PartitionOffset], KafkaError?)
    /// Statistics as JSON, when `statistics.interval.ms` is set.
    case statistics(String)
}

/// What all callbacks of one client write to.
///
/// The library holds it unretained; the client's owner outlives the handle.
///
/// Log lines come from any of the library's threads; everything else from the thread that polls, but under the same
/// lock.
final class ClientEvents: Sendable {
    /// How many log lines wait at most; more are counted and dropped.
    static let maximumLogLines = 64
    /// How many other events wait at most.
    ///
    /// Rebalance events are never dropped: there is one at a time.
    static let maximumEvents = 4096

    private struct State {
        var events: [ConsumerEvent] = []
        var lines: [ClientLogLine] = []
        var dropped = 0
        /// While closing, whatever is revoked is given back at once.
        var isClosing = false
        var hasBeenAssigned = false
    }

    private let state = Mutex(State())
    /// Where a producer keeps its delivery reports: the callbacks of a client share one opaque pointer.
    let deliveries = Mutex<Deliveries?>(nil)

    /// Tells that the next rebalance callback is part of closing.
    func beginClosing() { state.withLock { $0.isClosing = true } }

    var isClosing: Bool { state.withLock { $0.isClosing } }

    /// Notes that the group has given an assignment.
    func noteAssignment() { state.withLock { $0.hasBeenAssigned = true } }

    var hasBeenAssigned: Bool { state.withLock { $0.hasBeenAssigned } }

    func append(_ event: ConsumerEvent) {
        state.withLock { state in
            if state.events.count >= Self.maximumEvents {
                switch event {
                case .assigned, .revoked, .lost, .unreadable: break
                default:
                    state.dropped += 1
                    return
                }
            }
            state.events.append(event)
        }
    }

    func append(_ line: ClientLogLine) {
        state.withLock { state in
            if state.lines.count >= Self.maximumLogLines {
                state.dropped += 1
            } else {
                state.lines.append(line)
            }
        }
    }

    func takeEvents() -> [ConsumerEvent] {
        state.withLock { state in
            if state.events.isEmpty { return [] }
            defer { state.events = [] }
            return state.events
        }
    }

    func takeLines() -> (lines: [ClientLogLine], dropped: Int) {
        state.withLock { state in
            defer {
                state.lines = []
                state.dropped = 0
            }
            return (state.lines, state.dropped)
        }
    }

    /// Registers the callbacks that every client has.
    ///
    /// `rd_kafka_conf_set_opaque` is one slot for all of them.
    func register(in conf: OpaquePointer) {
        unsafe rd_kafka_conf_set_opaque(conf, Unmanaged.passUnretained(self).toOpaque())
        unsafe rd_kafka_conf_set_log_cb(conf) { handle, level, facility, text in
            guard let events = unsafe clientEvents(rd_kafka_opaque(handle)) else { return }
            events.append(
                ClientLogLine(
                    level: Int(level), facility: unsafe facility.map { unsafe String(cString: $0) } ?? "",
                    text: unsafe text.map { unsafe String(cString: $0) } ?? ""))
        }
        unsafe rd_kafka_conf_set_error_cb(conf) { handle, code, reason, opaque in
            guard let events = unsafe clientEvents(opaque) else { return }
            let code = rd_kafka_resp_err_t(Int32(code))
            let text = unsafe reason.map { unsafe String(cString: $0) } ?? ""
            events.append(
                .clientFailed(
                    KafkaError(
                        code, "talking to the brokers", detail: text, isFatal: code == RD_KAFKA_RESP_ERR__FATAL)))
        }
    }
}

/// The events object behind an opaque pointer of a callback.
func clientEvents(_ opaque: UnsafeMutableRawPointer?) -> ClientEvents? {
    guard let opaque = unsafe opaque else { return nil }
    return unsafe Unmanaged<ClientEvents>.fromOpaque(opaque).takeUnretainedValue()
}

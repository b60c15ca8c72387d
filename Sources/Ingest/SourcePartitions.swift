internal import Synchronization

/// A partition of a topic that records come from.
public struct SourcePartition: Hashable, Sendable {
    /// Name of the topic.
    public var topic: String
    /// Number of the partition.
    public var partition: Int32

    /// The partition `partition` of `topic`.
    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// The process's table of source partitions: small indexes instead of names on the data path.
///
/// Shared by all threads. Grows only, when a partition is assigned for the first time, so an index stays true.
public final class SourcePartitions: Sendable {
    private struct State {
        var rows: [SourcePartition] = []
        var indexes: [SourcePartition: Int32] = [:]
    }

    private let state = Mutex(State())

    /// An empty table.
    public init() {}

    /// The index of a partition, which is added when it is new.
    public func index(of source: SourcePartition) -> Int32 {
        state.withLock { state in
            if let index = state.indexes[source] { return index }
            let index = Int32(state.rows.count)
            state.rows.append(source)
            state.indexes[source] = index
            return index
        }
    }

    /// The partition with this index; nil for an index that was never given.
    public subscript(index: Int32) -> SourcePartition? {
        state.withLock { $0.rows.indices.contains(Int(index)) ? $0.rows[Int(index)] : nil }
    }

    /// All partitions seen so far, in index order.
    public var all: [SourcePartition] { state.withLock { $0.rows } }
}

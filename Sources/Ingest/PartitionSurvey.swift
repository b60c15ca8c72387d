/// How a partition that is read is doing, as of one look.
public struct PartitionSurvey: Sendable {
    /// The topic.
    public var topic: String
    /// The partition within it.
    public var partition: Int32
    /// Offsets behind the log.
    public var lagRecords: Double
    /// Age of the oldest record that was not committed, in seconds.
    public var lagSeconds: Double
    /// How it moves: a word of `sluice_consumer_partition_status`.
    public var status: String
}

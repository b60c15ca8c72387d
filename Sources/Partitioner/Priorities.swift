public import OrderEvents

/// Which priority an event has: that of the routing rule that took it, else that of its channel.
///
/// Immutable and shared by all threads.
public struct Priorities: Sendable {
    /// By channel: the channel's own, then those of its rules.
    private let ranks: [[Priority]]
    /// Whether anything is other than normal: if not, lanes have one queue instead of three.
    let isUsed: Bool

    /// Everything is normal.
    public static let none = Priorities([])

    /// `channels`, by their index: the channel's priority, and those of its rules by theirs; nil: the channel's.
    public init(_ channels: [(priority: Priority, rules: [Priority?])]) {
        ranks = channels.map { channel in [channel.priority] + channel.rules.map { $0 ?? channel.priority } }
        isUsed = ranks.contains { $0.contains { $0 != .normal } }
    }

    /// The priority of an event.
    func priority(of event: borrowing OrderEvent) -> Priority {
        let channel = Int(event.channel)
        guard ranks.indices.contains(channel) else { return .normal }
        let rule = Int(event.rule) + 1
        return ranks[channel].indices.contains(rule) ? ranks[channel][rule] : ranks[channel][0]
    }
}

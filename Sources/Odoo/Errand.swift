public import OrderEvents
internal import Synchronization

/// What a call is made for: how soon it has to go, which trace it belongs to, and whether it is still wanted.
///
/// Calls find theirs by `current`, which tasks inherit; so whoever visits Odoo says once what it is about.
public final class Errand: Sendable {
    /// How soon calls have to go.
    public enum Urgency: Int, CaseIterable, Comparable, Sendable {
        /// Cancellations and holds: before all others.
        case critical
        /// New orders, releases, dispatch.
        case urgent
        /// Invoices, notes, closing, look-ups.
        case usual
        /// Replays, backfills, reconciliation.
        case whenever

        /// Whether `left` goes first.
        public static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
    }

    /// The errand of this task; nil: nobody said.
    @TaskLocal public static var current: Errand?

    /// The most urgent that its calls are.
    public let urgency: Urgency
    /// The trace of what it is to tell Odoo of; nil: none is known.
    public let trace: TraceContext?
    private let superseded = Mutex(false)

    /// An errand that is wanted.
    public init(_ urgency: Urgency, trace: TraceContext? = nil) {
        self.urgency = urgency
        self.trace = trace
    }

    /// What it was to bring about is no longer what is true: no further call is made for it.
    ///
    /// Calls under way go on.
    public func supersede() { superseded.withLock { $0 = true } }

    /// Whether no further call is to be made.
    public var isSuperseded: Bool { superseded.withLock { $0 } }

    /// What a call of the task's errand has in its head beside the protocol's: `traceparent`, where a trace is known.
    ///
    /// `span`: gives the call a number of its own, at random.
    static func headers(span: () -> UInt64) -> [(name: String, value: String)] {
        guard let trace = current?.trace else { return [] }
        return [("traceparent", trace.child(span: span()).traceparent)]
    }

    /// A number for a call, as the product takes it.
    public static let randomSpan: @Sendable () -> UInt64 = { UInt64.random(in: 1...UInt64.max) }
}

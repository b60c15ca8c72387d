import OrderEvents
import Orders

// How values of the vocabulary look in the store.

/// What is due first at a destination.
///
/// Raw values are stored.
enum DeliveryClass: Int16, Sendable {
    case urgent = 0
    case usual = 1
    case whenever = 2

    /// Cancellations, new orders, holds and dispatch; then invoices and notes; closing last.
    init(of state: CanonicalState?) {
        switch state {
        case .cancelled, .onHold: self = .urgent
        case .closed, .invoiced: self = .whenever
        default: self = .usual
        }
    }
}

extension StatusWord? {
    /// 0: none, 1...9: the state's raw value, 10: release.
    var storedValue: Int16 {
        switch self {
        case .none: 0
        case .state(let state): Int16(state.rawValue)
        case .release: 10
        }
    }
}

extension SourcePosition {
    /// The record's timestamp, if PostgreSQL has room for it: any producer can write any number there, and no order
    /// event is refused for it.
    var storableLoggedAt: Timestamp? {
        guard let loggedAt, (-62_135_596_800_000_000...253_402_214_400_000_000).contains(loggedAt.microseconds) else {
            return nil
        }
        return loggedAt
    }
}

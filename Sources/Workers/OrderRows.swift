import OrderEvents
import Orders
internal import Postgres
internal import Store

/// The orders of one batch as `ApplyStatements.writeOrders` takes them; keeps its memory between batches.
struct OrderRows: Sendable {
    private var revisions = Int64Array()
    private var versions = Int64Array()
    private var since = TimestampArray()
    private var states = Int16Array()
    private var entities = TextArray()
    private var refs = TextArray()
    private var documents = TextArray()
    private var document: [UInt8] = []
    private var told = Int16Array()
    /// How urgent the delivery of each is.
    private(set) var classes: [DeliveryClass] = []

    mutating func removeAll() {
        revisions.removeAll()
        versions.removeAll()
        since.removeAll()
        states.removeAll()
        entities.removeAll()
        refs.removeAll()
        documents.removeAll()
        told.removeAll()
        classes.removeAll(keepingCapacity: true)
    }

    /// Adds a row; called by `OrderCell.append`, which lends the order without a copy.
    ///
    /// `delivers`: the backlog is to know that the order is behind.
    mutating func append(_ order: borrowing Order, entity: String, ref: String, delivers: Bool) {
        revisions.append(order.revision)
        versions.append(order.version)
        let state = order.state
        if let state, let time = order.time(of: state) {
            since.append(microsecondsSinceUnixEpoch: time.microseconds)
        } else {
            since.appendNull()
        }
        states.append(Int16(state?.rawValue ?? 0))
        entities.append(entity)
        refs.append(ref)
        document.removeAll(keepingCapacity: true)
        order.writeDocument(to: &document)
        documents.append(bytes: document)
        let urgency = DeliveryClass(of: state)
        classes.append(urgency)
        if delivers { told.append(urgency.rawValue) } else { told.appendNull() }
    }

    /// Puts the rows in the place of what `parameters` had.
    func fill(_ parameters: inout Parameters, _ now: Timestamp) {
        parameters.removeAll()
        parameters.array(revisions)
        parameters.array(versions)
        parameters.timestamp(microsecondsSinceUnixEpoch: now.microseconds)
        parameters.array(since)
        parameters.array(states)
        parameters.array(entities)
        parameters.array(refs)
        parameters.array(documents)
        parameters.array(told)
    }
}

/// What a value of a document becomes.
enum MappedTarget: UInt8, Sendable {
    // Of the event.
    case eventID, orderRef, legalEntity, warehouse, status, milestone, occurredAt, sequence, currency, total
    case customerRef, customerName, customerGroup
    // Of a CloudEvent, beside its mapping.
    case specVersion, source, traceparent, dataStatus, dataMilestone, binaryData
    // The name by which the event finds its order, and its other names.
    case orderKind, orderIssuer, orderValue
    case nameKind, nameIssuer, nameValue
    // Of a line of the order; of a line of a fact.
    case line, sku, quantity, unitPrice, tax
    case factLine, factSku, factQuantity, factBackordered, factExpected
    // Of a fact.
    case shipmentRef, shipmentCarrier, shipmentTracking, invoiceRef, paymentRef, paymentStatus, paymentAmount
    case cancellationReason, holdReason
    // Arrays, whose elements have a plan of their own.
    case names, lines, allocation, shipments, shipmentLines, invoices, invoiceLines, payments, cancellationLines
    /// What a routing rule looks at.
    case probe
}

/// A mapping that is ready for use: the pointers of all fields as one tree, so that one walk finds them.
///
/// Worked example: `/id`, `/buyer/id`, `/buyer/name` become a root with the children `id` and `buyer`, the latter with
/// `id` and `name`; the walk steps over everything that is no child. The elements of an array have a root of their own.
/// A class, so that handing it down the walk is handing down one pointer.
final class MappingPlan: Sendable {
    /// A place in the documents.
    struct Node: Sendable {
        /// Its readings are those from here on.
        var firstReading: UInt16 = 0
        var readings: UInt8 = 0
        /// Number among its siblings, for finding members that come twice; 64 and more are found another way.
        var ordinal: UInt8 = 0
        /// Whether there are wanted members, or elements, below.
        var hasMembers = false
        /// Its wanted elements are those from here on.
        var firstElement: UInt16 = 0
        var elements: UInt16 = 0
    }

    /// What is done with the value at a place.
    struct Reading: Sendable {
        var target: MappedTarget
        var format: FieldFormat?
        /// The look-up table; -1: none.
        var table: Int16 = -1
        /// Of an array the root of its elements, of another name its place or `inArray`, of a probe its subject.
        var index: UInt16 = 0
        /// Where the pointer is, for messages.
        var pointer: UInt16 = 0
    }

    /// What stands for an absent value, or for a value that the documents do not have.
    struct Fallback: Sendable {
        var target: MappedTarget
        var index: UInt16 = 0
        var text: UInt16 = 0
        var decimal: ExactDecimal?
        var status: StatusWord?
        var milestone: Milestone?
        var kind: ReferenceKind?
        var payment: PaymentStatus?
    }

    /// `index` of the fields of a name that comes from an array.
    static let inArray = UInt16.max
    /// Index of the node that stands for the whole document.
    static let root = 0
    /// Most places that one channel's pointers may name.
    static let maximumNodes = 4096

    let nodes: [Node]
    let readings: [Reading]
    /// Wanted elements: of the array at a node, which element, and its node.
    let elements: [(element: Int, node: UInt16)]
    /// Members of all nodes: the scope is the node, the value the child.
    let members: WordTable
    /// By root of an element, or of the document: what stands for absent values.
    let fallbacks: [[Fallback]]
    /// The constants that fallbacks and look-up tables give.
    let constants: [[UInt8]]
    let tables: [ValueTable]
    /// Kinds and issuers of the other names that stand once in a document.
    let names: [ReferenceKind]
    let pointers: [String]
    let statuses: WordTable
    let milestones: WordTable
    let hasOwnWords: Bool
    let isCloudEvent: Bool
    /// Whether a CloudEvent's identity is that of the standard, its source and its id.
    let hasStandardID: Bool

    /// Where the required fields are expected, for messages.
    let required: (eventID: String, orderRef: String, legalEntity: String, occurredAt: String, status: String)

    init(_ mapping: Mapping, routes: RoutePlan?, isCloudEvent: Bool = false) {
        let own = mapping
        let mapping = isCloudEvent ? Mapping.cloudEvents.overlaid(by: own) : own
        self.isCloudEvent = isCloudEvent
        hasStandardID = isCloudEvent && own[.event, .eventID] == nil
        hasOwnWords = !mapping.statuses.isEmpty || !mapping.milestones.isEmpty
        // Sorted, so that the tables do not depend on the dictionaries' order.
        statuses = WordTable(
            mapping.statuses.sorted { $0.key < $1.key }.map { ($0.key, CanonicalWords.value(of: $0.value)) })
        milestones = WordTable(mapping.milestones.sorted { $0.key < $1.key }.map { ($0.key, $0.value.rawValue) })
        func place(_ field: MappedField, _ otherwise: String) -> String {
            mapping[.event, field]?.at?.text ?? otherwise
        }
        let orderRef = mapping[.reference, .value]?.at?.text ?? "/order_ref"
        required = (
            place(.eventID, "/event_id"), place(.orderRef, orderRef), place(.legalEntity, "/legal_entity"),
            place(.occurredAt, "/occurred_at"), place(.status, place(.milestone, "/status"))
        )
        var builder = Builder(mapping)
        builder.add(isCloudEvent: isCloudEvent, own: own)
        if let routes { builder.add(routes) }
        var nodes: [Node] = []
        var readings: [Reading] = []
        var elements: [(element: Int, node: UInt16)] = []
        var entries: [WordTable.Entry] = []
        for (index, place) in builder.nodes.enumerated() {
            var node = place.node
            node.firstReading = UInt16(truncatingIfNeeded: readings.count)
            node.readings = UInt8(truncatingIfNeeded: place.readings.count)
            node.hasMembers = !place.children.isEmpty
            node.firstElement = UInt16(truncatingIfNeeded: elements.count)
            readings += place.readings
            for (word, child) in place.children {
                if let element = JSONPointer.elementIndex(word) { elements.append((element, child)) }
                entries.append(
                    WordTable.Entry(word: word, value: child, scope: UInt16(truncatingIfNeeded: index)))
            }
            node.elements = UInt16(truncatingIfNeeded: elements.count) &- node.firstElement
            nodes.append(node)
        }
        self.nodes = nodes
        self.readings = readings
        self.elements = elements
        members = WordTable(entries)
        fallbacks = builder.nodes.map(\.fallbacks)
        constants = builder.constants
        tables = builder.tables
        names = builder.names
        pointers = builder.pointers
    }

    /// The node for an element of the array at `node`, if it is wanted.
    func child(of node: Node, element: Int) -> Int? {
        for index in Int(node.firstElement)..<Int(node.firstElement) + Int(node.elements)
        where elements[index].element == element {
            return Int(elements[index].node)
        }
        return nil
    }

    /// Where `reading` stands, as the configuration wrote it.
    func pointer(_ reading: Reading) -> String { pointers[Int(reading.pointer)] }
}

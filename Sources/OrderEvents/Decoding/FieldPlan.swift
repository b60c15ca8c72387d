/// A field of an order event that a mapping can name.
///
/// The raw value is the field's bit in a `FieldSet`.
enum MappedField: UInt8, CaseIterable {
    case eventID, orderRef, legalEntity, warehouse, status, occurredAt, sequence, currency, total, customerRef
    case customerName, lines
    case line, sku, quantity, unitPrice, tax
}

/// A set of fields.
struct FieldSet: Sendable {
    private(set) var bits: UInt32 = 0

    var count: Int { bits.nonzeroBitCount }
    var first: MappedField? { MappedField(rawValue: UInt8(truncatingIfNeeded: bits.trailingZeroBitCount)) }
    mutating func insert(_ field: MappedField) { bits |= 1 << UInt32(field.rawValue) }
    func contains(_ field: MappedField) -> Bool { bits & (1 << UInt32(field.rawValue)) != 0 }
}

/// The pointers of a mapping as a tree, so that one walk over a document finds all fields.
///
/// Worked example: `/id`, `/buyer/id`, `/buyer/name` become a root with the children `id` and `buyer`, the latter with
/// `id` and `name`; the walk steps over everything that is no child.
struct FieldPlan: Sendable {
    /// A place in the documents.
    struct Node: Sendable {
        /// Fields that have the value at this place.
        var fields = FieldSet()
        /// Wanted members by name: index into `children`.
        var members = WordTable([])
        /// Wanted elements when the value is an array: element and index into `children`.
        var elements: [(element: Int, child: UInt8)] = []
        /// The nodes below.
        var children: [Int] = []
    }

    private(set) var nodes: [Node] = [Node()]
    /// Pointers by raw value of their field, for messages.
    private var pointers: [String] = Array(repeating: "", count: MappedField.allCases.count)

    /// Index of the node that stands for the whole document.
    static let root = 0

    /// The plan for `fields`; a field may be named once.
    init(_ fields: [(MappedField, JSONPointer?)]) {
        var steps: [[String]] = [[]]
        for case (let field, let pointer?) in fields {
            var node = Self.root
            for step in pointer.steps { node = child(of: node, step, &steps) }
            nodes[node].fields.insert(field)
            pointers[Int(field.rawValue)] = pointer.text
        }
        for index in nodes.indices {
            let words = steps[index].enumerated().map { (word: $1, value: UInt8(truncatingIfNeeded: $0)) }
            nodes[index].members = WordTable(words)
            for (word, value) in words {
                if let element = JSONPointer.elementIndex(word) { nodes[index].elements.append((element, value)) }
            }
        }
    }

    private mutating func child(of node: Int, _ step: String, _ steps: inout [[String]]) -> Int {
        let bytes = Array(step.utf8)
        if let known = steps[node].firstIndex(where: { Array($0.utf8) == bytes }) { return nodes[node].children[known] }
        steps[node].append(step)
        nodes[node].children.append(nodes.count)
        nodes.append(Node())
        steps.append([])
        return nodes.count - 1
    }

    /// The node for an element of the array at `node`, if it is wanted.
    func child(of node: Int, element: Int) -> Int? {
        for entry in nodes[node].elements where entry.element == element {
            return nodes[node].children[Int(entry.child)]
        }
        return nil
    }

    /// Where `field` stands, as the configuration wrote it.
    func pointer(_ field: MappedField) -> String { pointers[Int(field.rawValue)] }
}

/// A mapping that is ready for use.
struct MappingPlan: Sendable {
    /// Fields of the document.
    let document: FieldPlan
    /// Fields of one element of the lines.
    let line: FieldPlan
    /// Channel's words, by raw value of the state; `release` by the value that `CanonicalWords` gives it.
    let statuses: WordTable
    /// Channel's words, by raw value of the milestone.
    let milestones: WordTable
    /// The legal entity of every record, when it is no field.
    let legalEntity: [UInt8]?
    /// The warehouse of every record, when it is no field.
    let warehouse: [UInt8]?

    init(_ mapping: Mapping) {
        func pointer(_ source: FieldSource?) -> JSONPointer? {
            if case .pointer(let pointer) = source { pointer } else { nil }
        }
        func constant(_ source: FieldSource?) -> [UInt8]? {
            if case .constant(let text) = source { Array(text.utf8) } else { nil }
        }
        document = FieldPlan([
            (.eventID, mapping.eventID), (.orderRef, mapping.orderRef), (.legalEntity, pointer(mapping.legalEntity)),
            (.warehouse, pointer(mapping.warehouse)), (.status, mapping.status), (.occurredAt, mapping.occurredAt),
            (.sequence, mapping.sequence), (.currency, mapping.currency), (.total, mapping.total),
            (.customerRef, mapping.customerRef), (.customerName, mapping.customerName), (.lines, mapping.lines?.at),
        ])
        line = FieldPlan([
            (.line, mapping.lines?.line), (.sku, mapping.lines?.sku), (.quantity, mapping.lines?.quantity),
            (.unitPrice, mapping.lines?.unitPrice), (.tax, mapping.lines?.tax),
        ])
        // Sorted, so that the tables do not depend on the dictionaries' order.
        statuses = WordTable(
            mapping.statuses.sorted { $0.key < $1.key }.map { ($0.key, CanonicalWords.value(of: $0.value)) })
        milestones = WordTable(mapping.milestones.sorted { $0.key < $1.key }.map { ($0.key, $0.value.rawValue) })
        legalEntity = constant(mapping.legalEntity)
        warehouse = constant(mapping.warehouse)
    }
}

extension MappingPlan {
    /// The tree while it grows.
    struct Builder {
        struct Place {
            var node = Node()
            var readings: [Reading] = []
            var children: [(word: String, child: UInt16)] = []
            var fallbacks: [Fallback] = []
        }

        private let mapping: Mapping
        var nodes = [Place()]
        var constants: [[UInt8]] = []
        var tables: [ValueTable] = []
        var names: [ReferenceKind] = []
        var pointers: [String] = []
        private var tableIndexes: [String: Int16] = [:]
        private var constantIndexes: [[UInt8]: UInt16] = [:]
        private var roots: [MappedGroup: Int] = [.event: MappingPlan.root]

        init(_ mapping: Mapping) { self.mapping = mapping }

        mutating func add(isCloudEvent: Bool, own: Mapping) {
            // A parent before its parts, whose root it makes.
            for group in MappedGroup.allCases {
                guard let content = mapping.groups[group], group != .references else { continue }
                add(group, content)
            }
            for (index, content) in mapping.references.prefix(Mapping.maximumReferences).enumerated() {
                addName(content, index)
            }
            guard isCloudEvent else { return }
            read("/specversion", .specVersion)
            read("/source", .source)
            read("/traceparent", .traceparent)
            read("/data_base64", .binaryData)
            if own[.event, .status] == nil { read("/data/status", .dataStatus) }
            if own[.event, .milestone] == nil { read("/data/milestone", .dataMilestone) }
        }

        mutating func add(_ routes: RoutePlan) {
            for (subject, pointer) in routes.pointers {
                add(pointer, from: MappingPlan.root, Reading(target: .probe, index: subject))
            }
        }

        private mutating func read(_ pointer: String, _ target: MappedTarget) {
            guard let pointer = try? JSONPointer(pointer) else { return }
            add(pointer, from: MappingPlan.root, Reading(target: target))
        }

        private mutating func add(_ group: MappedGroup, _ content: Mapping.Group) {
            var root = roots[group.parent] ?? MappingPlan.root
            if let at = content.at, let array = group.array {
                root = addArray(at, from: root, array)
            }
            roots[group] = root
            for field in group.fields {
                guard let source = content.fields[field], let target = group.target(field) else { continue }
                add(source, target, group, field, root, index: 0)
            }
        }

        private mutating func addArray(_ at: JSONPointer, from parent: Int, _ target: MappedTarget) -> Int {
            let root = nodes.count
            nodes.append(Place())
            add(at, from: parent, Reading(target: target, index: UInt16(truncatingIfNeeded: root)))
            return root
        }

        private mutating func addName(_ content: Mapping.Group, _ index: Int) {
            var root = MappingPlan.root
            var place = UInt16(truncatingIfNeeded: names.count)
            if let at = content.at {
                root = addArray(at, from: root, .names)
                place = MappingPlan.inArray
            } else {
                names.append(content.fields[.kind]?.otherwise.flatMap(ReferenceKind.init(name:)) ?? .order)
            }
            for field in MappedGroup.references.fields {
                guard let source = content.fields[field], let target = MappedGroup.references.target(field) else {
                    continue
                }
                // A kind that is a constant is in `names` already.
                if field == .kind, place != MappingPlan.inArray { continue }
                add(source, target, .references, field, root, index: place)
            }
        }

        private mutating func add(
            _ source: FieldSource, _ target: MappedTarget, _ group: MappedGroup, _ field: MappedField, _ root: Int,
            index: UInt16
        ) {
            if let at = source.at {
                var reading = Reading(target: target, format: source.format, index: index)
                if let name = source.values ?? field.table(in: group) { reading.table = table(name) }
                add(at, from: root, reading)
            }
            guard let otherwise = source.otherwise else { return }
            var fallback = Fallback(target: target, index: index)
            fallback.text = constant(Array(otherwise.utf8))
            fallback.decimal = ExactDecimal(otherwise)
            fallback.status = StatusWord(name: otherwise)
            fallback.milestone = Milestone(name: otherwise)
            fallback.kind = ReferenceKind(name: otherwise)
            fallback.payment = PaymentStatus.allCases.first { $0.name == otherwise }
            nodes[root].fallbacks.append(fallback)
        }

        private mutating func add(_ pointer: JSONPointer, from root: Int, _ reading: Reading) {
            var node = root
            for step in pointer.steps {
                guard let next = child(of: node, step) else { return }
                node = next
            }
            var reading = reading
            reading.pointer = UInt16(truncatingIfNeeded: pointers.count)
            pointers.append(pointer.text)
            nodes[node].readings.append(reading)
        }

        private mutating func child(of node: Int, _ step: String) -> Int? {
            let bytes = Array(step.utf8)
            if let known = nodes[node].children.first(where: { Array($0.word.utf8) == bytes }) {
                return Int(known.child)
            }
            guard nodes.count < MappingPlan.maximumNodes else { return nil }
            var place = Place()
            place.node.ordinal = UInt8(min(nodes[node].children.count, Int(UInt8.max)))
            nodes[node].children.append((step, UInt16(truncatingIfNeeded: nodes.count)))
            nodes.append(place)
            return nodes.count - 1
        }

        private mutating func table(_ name: String) -> Int16 {
            if let known = tableIndexes[name] { return known }
            guard let words = mapping.values[name] else { return -1 }
            let index = Int16(truncatingIfNeeded: tables.count)
            tableIndexes[name] = index
            tables.append(ValueTable(name, words) { constant($0) })
            return index
        }

        private mutating func constant(_ text: [UInt8]) -> UInt16 {
            if let known = constantIndexes[text] { return known }
            let index = UInt16(truncatingIfNeeded: constants.count)
            constants.append(text)
            constantIndexes[text] = index
            return index
        }
    }
}

extension MappedGroup {
    /// What its array becomes; nil: it has none.
    fileprivate var array: MappedTarget? {
        switch self {
        case .event, .reference, .cancellation, .hold: nil
        case .references: .names
        case .lines: .lines
        case .allocation: .allocation
        case .shipment: .shipments
        case .shipmentLines: .shipmentLines
        case .invoice: .invoices
        case .invoiceLines: .invoiceLines
        case .payment: .payments
        case .cancellationLines: .cancellationLines
        }
    }

    /// What one of its fields becomes; nil: it has no such field.
    fileprivate func target(_ field: MappedField) -> MappedTarget? {
        guard fields.contains(field) else { return nil }
        switch self {
        case .event: return Self.ofEvent[field]
        case .reference: return field == .kind ? .orderKind : field == .issuer ? .orderIssuer : .orderValue
        case .references: return field == .kind ? .nameKind : field == .issuer ? .nameIssuer : .nameValue
        case .lines: return Self.ofLine[field]
        case .allocation, .shipmentLines, .invoiceLines, .cancellationLines: return Self.ofFactLine[field]
        case .shipment:
            return field == .ref ? .shipmentRef : field == .carrier ? .shipmentCarrier : .shipmentTracking
        case .invoice: return .invoiceRef
        case .payment: return field == .ref ? .paymentRef : field == .status ? .paymentStatus : .paymentAmount
        case .cancellation: return .cancellationReason
        case .hold: return .holdReason
        }
    }

    private static let ofEvent: [MappedField: MappedTarget] = [
        .eventID: .eventID, .orderRef: .orderRef, .legalEntity: .legalEntity, .warehouse: .warehouse, .status: .status,
        .milestone: .milestone, .occurredAt: .occurredAt, .sequence: .sequence, .currency: .currency, .total: .total,
        .customerRef: .customerRef, .customerName: .customerName, .customerGroup: .customerGroup,
    ]
    private static let ofLine: [MappedField: MappedTarget] = [
        .line: .line, .sku: .sku, .quantity: .quantity, .unitPrice: .unitPrice, .tax: .tax,
    ]
    private static let ofFactLine: [MappedField: MappedTarget] = [
        .line: .factLine, .sku: .factSku, .quantity: .factQuantity, .backordered: .factBackordered,
        .expected: .factExpected,
    ]
}

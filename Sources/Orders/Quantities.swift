public import OrderEvents

/// What is known of the quantities of one line, over all warehouses.
public struct LineQuantities: Equatable, Sendable {
    /// What one warehouse has to do with the line.
    public struct AtWarehouse: Equatable, Sendable {
        /// Canonical code; empty: the events named none.
        public var warehouse: String
        /// Set aside there.
        public var allocated = ExactDecimal.zero
        /// On backorder there.
        public var backordered = ExactDecimal.zero
        /// When the backordered part is expected, as the event wrote it.
        public var expected = ""
        /// Left from there.
        public var shipped = ExactDecimal.zero
    }

    /// Line number; of a fact that names an article which the order does not have: empty.
    public var line: String
    /// Article.
    public var sku: String
    /// Ordered; nil: no line of the order.
    public var ordered: ExactDecimal?
    /// Set aside, over all warehouses.
    public var allocated = ExactDecimal.zero
    /// On backorder, over all warehouses.
    public var backordered = ExactDecimal.zero
    /// Left, over all warehouses.
    public var shipped = ExactDecimal.zero
    /// Cancelled as it was told; never more than what has not left.
    public var cancelled = ExactDecimal.zero
    /// Invoiced.
    public var invoiced = ExactDecimal.zero
    /// More left than was ordered and not cancelled.
    public var isOverShipped = false
    /// By warehouse, in the sequence of their codes.
    public var warehouses: [AtWarehouse] = []

    /// Ordered, and neither left nor cancelled; zero where more left than was ordered.
    public var remaining: ExactDecimal {
        let left = (ordered ?? .zero).less(shipped).less(cancelled)
        return left.isNegative ? .zero : left
    }
}

/// How far the quantities have come.
enum Fulfilment: Equatable {
    /// They do not say: of lines or shipments nobody told the quantities.
    case undecided
    /// Nothing has left.
    case nothing
    /// Something has left, and something has still to.
    case part
    /// Nothing is left to leave.
    case all
}

extension Order {
    /// Goods that left: what is known by its tracking number alone is the shipment that has that number.
    public var shipments: [Shipment] {
        guard toldShipments.contains(where: \.isByTracking) else { return toldShipments }
        var known = toldShipments.filter { !$0.isByTracking }
        for nameless in toldShipments where nameless.isByTracking {
            let same = known.indices.filter { known[$0].tracking == nameless.tracking }
            guard let index = same.min(by: { known[$0].ref < known[$1].ref }) else {
                known.append(nameless)
                continue
            }
            known[index].at = min(known[index].at, nameless.at)
            if supersedes(nameless.by.carrier, known[index].by.carrier), nameless.by.carrier.isTold {
                known[index].carrier = nameless.carrier
                known[index].by.carrier = nameless.by.carrier
            }
            if known[index].warehouse.isEmpty { known[index].warehouse = nameless.warehouse }
            if supersedes(nameless.by.lines, known[index].by.lines), nameless.by.lines.isTold {
                known[index].lines = nameless.lines
                known[index].by.lines = nameless.by.lines
            }
        }
        return known
    }

    /// Whether any fact tells quantities.
    private var hasQuantities: Bool {
        !allocations.isEmpty || !cancellations.isEmpty || toldShipments.contains { !$0.lines.isEmpty }
            || invoices.contains { !$0.lines.isEmpty }
    }

    /// Quantities of each line, and of what facts name that is no line of the order.
    ///
    /// Costs O(lines × facts).
    public var quantities: [LineQuantities] {
        var all = lines.map { LineQuantities(line: $0.line, sku: $0.sku, ordered: $0.quantity) }
        guard hasQuantities else { return all }
        for shipment in shipments {
            for amount in shipment.lines {
                Self.spread(amount.line, amount.sku, amount.quantity, \.shipped, over: &all) { row, part in
                    row.at(shipment.warehouse) { $0.shipped = $0.shipped.plus(part) }
                }
            }
        }
        for invoice in invoices {
            for amount in invoice.lines {
                Self.spread(amount.line, amount.sku, amount.quantity, \.invoiced, over: &all)
            }
        }
        for told in allocations {
            Self.spread(told.line, told.sku, told.quantity, \.allocated, over: &all) { row, part in
                row.at(told.warehouse) { $0.allocated = $0.allocated.plus(part) }
            }
            guard let backordered = told.backordered, !backordered.isZero else { continue }
            Self.spread(told.line, told.sku, backordered, \.backordered, over: &all) { row, part in
                row.at(told.warehouse) {
                    $0.backordered = $0.backordered.plus(part)
                    $0.expected = told.expected
                }
            }
        }
        for told in cancellations where !told.quantity.isZero {
            Self.spread(told.line, told.sku, told.quantity, \.cancelled, over: &all)
        }
        let isCancelled = reached[Int(CanonicalState.cancelled.rawValue)] != 0
        for index in all.indices {
            all[index].settle(isCancelled: isCancelled)
            all[index].warehouses.sort { $0.warehouse < $1.warehouse }
        }
        return all
    }

    /// Adds `amount` to the line that it names; by article alone, to the lines of that article one after the other.
    private static func spread(
        _ line: String, _ sku: String, _ amount: ExactDecimal,
        _ kind: WritableKeyPath<LineQuantities, ExactDecimal>, over all: inout [LineQuantities],
        _ beside: (inout LineQuantities, ExactDecimal) -> Void = { _, _ in }
    ) {
        func add(_ part: ExactDecimal, to index: Int) {
            all[index][keyPath: kind] = all[index][keyPath: kind].plus(part)
            beside(&all[index], part)
        }
        if !line.isEmpty {
            if let index = all.firstIndex(where: { $0.line == line }) { return add(amount, to: index) }
        }
        var rest = amount
        let same =
            sku.isEmpty ? [] : all.indices.filter { all[$0].sku == sku && (line.isEmpty || all[$0].line == line) }
        for index in same.dropLast() {
            let room = (all[index].ordered ?? .zero).less(all[index][keyPath: kind])
            guard !room.isNegative, !room.isZero else { continue }
            let part = min(room, rest)
            add(part, to: index)
            rest = rest.less(part)
            if rest.isZero { return }
        }
        if let last = same.last { return add(rest, to: last) }
        all.append(LineQuantities(line: line, sku: sku, ordered: nil))
        add(rest, to: all.count - 1)
    }

    /// How far shipments and cancellations had come at `time`.
    ///
    /// Undecided as long as a line has no quantity, nothing has left, or a shipment does not say what left with it.
    func fulfilment(until time: Int64) -> Fulfilment {
        guard !lines.isEmpty, !toldShipments.isEmpty || !cancellations.isEmpty else { return .undecided }
        guard lines.allSatisfy({ $0.quantity != nil }) else { return .undecided }
        let left = shipments.filter { $0.at.microseconds <= time }
        guard left.allSatisfy({ !$0.lines.isEmpty }) else { return .undecided }
        let cancelled = cancellations.filter { !$0.quantity.isZero && $0.by.at <= time }
        if left.isEmpty, cancellations.allSatisfy({ $0.quantity.isZero }) { return .undecided }
        var rows = lines.map { LineQuantities(line: $0.line, sku: $0.sku, ordered: $0.quantity) }
        for shipment in left {
            for amount in shipment.lines {
                Self.spread(amount.line, amount.sku, amount.quantity, \.shipped, over: &rows)
            }
        }
        for told in cancelled { Self.spread(told.line, told.sku, told.quantity, \.cancelled, over: &rows) }
        let isAll = rows.allSatisfy { !($0.shipped.plus($0.cancelled) < $0.ordered ?? .zero) }
        if isAll { return .all }
        return left.isEmpty ? .nothing : .part
    }

    /// When what completed the quantities happened.
    var lastFulfilment: Int64 {
        let left = toldShipments.map(\.at.microseconds).max() ?? 0
        return max(left, cancellations.map(\.by.at).max() ?? 0)
    }

    /// Exceptions of the quantities.
    func quantityExceptions() -> [ExceptionCode] {
        guard !lines.isEmpty, hasQuantities else { return [] }
        var codes: [ExceptionCode] = []
        func found(_ code: ExceptionCode) { if !codes.contains(code) { codes.append(code) } }
        for row in quantities {
            // A line without a quantity: nobody can tell what is too much.
            let isLine = lines.contains { $0.line == row.line && $0.quantity == nil }
            if isLine { continue }
            let ordered = row.ordered ?? .zero
            if row.isOverShipped { found(.overShipment) }
            if ordered < row.invoiced { found(.overInvoice) }
            if ordered < row.allocated { found(.overAllocated) }
            if !row.backordered.isZero, !row.remaining.isZero { found(.backordered) }
        }
        return codes
    }
}

extension LineQuantities {
    fileprivate mutating func at(_ warehouse: String, _ change: (inout AtWarehouse) -> Void) {
        let index: Int
        if let known = warehouses.firstIndex(where: { $0.warehouse == warehouse }) {
            index = known
        } else {
            index = warehouses.count
            warehouses.append(AtWarehouse(warehouse: warehouse))
        }
        change(&warehouses[index])
    }

    /// Nothing is both shipped and cancelled: what left has left.
    fileprivate mutating func settle(isCancelled: Bool) {
        let wanted = (ordered ?? .zero).less(cancelled)
        isOverShipped = wanted < shipped
        let open = (ordered ?? .zero).less(shipped)
        let rest = open.isNegative ? ExactDecimal.zero : open
        // Cancelled as a whole: what has not left never will.
        cancelled = isCancelled ? rest : min(cancelled, rest)
    }
}

extension ExactDecimal {
    /// The sum; where it does not fit (beyond 18 digits), the larger of the two.
    fileprivate func plus(_ other: ExactDecimal) -> ExactDecimal { self + other ?? max(self, other) }
    /// The difference; where it does not fit, zero.
    fileprivate func less(_ other: ExactDecimal) -> ExactDecimal { self - other ?? .zero }
}

// Arrays and facts of a mapped event. A fact exists when the record tells its identity: constants make none.

extension DecodePass {
    /// Reads an array, whose elements have a plan of their own; an object counts as an array of one.
    mutating func elements(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        if try kind(bytes) == .object {
            return try element(reading, &draft, plan, bytes, format)
        }
        let limit = reading.target == .names ? Self.maximumReferences : Self.maximumLines
        var array = try beginArray(bytes)
        while try nextElement(&array, bytes) {
            do throws(DecodeFailure) {
                if array.elements > limit { throw Self.tooMany(limit) }
                guard try kind(bytes) == .object else { throw DecodeFailure(.wrongType, "must be an object") }
                try element(reading, &draft, plan, bytes, format)
            } catch { throw error.under("/\(array.elements - 1)") }
        }
    }

    private mutating func element(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>,
        _ format: CompiledFormat
    ) throws(DecodeFailure) {
        let root = Int(reading.index)
        switch reading.target {
        case .lines:
            draft.line = OrderLine()
            try walk(root, &draft, plan, bytes, format)
            applyFallbacks(root, &draft, plan)
            if event.lines.isEmpty { event.lines.reserveCapacity(4) }
            event.lines.append(draft.line)
        case .allocation, .shipmentLines, .invoiceLines, .cancellationLines:
            draft.fact = MappedDraft.FactLineDraft()
            try walk(root, &draft, plan, bytes, format)
            applyFallbacks(root, &draft, plan)
            try add(draft.fact, to: reading.target, &draft)
        case .names:
            draft.hasNameKind = false
            facts.references.append(Reference(kind: .order, issuer: .none, value: .none))
            try walk(root, &draft, plan, bytes, format)
            applyFallbacks(root, &draft, plan)
            guard let last = facts.references.last else { return }
            if last.value.isEmpty { throw .missing("/value") }
            if !draft.hasNameKind { throw .missing("/kind") }
        case .shipments:
            draft.shipment = Facts.Shipment()
            try walk(root, &draft, plan, bytes, format)
            applyFallbacks(root, &draft, plan)
            if !draft.hasShipment { throw .missing("/ref") }
            facts.add(draft.shipment)
            draft.shipment = Facts.Shipment()
        case .invoices:
            draft.invoice = Facts.Invoice()
            try walk(root, &draft, plan, bytes, format)
            if draft.invoice.ref.isEmpty { throw .missing("/ref") }
            facts.add(draft.invoice)
            draft.invoice = Facts.Invoice()
        case .payments:
            draft.payment = MappedDraft.PaymentDraft()
            try walk(root, &draft, plan, bytes, format)
            applyFallbacks(root, &draft, plan)
            if draft.payment.ref.isEmpty { throw .missing("/ref") }
            facts.add(try finished(draft.payment))
            draft.payment = MappedDraft.PaymentDraft()
        default: try skip(bytes)
        }
    }

    private mutating func add(
        _ line: MappedDraft.FactLineDraft, to target: MappedTarget, _ draft: inout MappedDraft
    ) throws(DecodeFailure) {
        if line.line.isEmpty, line.sku.isEmpty { throw .missing("/line") }
        // An allocation may tell of a backorder alone: then nothing is allocated.
        guard let quantity = line.quantity ?? (line.backordered == nil ? nil : .zero) else {
            throw .missing("/quantity")
        }
        let result = LineQuantity(
            line: line.line, sku: line.sku, quantity: quantity, backordered: line.backordered, expected: line.expected)
        switch target {
        case .allocation: facts.allocation.append(result)
        case .shipmentLines: draft.shipment.lines.append(result)
        case .invoiceLines: draft.invoice.lines.append(result)
        default: draft.cancellationLines.append(result)
        }
    }

    private func finished(_ payment: MappedDraft.PaymentDraft) throws(DecodeFailure) -> Facts.Payment {
        guard let status = payment.status else { throw .missing("/status") }
        return Facts.Payment(ref: payment.ref, status: status, amount: payment.amount)
    }

    /// Reads a field of a fact.
    mutating func factField(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) {
        switch reading.target {
        case .factLine: draft.fact.line = try identifier(reading, &draft, plan, bytes)
        case .factSku: draft.fact.sku = try text(reading, &draft, plan, bytes)
        case .factQuantity: draft.fact.quantity = try amountOfGoods(reading.format, bytes)
        case .factBackordered: draft.fact.backordered = try amountOfGoods(reading.format, bytes)
        case .factExpected: draft.fact.expected = try expectedDate(reading.format, bytes)
        case .shipmentRef: draft.shipment.ref = try identifier(reading, &draft, plan, bytes)
        case .shipmentCarrier: draft.shipment.carrier = try text(reading, &draft, plan, bytes)
        case .shipmentTracking: draft.shipment.tracking = try identifier(reading, &draft, plan, bytes)
        case .invoiceRef: draft.invoice.ref = try identifier(reading, &draft, plan, bytes)
        case .paymentRef: draft.payment.ref = try identifier(reading, &draft, plan, bytes)
        case .paymentStatus: draft.payment.status = try paymentStatus(reading, &draft, plan, bytes)
        case .paymentAmount: draft.payment.amount = try decimal(reading.format, bytes)
        case .cancellationReason: draft.cancellationReason = try text(reading, &draft, plan, bytes)
        case .holdReason: draft.holdReason = try holdReason(reading, &draft, plan, bytes)
        default: try skip(bytes)
        }
    }

    private mutating func paymentStatus(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> PaymentStatus? {
        let word = try text(reading, &draft, plan, bytes)
        if word.isEmpty { return nil }
        guard let value = value(of: word, in: CanonicalWords.paymentStatuses, bytes) else {
            throw DecodeFailure(
                .invalidValue, "must be authorized, captured, refunded or failed; map it in values.payment_status")
        }
        return PaymentStatus(rawValue: value)
    }

    private mutating func holdReason(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Slice {
        let word = try text(reading, &draft, plan, bytes)
        guard word.isEmpty || value(of: word, in: CanonicalWords.holdReasons, bytes) != nil else {
            throw DecodeFailure(
                .invalidValue,
                "must be credit, fraud, payment, stock, address or manual; map it in values.hold_reason")
        }
        return word
    }

    /// Reads a part of a name: of the one that finds the order, or of another.
    mutating func nameField(
        _ reading: MappingPlan.Reading, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) {
        var text = Slice.none
        var kind: ReferenceKind?
        switch reading.target {
        case .orderKind, .nameKind:
            let word = try self.text(reading, &draft, plan, bytes)
            if word.isEmpty { return }
            kind = value(of: word, in: CanonicalWords.referenceKinds, bytes).flatMap(ReferenceKind.init(rawValue:))
            guard kind != nil else {
                throw DecodeFailure(.invalidValue, "is no kind of reference; map it with values")
            }
        default:
            text = try identifier(reading, &draft, plan, bytes)
            if reading.target == .orderIssuer || reading.target == .nameIssuer {
                text = try checkedIssuer(text, bytes)
            }
        }
        setName(reading.target, reading.index, kind, text, &draft)
    }

    private mutating func setName(
        _ target: MappedTarget, _ index: UInt16, _ kind: ReferenceKind?, _ text: Slice, _ draft: inout MappedDraft
    ) {
        let place = index == MappingPlan.inArray ? facts.references.count - 1 : Int(index)
        switch target {
        case .orderKind: draft.orderKind = kind ?? draft.orderKind
        case .orderIssuer: draft.orderIssuer = text
        case .orderValue: draft.orderValue = text
        case .nameKind:
            if let kind { facts.references[place].kind = kind }
            draft.hasNameKind = true
        case .nameIssuer: facts.references[place].issuer = text
        case .nameValue: facts.references[place].value = text
        default: break
        }
    }

    /// Completes the facts that stand once in the document.
    mutating func finishFacts(
        _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) {
        if !plan.names.isEmpty { facts.references.removeAll { $0.value.isEmpty } }
        if draft.hasShipment { facts.add(draft.shipment) }
        if !draft.invoice.ref.isEmpty { facts.add(draft.invoice) }
        if !draft.payment.ref.isEmpty {
            do throws(DecodeFailure) {
                facts.add(try finished(draft.payment))
            } catch { throw error.under("/payment") }
        }
        // Without lines a cancellation means all that is left, which only the word may say.
        let isCancelled = event.status == .state(.cancelled)
        if !draft.cancellationLines.isEmpty || (isCancelled && !draft.cancellationReason.isEmpty) {
            facts.cancellation = Facts.Cancellation(lines: draft.cancellationLines, reason: draft.cancellationReason)
        }
        if !draft.holdReason.isEmpty { facts.hold = Facts.Hold(reason: draft.holdReason) }
    }

    // MARK: constants and defaults

    /// Gives absent fields of the element that was read, or of the document, what stands for them.
    mutating func applyFallbacks(
        _ root: Int, _ draft: inout MappedDraft, _ plan: MappingPlan
    ) {
        for fallback in plan.fallbacks[root] { apply(fallback, &draft, plan) }
    }

    private mutating func apply(
        _ fallback: MappingPlan.Fallback, _ draft: inout MappedDraft, _ plan: MappingPlan
    ) {
        switch fallback.target {
        case .legalEntity where event.legalEntity.isEmpty: event.legalEntity = placed(fallback.text, &draft, plan)
        case .warehouse where event.warehouse.isEmpty: event.warehouse = placed(fallback.text, &draft, plan)
        case .currency where event.currency.isEmpty: event.currency = placed(fallback.text, &draft, plan)
        case .customerRef where event.customerRef.isEmpty: event.customerRef = placed(fallback.text, &draft, plan)
        case .customerName where event.customerName.isEmpty: event.customerName = placed(fallback.text, &draft, plan)
        case .customerGroup where event.customerGroup.isEmpty:
            event.customerGroup = placed(fallback.text, &draft, plan)
        // A word that was told and means nothing is refused, not replaced.
        case .status where event.status == nil && event.refusal == nil: event.status = fallback.status
        case .milestone where event.milestone == nil && event.refusal == nil: event.milestone = fallback.milestone
        case .total: event.total = event.total ?? fallback.decimal
        case .sku where draft.line.sku.isEmpty: draft.line.sku = placed(fallback.text, &draft, plan)
        case .tax where draft.line.tax.isEmpty: draft.line.tax = placed(fallback.text, &draft, plan)
        case .quantity: draft.line.quantity = draft.line.quantity ?? fallback.decimal
        case .unitPrice: draft.line.unitPrice = draft.line.unitPrice ?? fallback.decimal
        default: applyToFact(fallback, &draft, plan)
        }
    }

    private mutating func applyToFact(
        _ fallback: MappingPlan.Fallback, _ draft: inout MappedDraft, _ plan: MappingPlan
    ) {
        switch fallback.target {
        case .factQuantity where draft.fact.backordered == nil:
            draft.fact.quantity = draft.fact.quantity ?? fallback.decimal
        case .factSku where draft.fact.sku.isEmpty: draft.fact.sku = placed(fallback.text, &draft, plan)
        case .shipmentCarrier where draft.shipment.carrier.isEmpty && draft.hasShipment:
            draft.shipment.carrier = placed(fallback.text, &draft, plan)
        case .paymentStatus: draft.payment.status = draft.payment.status ?? fallback.payment
        case .paymentAmount: draft.payment.amount = draft.payment.amount ?? fallback.decimal
        case .cancellationReason where draft.cancellationReason.isEmpty:
            draft.cancellationReason = placed(fallback.text, &draft, plan)
        case .holdReason where draft.holdReason.isEmpty:
            // Only an event that begins or ends a hold has a reason that the record does not tell.
            guard event.status == .state(.onHold) || event.status == .release else { return }
            draft.holdReason = placed(fallback.text, &draft, plan)
        case .orderKind: draft.orderKind = draft.orderKind ?? fallback.kind
        case .orderIssuer where draft.orderIssuer.isEmpty && !draft.orderValue.isEmpty:
            draft.orderIssuer = placed(fallback.text, &draft, plan)
        case .nameKind where !draft.hasNameKind: setName(.nameKind, fallback.index, fallback.kind, .none, &draft)
        case .nameIssuer:
            let place = fallback.index == MappingPlan.inArray ? facts.references.count - 1 : Int(fallback.index)
            guard facts.references[place].issuer.isEmpty, !facts.references[place].value.isEmpty else { return }
            facts.references[place].issuer = placed(fallback.text, &draft, plan)
        default: break
        }
    }
}

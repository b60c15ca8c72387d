// The facts of the canonical event: references, allocation, shipment, invoice, cancellation, payment, hold.

extension DecodePass {
    /// Reads the fact `name`; reads over a name that means nothing at the event's top level.
    mutating func fact(_ name: CanonicalName, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        switch name {
        case .references: try references(bytes)
        case .allocation: try allocation(bytes)
        case .shipment: try shipment(bytes)
        case .invoice: try invoice(bytes)
        case .cancellation: try cancellation(bytes)
        case .payment: try payment(bytes)
        case .hold: try hold(bytes)
        default: try skip(bytes)
        }
    }

    private mutating func references(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var array = try beginArray(bytes)
        while try nextElement(&array, bytes) {
            do throws(DecodeFailure) {
                if array.elements > Self.maximumReferences { throw Self.tooMany(Self.maximumReferences) }
                facts.references.append(try reference(bytes))
            } catch { throw error.under("/\(array.elements - 1)") }
        }
    }

    /// Reads `{kind, issuer?, value}`.
    mutating func reference(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Reference {
        var kind: ReferenceKind?
        var issuer = Slice.none
        var value = Slice.none
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .kind: kind = ReferenceKind(rawValue: try word(of: CanonicalWords.referenceKinds, bytes))
                case .issuer: issuer = try self.issuer(bytes)
                case .value: value = try identifier(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        guard let kind else { throw .missing("/kind") }
        guard !value.isEmpty else { throw .missing("/value") }
        return Reference(kind: kind, issuer: issuer, value: value)
    }

    mutating func issuer(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        try checkedIssuer(try identifier(bytes), bytes)
    }

    func checkedIssuer(_ issuer: Slice, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        for offset in 0..<Int(issuer.count) where byte(issuer, offset, bytes) == 0x2F {
            throw DecodeFailure(.invalidValue, "must not contain a slash")
        }
        return issuer
    }

    /// Reads a word of a closed vocabulary.
    mutating func word(of table: WordTable, _ bytes: Span<UInt8>) throws(DecodeFailure) -> UInt8 {
        let word = slice(try string(bytes), bytes)
        guard let value = value(of: word, in: table, bytes) else {
            throw DecodeFailure(.invalidValue, "is none of the words that the canonical event has here")
        }
        return value
    }

    private mutating func allocation(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .lines: facts.allocation = try quantities(bytes, ofAllocation: true)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
    }

    private mutating func shipment(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var shipment = Facts.Shipment()
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .ref: shipment.ref = try identifier(bytes)
                case .tracking: shipment.tracking = try identifier(bytes)
                case .carrier: shipment.carrier = try freeText(bytes)
                case .lines: shipment.lines = try quantities(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        if shipment.ref.isEmpty, shipment.tracking.isEmpty { throw .missing("/ref") }
        facts.shipment = shipment
    }

    private mutating func invoice(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var invoice = Facts.Invoice()
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .ref: invoice.ref = try identifier(bytes)
                case .lines: invoice.lines = try quantities(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        if invoice.ref.isEmpty { throw .missing("/ref") }
        facts.invoice = invoice
    }

    private mutating func cancellation(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var cancellation = Facts.Cancellation(lines: [], reason: .none)
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .lines: cancellation.lines = try quantities(bytes)
                case .reason: cancellation.reason = try freeText(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        facts.cancellation = cancellation
    }

    private mutating func payment(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var ref = Slice.none
        var status: PaymentStatus?
        var amount: ExactDecimal?
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .ref: ref = try identifier(bytes)
                case .status: status = PaymentStatus(rawValue: try word(of: CanonicalWords.paymentStatuses, bytes))
                case .amount: amount = try decimal(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        if ref.isEmpty { throw .missing("/ref") }
        guard let status else { throw .missing("/status") }
        facts.payment = Facts.Payment(ref: ref, status: status, amount: amount)
    }

    private mutating func hold(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        var reason = Slice.none
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .reason:
                    reason = slice(try string(bytes), bytes)
                    guard value(of: reason, in: CanonicalWords.holdReasons, bytes) != nil else {
                        throw DecodeFailure(
                            .invalidValue, "must be credit, fraud, payment, stock, address or manual")
                    }
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        facts.hold = Facts.Hold(reason: reason)
    }

    /// Reads quantities by line.
    private mutating func quantities(
        _ bytes: Span<UInt8>, ofAllocation: Bool = false
    ) throws(DecodeFailure) -> [LineQuantity] {
        var result: [LineQuantity] = []
        var array = try beginArray(bytes)
        while try nextElement(&array, bytes) {
            do throws(DecodeFailure) {
                if array.elements > Self.maximumLines { throw Self.tooMany(Self.maximumLines) }
                result.append(try lineQuantity(bytes, ofAllocation: ofAllocation))
            } catch { throw error.under("/\(array.elements - 1)") }
        }
        return result
    }

    private mutating func lineQuantity(
        _ bytes: Span<UInt8>, ofAllocation: Bool
    ) throws(DecodeFailure) -> LineQuantity {
        var quantity: ExactDecimal?
        var result = LineQuantity(line: .none, quantity: .zero)
        var object = try beginObject(bytes)
        while let name = try nextName(&object, bytes) {
            do throws(DecodeFailure) {
                switch name {
                case .line: result.line = try identifier(bytes)
                case .sku: result.sku = try freeText(bytes)
                case .quantity: quantity = try amountOfGoods(nil, bytes)
                case .backordered where ofAllocation: result.backordered = try amountOfGoods(nil, bytes)
                case .expected where ofAllocation: result.expected = try date(bytes)
                default: try skip(bytes)
                }
            } catch { throw error.under("/" + name.word) }
        }
        if result.line.isEmpty, result.sku.isEmpty { throw .missing("/line") }
        if let quantity {
            result.quantity = quantity
        } else if result.backordered == nil {
            // An allocation may tell of a backorder alone: then nothing is allocated.
            throw .missing("/quantity")
        }
        return result
    }

    /// Reads a quantity that left, was allocated, invoiced or cancelled: never below zero.
    mutating func amountOfGoods(
        _ format: FieldFormat?, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> ExactDecimal {
        let quantity = try decimal(format, bytes)
        guard !quantity.isNegative else { throw DecodeFailure(.invalidValue, "must not be negative") }
        return quantity
    }

    mutating func date(_ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        let result = slice(try string(bytes), bytes)
        let text = (0..<min(Int(result.count), 11)).map { byte(result, $0, bytes) }
        guard Timestamp.isDate(text.span) else {
            throw DecodeFailure(.invalidValue, "must be a date as YYYY-MM-DD")
        }
        return result
    }
}

/// How a channel's order references name orders.
struct OrderNaming: Sendable {
    /// What the reference names.
    let kind: ReferenceKind
    /// Who numbers; nil: the legal entity's common number space.
    let issuer: [UInt8]?
}

extension DecodePass {
    /// Gives the event its order by the channel's own reference `ref`.
    mutating func nameOrder(by ref: Slice, _ naming: OrderNaming, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        guard let issuer = naming.issuer else {
            if naming.kind == .order {
                event.orderRef = ref
            } else {
                event.reference = Reference(kind: naming.kind, issuer: .none, value: ref)
            }
            return
        }
        let start = tail.count
        // Once for the issuer, the slash and the reference.
        tail.reserveCapacity(start + issuer.count + 1 + Int(ref.count))
        tail.append(contentsOf: issuer)
        if naming.kind == .order {
            event.orderRef = try joined(from: start, ref, bytes)
        } else {
            let name = Slice(
                start: UInt32(truncatingIfNeeded: payloadCount + start), count: UInt32(truncatingIfNeeded: issuer.count)
            )
            event.reference = Reference(kind: naming.kind, issuer: name, value: ref)
        }
    }

    /// Gives the event its order by a reference that the record spells out.
    mutating func nameOrder(by reference: Reference, _ bytes: Span<UInt8>) throws(DecodeFailure) {
        guard reference.kind == .order else {
            event.reference = reference
            return
        }
        guard !reference.issuer.isEmpty else {
            event.orderRef = reference.value
            return
        }
        let start = tail.count
        copyToTail(reference.issuer, bytes)
        event.orderRef = try joined(from: start, reference.value, bytes)
    }

    /// Completes `ISSUER/VALUE`, whose issuer is in the tail from `start` on.
    private mutating func joined(from start: Int, _ value: Slice, _ bytes: Span<UInt8>) throws(DecodeFailure) -> Slice {
        tail.append(0x2F)
        copyToTail(value, bytes)
        let count = tail.count - start
        guard count <= Self.maximumIdentifierBytes else {
            throw DecodeFailure(
                .invalidValue, "must be at most \(Self.maximumIdentifierBytes) bytes long together with its issuer")
        }
        return Slice(start: UInt32(truncatingIfNeeded: payloadCount + start), count: UInt32(truncatingIfNeeded: count))
    }

    private mutating func copyToTail(_ slice: Slice, _ bytes: Span<UInt8>) {
        for offset in 0..<Int(slice.count) { tail.append(byte(slice, offset, bytes)) }
    }
}

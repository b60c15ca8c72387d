// From a record's bytes to an order event or a dead letter. One pass over the bytes, no other parser, no Foundation.
//
// What can go wrong is a value, never a throw and never a trap: every record becomes exactly one `Taken`.

/// A channel's format, compiled.
///
/// Shared freely between threads.
public struct EventDecoder: Sendable {
    private enum Plan: Sendable {
        case canonical
        case mapped(MappingPlan)
    }

    private let format: CompiledFormat
    private let plan: Plan
    private let index: Int32
    private let maximumValueBytes: Int

    /// Bound of `ChannelFormat.maximumValueBytes`: 64 MiB.
    public static let largestValueBytes = 64 << 20

    /// Compiles `format`.
    ///
    /// To be done once per configuration, not per record.
    public init(_ format: ChannelFormat) {
        self.format = CompiledFormat(
            channel: format.name,
            naming: OrderNaming(kind: format.orderKind, issuer: format.issuer.map { Array($0.utf8) }))
        switch format.kind {
        case .canonical: plan = .canonical
        case .mapped(let mapping): plan = .mapped(MappingPlan(mapping))
        }
        index = format.index
        maximumValueBytes = min(format.maximumValueBytes, Self.largestValueBytes)
    }

    /// Decodes one record.
    ///
    /// - Parameters:
    ///   - value: the record's value, which becomes the event's bytes without a copy; nil for a tombstone. Reserving
    ///     `spareBytes` beyond its count saves a copy for channels that append.
    ///   - key: the record's key, kept for a dead letter only.
    ///   - source: where the record was read.
    /// - Returns: the event, with `entity`, `lane` and `orderHash` unset, or a dead letter. A readable event whose
    ///   status word means nothing is an event with a `refusal`.
    public func decode(value: consuming [UInt8]?, key: [UInt8]?, source: SourcePosition) -> Taken {
        guard let bytes = value else { return tombstone(key, source) }
        if bytes.isEmpty {
            return letter(DecodeFailure(.empty, "the value has no bytes"), bytes, key, source)
        }
        if bytes.count > maximumValueBytes {
            let failure = DecodeFailure(.tooLarge, "\(bytes.count) bytes; the channel takes \(maximumValueBytes)")
            return letter(failure, bytes, key, source)
        }
        var pass = DecodePass(
            source: source, payloadCount: bytes.count, contentHash: StableHash.hash(bytes.span), channel: index)
        do throws(DecodeFailure) {
            switch plan {
            case .canonical: try pass.canonicalEvent(bytes.span, format)
            case .mapped(let plan): try pass.mappedEvent(plan, bytes.span, format)
            }
        } catch {
            return letter(error, bytes, key, source)
        }
        return .event(pass.finished(bytes))
    }

    /// Bytes that decoding may append to an event of this channel without unescaping anything.
    public var spareBytes: Int {
        var spare = format.naming.issuer == nil ? 0 : DecodePass.maximumIdentifierBytes
        if case .mapped(let plan) = plan { spare += (plan.legalEntity?.count ?? 0) + (plan.warehouse?.count ?? 0) }
        return spare
    }

    private func tombstone(_ key: [UInt8]?, _ source: SourcePosition) -> Taken {
        .deadLetter(
            DeadLetter(
                source: source, reason: .tombstone, detail: "the record has no value", channel: format.channel,
                key: kept(key), payload: nil, payloadCount: 0))
    }

    private func letter(
        _ failure: DecodeFailure, _ bytes: [UInt8], _ key: [UInt8]?, _ source: SourcePosition
    ) -> Taken {
        let isAboutRecord = failure.reason == .empty || failure.reason == .tooLarge
        return .deadLetter(
            DeadLetter(
                source: source, reason: failure.reason, detail: isAboutRecord ? failure.message : failure.detail,
                channel: format.channel, key: kept(key), payload: kept(bytes), payloadCount: bytes.count))
    }

    private func kept(_ bytes: [UInt8]?) -> [UInt8]? {
        guard let bytes, bytes.count > DeadLetter.maximumKeptBytes else { return bytes }
        return Array(bytes[..<DeadLetter.maximumKeptBytes])
    }
}

/// What every decode of a channel needs beside its plan.
struct CompiledFormat: Sendable {
    let channel: String
    let naming: OrderNaming
}

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
        case cloudEvents(MappingPlan)
    }

    private let format: CompiledFormat
    private let plan: Plan
    private let topicProbes: RouteProbes
    private let index: Int32
    private let maximumValueBytes: Int

    /// Bound of `ChannelFormat.maximumValueBytes`: 64 MiB.
    public static let largestValueBytes = 64 << 20

    /// Compiles `format`.
    ///
    /// To be done once per configuration and topic, not per record; `topic` is what rules about the topic see.
    public init(_ format: ChannelFormat, topic: String = "") {
        let routes = RoutePlan(format.routes)
        self.format = CompiledFormat(
            channel: format.name,
            naming: OrderNaming(kind: format.orderKind, issuer: format.issuer.map { Array($0.utf8) }), routes: routes)
        switch format.kind {
        case .canonical: plan = .canonical
        case .mapped(let mapping): plan = .mapped(MappingPlan(mapping, routes: routes))
        case .cloudEvents(let mapping): plan = .cloudEvents(MappingPlan(mapping, routes: routes, isCloudEvent: true))
        }
        topicProbes = routes?.probes(topic: topic) ?? RouteProbes()
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
    ///   - headers: the record's headers; asked for only where the channel's format or its rules need them.
    /// - Returns: the event, with `entity`, `lane` and `orderHash` unset, or a dead letter. A readable event whose
    ///   status word means nothing is an event with a `refusal`. The payload of a CloudEvent in binary mode is the
    ///   structured event that it stands for.
    public func decode(
        value: consuming [UInt8]?, key: [UInt8]?, source: SourcePosition, headers: () -> [PolledHeader] = { [] }
    ) -> Taken {
        if case .cloudEvents(let plan) = plan { return decodeCloudEvent(value, key, source, headers(), plan) }
        guard let bytes = value else { return tombstone(key, source) }
        if let failure = sizeFailure(bytes.count) { return letter(failure, bytes, key, source) }
        var pass = DecodePass(
            source: source, payloadCount: bytes.count, contentHash: StableHash.hash(bytes.span), channel: index)
        if let routes = format.routes {
            pass.probes = topicProbes
            if !routes.headers.isEmpty { routes.look(at: headers(), &pass.probes) }
        }
        do throws(DecodeFailure) {
            switch plan {
            case .canonical: try pass.canonicalEvent(bytes.span, format)
            case .mapped(let plan), .cloudEvents(let plan): try pass.mappedEvent(plan, bytes.span, format)
            }
        } catch {
            return letter(error, bytes, key, source)
        }
        return .event(pass.finished(bytes))
    }

    /// Decodes the payload of an event that was decoded and routed before; nil: it cannot be read any more.
    ///
    /// The rules are not asked again, because headers and topic are not kept: `legalEntity` is what they gave.
    public func decodeAgain(_ payload: consuming [UInt8], legalEntity: String, source: SourcePosition) -> OrderEvent? {
        let bytes = payload
        var pass = DecodePass(
            source: source, payloadCount: bytes.count, contentHash: StableHash.hash(bytes.span), channel: index)
        pass.knownEntity = Array(legalEntity.utf8)
        do throws(DecodeFailure) {
            switch plan {
            case .canonical: try pass.canonicalEvent(bytes.span, format)
            case .mapped(let plan), .cloudEvents(let plan): try pass.mappedEvent(plan, bytes.span, format)
            }
        } catch { return nil }
        return pass.finished(bytes)
    }

    private func sizeFailure(_ count: Int) -> DecodeFailure? {
        if count == 0 { return DecodeFailure(.empty, "the value has no bytes") }
        guard count > maximumValueBytes else { return nil }
        return DecodeFailure(.tooLarge, "\(count) bytes; the channel takes \(maximumValueBytes)")
    }

    private func decodeCloudEvent(
        _ value: [UInt8]?, _ key: [UInt8]?, _ source: SourcePosition, _ headers: [PolledHeader], _ plan: MappingPlan
    ) -> Taken {
        let form = CloudEventForm(headers, value)
        var document = value
        switch form {
        case .structured:
            guard let value else { return tombstone(key, source) }
            if let failure = sizeFailure(value.count) { return letter(failure, value, key, source) }
        case .binary(let structured):
            if let value, value.count > maximumValueBytes, let failure = sizeFailure(value.count) {
                return letter(failure, value, key, source)
            }
            document = structured
        case .unreadable(let failure): return letter(failure, value ?? [], key, source)
        }
        guard let document else { return tombstone(key, source) }
        var pass = DecodePass(
            source: source, payloadCount: document.count, contentHash: StableHash.hash(document.span), channel: index)
        pass.probes = topicProbes
        format.routes?.look(at: headers, &pass.probes)
        do throws(DecodeFailure) {
            try pass.mappedEvent(plan, document.span, format)
        } catch {
            return letter(Self.failure(error, ofBinary: form, value), value ?? [], key, source)
        }
        return .event(pass.finished(document))
    }

    /// The same failure, its place counted in the record's value and not in what was put together from it.
    private static func failure(
        _ failure: DecodeFailure, ofBinary form: CloudEventForm, _ value: [UInt8]?
    ) -> DecodeFailure {
        guard case .binary = form, failure.reason == .notJSON || failure.reason == .notUTF8 else { return failure }
        let bytes = value ?? []
        do throws(JSONError) {
            try JSONReader.validate(bytes.span)
        } catch { return DecodeFailure(error) }
        return DecodeFailure(.invalidValue, "a header ce_NAME is not UTF-8, or its name comes twice")
    }

    /// Bytes that decoding may append to an event of this channel without unescaping anything.
    public var spareBytes: Int {
        var spare = format.naming.issuer == nil ? 0 : DecodePass.maximumIdentifierBytes
        switch plan {
        case .canonical: break
        case .mapped(let plan), .cloudEvents(let plan):
            spare += plan.fallbacks[MappingPlan.root].reduce(0) { $0 + plan.constants[Int($1.text)].count }
        }
        return spare
    }

    /// Names of the look-up tables, by the index that an event's `unmappedTable` is.
    public var tables: [String] {
        switch plan {
        case .canonical: []
        case .mapped(let plan), .cloudEvents(let plan): plan.tables.map(\.name)
        }
    }

    /// Where the channel's word stands, for people.
    public var statusPointer: String {
        switch plan {
        case .canonical: "/status"
        case .mapped(let plan), .cloudEvents(let plan): plan.required.status
        }
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
    let routes: RoutePlan?
}

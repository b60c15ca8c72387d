// CloudEvents by Kafka's protocol binding, version 1.0. A record in binary mode is read as the structured event that it
// stands for: its attributes come from headers, so without them the journal could not read it again.

/// How a record of a CloudEvents channel is written.
enum CloudEventForm {
    /// The value is the whole event.
    case structured
    /// The value is the data; here is the event as it would be structured.
    case binary([UInt8])
    /// It is neither.
    case unreadable(DecodeFailure)

    /// Bound of the attributes of one record, in bytes.
    private static let maximumAttributeBytes = 65_536

    /// The form of the record with these headers and this value.
    init(_ headers: [PolledHeader], _ value: [UInt8]?) {
        let contentType = headers.last { $0.name.lowercased() == "content-type" }?.value
        let media = contentType.map { Self.mediaType($0) } ?? ""
        if media.hasPrefix("application/cloudevents") {
            if media == "application/cloudevents" || media == "application/cloudevents+json" {
                self = .structured
            } else {
                self = .unreadable(
                    DecodeFailure(
                        .invalidValue, "only single CloudEvents in JSON are read: application/cloudevents+json"))
            }
            return
        }
        let attributes = headers.filter { $0.name.hasPrefix("ce_") }
        // Many producers leave the content type of structured events out.
        guard !attributes.isEmpty else {
            self = .structured
            return
        }
        guard media.isEmpty || media == "application/json" || media == "text/json" || media.hasSuffix("+json") else {
            self = .unreadable(DecodeFailure(.invalidValue, "the data must be JSON, by its header content-type"))
            return
        }
        self = Self.structured(attributes, value)
    }

    /// The media type without its parameters, in small letters.
    private static func mediaType(_ bytes: [UInt8]) -> String {
        let text = bytes.prefix { $0 != 0x3B }.prefix(128)
        return String(decoding: text, as: UTF8.self).filter { $0 != " " }.lowercased()
    }

    private static func structured(_ attributes: [PolledHeader], _ value: [UInt8]?) -> CloudEventForm {
        var bytes: [UInt8] = []
        bytes.reserveCapacity((value?.count ?? 0) + attributes.count * 64)
        bytes.append(0x7B)
        var names: Set<String> = []
        for header in attributes {
            let name = String(header.name.dropFirst(3))
            guard isAttributeName(name), name != "data", name != "data_base64" else {
                return .unreadable(
                    DecodeFailure(.invalidValue, "a header ce_NAME must have letters and digits behind ce_"))
            }
            guard names.insert(name).inserted else {
                return .unreadable(DecodeFailure(.invalidValue, "the header comes twice", at: "/" + name))
            }
            guard let text = header.value, bytes.count + text.count <= maximumAttributeBytes else {
                if header.value == nil { continue }
                return .unreadable(
                    DecodeFailure(.invalidValue, "the headers have more than \(maximumAttributeBytes) bytes"))
            }
            if names.count > 1 { bytes.append(0x2C) }
            bytes.append(0x22)
            bytes += name.utf8
            bytes += [0x22, 0x3A]
            appendString(text, to: &bytes)
        }
        if let value, !value.isEmpty {
            if bytes.count > 1 { bytes.append(0x2C) }
            bytes += #""data":"#.utf8
            bytes += value
        }
        bytes.append(0x7D)
        return .binary(bytes)
    }

    private static func isAttributeName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 64
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x5F
            }
    }

    /// Appends a JSON text; what is not UTF-8 stays as it is, and the reader refuses it.
    private static func appendString(_ text: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(0x22)
        for byte in text {
            switch byte {
            case 0x22, 0x5C: bytes += [0x5C, byte]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array(#"\u00"#.utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }
}

extension DecodePass {
    /// Reads what a CloudEvent has beside its mapping.
    mutating func cloudEventField(
        _ target: MappedTarget, _ draft: inout MappedDraft, _ plan: MappingPlan, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) {
        switch target {
        case .specVersion:
            let version = slice(try string(bytes), bytes)
            let isRead = version.count == 3 && byte(version, 0, bytes) == 0x31 && byte(version, 1, bytes) == 0x2E
            guard isRead else { throw DecodeFailure(.unsupportedVersion, "only version 1.0 of CloudEvents is read") }
            draft.hasSpecVersion = true
        case .source: draft.source = try checkedText(slice(try string(bytes), bytes))
        case .traceparent: try traceAttribute(bytes)
        case .dataStatus:
            let word = try mappedText(bytes)
            draft.dataStatus = value(of: word, in: CanonicalWords.statuses, bytes).flatMap(CanonicalWords.status)
        case .dataMilestone:
            let word = try mappedText(bytes)
            draft.dataMilestone = value(of: word, in: CanonicalWords.milestones, bytes).flatMap(
                Milestone.init(rawValue:))
        default: throw DecodeFailure(.wrongType, "the data must be JSON: data, not data_base64")
        }
    }

    /// Reads the attribute `traceparent` of CloudEvents' extension for distributed tracing, where the record has no
    /// such header: the attribute is of the trace's beginning, the header of the last hop.
    ///
    /// What cannot be read is ignored, as in the header.
    private mutating func traceAttribute(_ bytes: Span<UInt8>) throws(DecodeFailure) {
        guard try kind(bytes) == .string else { return try skip(bytes) }
        let text = slice(try string(bytes), bytes)
        guard event.source.trace == nil else { return }
        // Longer ones are told by one byte more than version 00 has.
        let begin = (0..<min(Int(text.count), 56)).map { byte(text, $0, bytes) }
        event.source.trace = TraceContext(traceparent: begin.span)
    }

    /// Takes a type such as `com.example.order.shipped`, whose part behind the last dot is a canonical word.
    mutating func takeCanonicalWord(_ type: Slice, _ bytes: Span<UInt8>) {
        var start = 0
        for offset in 0..<Int(type.count) where byte(type, offset, bytes) == 0x2E { start = offset + 1 }
        let word = Slice(
            start: type.start &+ UInt32(truncatingIfNeeded: start),
            count: type.count &- UInt32(truncatingIfNeeded: start))
        if let value = value(of: word, in: CanonicalWords.statuses, bytes) {
            event.status = CanonicalWords.status(value)
        } else if let value = value(of: word, in: CanonicalWords.milestones, bytes) {
            event.milestone = Milestone(rawValue: value)
        }
    }

    /// Judges the attributes and completes what they give: identity and word.
    mutating func cloudEventAttributes(
        _ plan: MappingPlan, _ draft: inout MappedDraft, _ bytes: Span<UInt8>, _ format: CompiledFormat
    ) throws(DecodeFailure) {
        if !draft.hasSpecVersion { throw .missing("/specversion") }
        if draft.source.isEmpty { throw .missing("/source") }
        if event.status == nil, event.milestone == nil {
            event.status = draft.dataStatus
            event.milestone = draft.dataMilestone
            if let (word, pointer) = draft.unknownWord, event.status == nil, event.milestone == nil {
                refuse(word, plan.pointers[Int(pointer)], Self.unknownWordRemedy, bytes, format)
            }
        } else if event.milestone == nil {
            event.milestone = draft.dataMilestone
        }
        guard plan.hasStandardID, !event.eventID.isEmpty else { return }
        do throws(DecodeFailure) {
            event.eventID = try standardID(draft.source, event.eventID, bytes)
        } catch { throw error.under(plan.required.eventID) }
    }

    /// `SOURCE|ID`, because only both together are unique; the hash of a source that is too long, or no identifier.
    ///
    /// No URI contains `|`.
    private mutating func standardID(
        _ source: Slice, _ id: Slice, _ bytes: Span<UInt8>
    ) throws(DecodeFailure) -> Slice {
        let start = tail.count
        let fits = Int(source.count) + 1 + Int(id.count) <= Self.maximumIdentifierBytes && isIdentifier(source, bytes)
        if fits {
            for offset in 0..<Int(source.count) { tail.append(byte(source, offset, bytes)) }
        } else {
            let text = (0..<Int(source.count)).map { byte(source, $0, bytes) }
            let digits = String(StableHash.hash(text.span), radix: 16)
            tail += Array(repeating: 0x30, count: 16 - digits.utf8.count) + Array(digits.utf8)
        }
        tail.append(0x7C)
        for offset in 0..<Int(id.count) { tail.append(byte(id, offset, bytes)) }
        let count = tail.count - start
        guard count <= Self.maximumIdentifierBytes else {
            throw DecodeFailure(.invalidValue, "must be at most 111 bytes long, to stand behind its source")
        }
        return Slice(start: UInt32(truncatingIfNeeded: payloadCount + start), count: UInt32(truncatingIfNeeded: count))
    }
}

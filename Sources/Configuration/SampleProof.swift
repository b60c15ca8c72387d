import OrderEvents

// `channels/NAME.samples.ndjson`: records as the channel sends them, and the order events that they are to become. One
// sample a line: {"record": …, "headers": {…}, "topic": "…", "expect": the canonical order event, or
// {"dead_letter": reason}, or {"refused": code}}.

/// Proves the mapping of one channel against its samples.
struct SampleProof {
    /// The name's end, behind that of the channel's file.
    static let suffix = ".samples.ndjson"
    /// Most samples of one channel.
    static let maximumSamples = 1_000

    private let file: ConfigurationFile
    private let channel: ChannelSettings
    private let entities: [EntitySettings]
    private let decoders: [String: EventDecoder]
    private let statusPointer: String
    /// Words that a sample had.
    private var words: Set<String> = []
    /// Rules that took a sample.
    private var rules: Set<Int> = []
    private var count = 0

    init(_ file: ConfigurationFile, _ channel: ChannelSettings, _ entities: [EntitySettings]) {
        self.file = file
        self.channel = channel
        self.entities = entities
        let format = channel.channelFormat(index: 0)
        decoders = Dictionary(
            channel.topics.map { ($0, EventDecoder(format, topic: $0)) }, uniquingKeysWith: { first, _ in first })
        statusPointer = EventDecoder(format).statusPointer
    }

    /// Members of `expect` that say how an event came to be what it is.
    static func isBeside(_ pointer: String) -> Bool {
        pointer == "/rule" || pointer == "/customer/group" || pointer.hasPrefix("/tags/")
    }

    /// Proves all samples; gives how many there were.
    mutating func run(
        _ name: String, _ bytes: [UInt8], into problems: inout ProblemList, warnings: inout ProblemList
    ) -> Int {
        for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let line = Array(line)
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { continue }
            count += 1
            let place = SourceLocation(line: index + 1, column: 1)
            guard count <= Self.maximumSamples else {
                problems.add(name, place, Problem.wholeFile, "holds more than \(Self.maximumSamples) samples")
                break
            }
            do throws(SampleLine.Fault) {
                for difference in try prove(try SampleLine(line)) {
                    problems.add(name, place, difference.key, difference.reason)
                }
            } catch { problems.add(name, place, error.key, error.reason) }
        }
        warnOfGaps(into: &warnings)
        return count
    }

    // MARK: one sample

    private mutating func prove(_ sample: SampleLine) throws(SampleLine.Fault) -> [SampleLine.Fault] {
        guard let topic = sample.topic ?? channel.topics.first, let decoder = decoders[topic] else {
            let suggestion = NearestName.suggestion(for: sample.topic ?? "", among: channel.topics)
            throw SampleLine.Fault(key: "topic", reason: "is no topic of the channel\(suggestion)")
        }
        note(sample)
        let position = SourcePosition(
            partition: 0, epoch: 0, offset: 0, loggedAt: nil, polledAt: Timestamp(microseconds: 0))
        let taken = decoder.decode(value: sample.record, key: nil, source: position) { sample.headers }
        switch taken {
        case .deadLetter(let letter):
            return differences(sample.expectation, "dead letter \(letter.reason.rawValue): \(letter.detail)") {
                if case .deadLetter(letter.reason.rawValue) = $0 { true } else { false }
            }
        case .event(let event):
            if event.rule >= 0 { rules.insert(Int(event.rule)) }
            if let refusal = refusal(of: event) { return refused(sample.expectation, refusal) }
            guard case .event(let expected) = sample.expectation else {
                return differences(sample.expectation, "an order event") { _ in false }
            }
            return compare(expected, actual(event))
        }
    }

    private func refused(_ expectation: SampleLine.Expectation, _ refusal: Refusal) -> [SampleLine.Fault] {
        if refusal.code == .unknownLegalEntity {
            return differences(expectation, "dead letter \(refusal.code.rawValue): \(refusal.detail)") {
                if case .deadLetter(refusal.code.rawValue) = $0 { true } else { false }
            }
        }
        return differences(expectation, "refused, \(refusal.code.rawValue): \(refusal.detail)") {
            if case .refused(refusal.code.rawValue) = $0 { true } else { false }
        }
    }

    private func differences(
        _ expectation: SampleLine.Expectation, _ found: String, _ isExpected: (SampleLine.Expectation) -> Bool
    ) -> [SampleLine.Fault] {
        if isExpected(expectation) { return [] }
        let wanted =
            switch expectation {
            case .event: "an order event"
            case .deadLetter(let reason): "dead letter \(reason)"
            case .refused(let code): "refused, \(code)"
            }
        return [SampleLine.Fault(key: "expect", reason: "expected \(wanted), got \(printable(found, limit: 300))")]
    }

    /// What the pipeline would say of the event's places; the codes are those that routing gives.
    private func refusal(of event: OrderEvent) -> Refusal? {
        let name = event.text(event.legalEntity)
        guard let entity = entities.first(where: { $0.name == name }) else {
            return Refusal(code: .unknownLegalEntity, detail: "\(quoted(name)) is not configured")
        }
        guard entity.channels.contains(channel.name) else {
            return Refusal(code: .channelNotListed, detail: "\(name) does not list the channel")
        }
        let code = event.text(event.warehouse)
        if let refusal = event.refusal { return refusal }
        let isKnown = code.isEmpty || entity.warehouses.contains { $0.code == code || $0.aliases.contains(code) }
        return isKnown ? nil : Refusal(code: .unknownWarehouse, detail: "\(name) has no warehouse \(quoted(code))")
    }

    private func actual(_ event: OrderEvent) -> [(pointer: String, text: String)] {
        var listing = event.listing
        guard channel.routes.indices.contains(Int(event.rule)) else { return listing }
        let rule = channel.routes[Int(event.rule)]
        listing.append(("/rule", rule.name))
        for (index, tag) in rule.tags.enumerated() { listing.append(("/tags/\(index)", tag)) }
        return listing
    }

    private func compare(
        _ expected: [(pointer: String, text: String)], _ actual: [(pointer: String, text: String)]
    ) -> [SampleLine.Fault] {
        let wanted = Dictionary(expected.map { ($0.pointer, $0.text) }, uniquingKeysWith: { first, _ in first })
        let found = Dictionary(actual.map { ($0.pointer, $0.text) }, uniquingKeysWith: { first, _ in first })
        var faults: [SampleLine.Fault] = []
        for (pointer, text) in expected where found[pointer] != text {
            let got = found[pointer].map { quoted($0) } ?? "nothing"
            faults.append(SampleLine.Fault(key: "expect" + pointer, reason: "expected \(quoted(text)), got \(got)"))
        }
        // Where a rule is not named, any may have taken the event.
        let namesRule = wanted.keys.contains { Self.isBeside($0) }
        for (pointer, text) in actual where wanted[pointer] == nil && (namesRule || !Self.isBeside(pointer)) {
            faults.append(SampleLine.Fault(key: "expect" + pointer, reason: "expected nothing, got \(quoted(text))"))
        }
        return faults
    }

    // MARK: what samples leave out

    /// Remembers the channel's words that the sample has.
    private mutating func note(_ sample: SampleLine) {
        let milestone = channel.mapping?[.event, .milestone]?.at?.text
        for leaf in SampleLine.leaves(sample.record ?? []) where [statusPointer, milestone].contains(leaf.pointer) {
            words.insert(leaf.text)
        }
        for header in sample.headers where channel.format == .cloudevents && header.name == "ce_type" {
            words.insert(String(decoding: header.value ?? [], as: UTF8.self))
        }
    }

    private func warnOfGaps(into warnings: inout ProblemList) {
        for key in ["statuses", "milestones"] {
            for member in file.root?[key]?.members ?? [] where !words.contains(member.key) {
                // A word of both tables is told once.
                if key == "milestones", file.root?["statuses"]?[member.key] != nil { continue }
                warnings.add(
                    file.name, member.keyAt, "\(key).\(printable(member.key))", "no sample covers this word")
            }
        }
        for (index, node) in (file.root?["route"]?.elements ?? []).enumerated() where !rules.contains(index) {
            warnings.add(file.name, node.at, "route[\(index)]", "no sample covers this rule")
        }
    }
}

extension Configuration {
    /// Reads and validates the configuration at `path`, and proves the channels' mappings against the samples beside
    /// them.
    ///
    /// - Returns: The configuration, its warnings with what no sample covers among them, and how many samples held.
    /// - Throws: As `load`, and every sample that became something else.
    public static func prove(path: String) throws(ConfigurationError) -> (configuration: Configuration, samples: Int) {
        var configuration = try load(path: path)
        let folder = ConfigurationFolder(path: path)
        var problems = ProblemList()
        var warnings = ProblemList()
        var count = 0
        for file in folder.read(into: &problems) where file.kind == .channel {
            guard let name = file.root?["channel"]?.text, file.name.hasSuffix(".json5"),
                let channel = configuration.channels.first(where: { $0.name == name })
            else { continue }
            let samples = String(file.name.dropLast(".json5".count)) + SampleProof.suffix
            guard FileReading.isFolder(samples) != nil else { continue }
            do throws(FileReadingError) {
                let bytes = try FileReading.contents(of: samples, limit: ConfigurationFolder.maximumFileBytes)
                var proof = SampleProof(file, channel, configuration.entities)
                count += proof.run(samples, bytes, into: &problems, warnings: &warnings)
            } catch {
                problems.add(samples, .start, Problem.wholeFile, error.reason)
            }
        }
        guard problems.isEmpty else {
            throw ConfigurationError(problems: problems.sorted, omitted: problems.omitted)
        }
        configuration.warnings += warnings.sorted
        return (configuration, count)
    }
}

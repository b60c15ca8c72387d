import OrderEvents

// What channels say whose word does not count. It changes nothing of the order; while it says more than the owners
// have, `not_authoritative` is open, and it ends by itself when they agree.

extension Order {
    /// Claims that an order remembers.
    ///
    /// Beyond them the earliest is forgotten.
    static let maximumClaims = 32

    /// Remembers what the channel says; the same again is nothing.
    mutating func claim(_ kind: Claim.Kind, _ key: String, _ teller: Teller) -> News {
        let at = teller.telling.at.microseconds
        let isValue =
            switch kind {
            case .lines, .terms, .allocation, .cancellation: true
            case .shipment, .invoice, .payment, .milestone: false
            }
        let index = claims.firstIndex {
            $0.kind == kind && $0.channel == teller.channel && (isValue || $0.key == key)
        }
        if let index {
            // Of a value its channel's latest word; of a fact when it was first told.
            guard isValue ? (claims[index].at, claims[index].key) < (at, key) : at < claims[index].at else {
                return News()
            }
            claims[index].at = at
            claims[index].key = key
        } else {
            claims.append(Claim(kind: kind, channel: teller.channel, at: at, key: key))
        }
        sortClaims()
        if claims.count > Self.maximumClaims { claims.removeFirst() }
        return .touched
    }

    private mutating func sortClaims() {
        let channels = channels
        func place(_ claim: Claim) -> (Int64, String, String, String) {
            (claim.at, channels[Int(claim.channel)].channel, claim.kind.rawValue, claim.key)
        }
        claims.sort { place($0) < place($1) }
    }

    /// Lines and terms of a channel that does not own the order.
    mutating func claimOrder(_ event: OrderEvent, _ teller: Teller) -> News {
        var news = News()
        if !event.lines.isEmpty { news.add(claim(.lines, Self.digest(linesTold(by: event)), teller)) }
        if let total = event.total {
            news.add(claim(.terms, Self.digest(total, event.text(event.currency)), teller))
        }
        return news
    }

    /// Whether a channel without a say says more than the owners have.
    var isDisputed: Bool {
        claims.contains { !isAnswered($0) } || words.contains { $0.flags.contains(.claim) && !isAnswered($0) }
            || (marks.contains { $0.flags.contains(.claim) } && claimedHolds.contains { $0.endedAt == nil } && !isHeld)
    }

    /// Channels of which something is not answered, for people.
    public var disputing: [String] {
        var names = claims.filter { !isAnswered($0) }.map { channelName($0.channel) }
        names += words.filter { $0.flags.contains(.claim) && !isAnswered($0) }.map { channelName($0.channel) }
        if !isHeld { names += claimedHolds.filter { $0.endedAt == nil }.map(\.channel) }
        return Array(Set(names)).sorted()
    }

    private func isAnswered(_ told: ToldWord) -> Bool {
        if reached[Int(told.word.rawValue)] != 0 { return true }
        guard let path, told.word != .cancelled, path != .cancelled else { return false }
        return told.word.rawValue <= path.rawValue
    }

    private func isAnswered(_ claim: Claim) -> Bool {
        switch claim.kind {
        case .shipment: return toldShipments.contains { $0.ref == claim.key || $0.tracking == claim.key }
        case .invoice: return invoices.contains { $0.ref == claim.key }
        case .payment: return payments.contains { "\($0.ref) \($0.status.name)" == claim.key }
        case .milestone: return Milestone(name: claim.key).map { time(of: $0) != nil } ?? true
        // The owners have spoken since, or say the same.
        case .lines: return linesBy.at >= claim.at || Self.digest(lines) == claim.key
        case .terms: return termsBy.total.at >= claim.at || total.map { Self.digest($0, currency) } == claim.key
        case .allocation: return allocations.contains { $0.by.at >= claim.at }
        case .cancellation: return cancellations.contains { $0.by.at >= claim.at } || reached[9] != 0
        }
    }

    /// Holds of channels that do not own holds.
    private var claimedHolds: [Hold] {
        var holds: [Hold] = []
        for mark in marks where mark.flags.contains(.claim) {
            let channel = channelName(mark.channel)
            if mark.isRelease {
                for index in holds.indices
                where holds[index].endedAt == nil && holds[index].channel == channel
                    && (mark.reason.isEmpty || holds[index].reason == mark.reason)
                {
                    holds[index].endedAt = Timestamp(microseconds: mark.at)
                }
            } else if !holds.contains(where: { $0.endedAt == nil && $0.channel == channel && $0.reason == mark.reason })
            {
                holds.append(Hold(reason: mark.reason, channel: channel, since: Timestamp(microseconds: mark.at)))
            }
        }
        return holds
    }

    // MARK: - Digests: the value itself may be personal, and need not be kept to be compared.

    static func digest(_ lines: [Line]) -> String {
        hex(
            lines.map {
                [$0.line, $0.sku, $0.quantity?.description ?? "", $0.unitPrice?.description ?? ""]
                    .joined(separator: "\u{1F}")
            })
    }

    static func digest(_ total: ExactDecimal, _ currency: String) -> String { hex([total.description, currency]) }

    static func digest(_ lines: [LineQuantity], _ event: OrderEvent, _ warehouse: String) -> String {
        hex(
            [warehouse]
                + lines.map {
                    [
                        event.text($0.line), event.text($0.sku), $0.quantity.description,
                        $0.backordered?.description ?? "",
                    ].joined(separator: "\u{1F}")
                })
    }

    private static func hex(_ parts: [String]) -> String {
        let bytes = Array(parts.joined(separator: "\u{1E}").utf8)
        return String(StableHash.hash(bytes.span), radix: 16)
    }
}

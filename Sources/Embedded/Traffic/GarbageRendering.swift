extension OrderStory {
    /// The longest identifier that garbage makes up, in bytes.
    static let giantBytes = 512 * 1024

    /// Bytes that are no event, in the place of `step`.
    ///
    /// Its salt decides them.
    func garbage(_ kind: TrafficKind.Garbage, instead step: Step) -> [UInt8]? {
        var random = SeededRandom(seed: step.salt)
        switch kind {
        case .binary:
            // Led by a byte that no UTF-8 text begins with, so that it is never JSON by chance.
            return [0xFF] + (0..<random.within(1...400)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        case .empty: return []
        case .tombstone: return nil
        case .truncated:
            let whole = event(step)
            return Array(whole.prefix(random.within(1...max(1, whole.count - 1))))
        case .wrongTypes:
            return Array(
                #"{"event_id":17,"legal_entity":["\#(entity.name)"],"order_ref":{},"status":false,"occurred_at":null,"#
                    .utf8)
                + Array(#""notificationId":17,"payload":[{"orderId":4.5,"merchant":true}]}"#.utf8)
        case .brokenEncoding:
            var whole = event(step)
            // 0xC3 announces a second byte that the quotation mark is not.
            if let quote = whole.lastIndex(of: UInt8(ascii: "\"")) { whole.insert(0xC3, at: quote) }
            return whole
        case .duplicateKey:
            var whole = event(step)
            whole.removeLast()
            whole.append(contentsOf: #","event_id":"twice","event_id":"again"}"#.utf8)
            return whole
        case .tooDeep:
            let depth = random.within(100...5000)
            return Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
        case .noObject:
            return Array(["[]", "\"order\"", "12", "true", "null", "[{\"event_id\":\"a\"}]"][random.below(6)].utf8)
        case .giant:
            return giant(instead: step, count: random.within((Self.giantBytes / 8)...(Self.giantBytes - 1024)))
        }
    }

    /// A well-formed event but for its identifiers, which are far longer than any may be.
    private func giant(instead step: Step, count: Int) -> [UInt8] {
        let name = String(repeating: "x", count: count)
        var json = JSONText()
        json.beginObject()
        if step.channel == .marketplace {
            json.text("notificationId", name)
            json.beginObject("payload")
            json.text("orderId", ownRef)
            json.text("merchant", entity.name)
            json.text("status", "Pending")
            json.time("updatedAt", step.occurredAt)
            json.endObject()
        } else {
            json.text("event_id", name)
            json.text("legal_entity", entity.name)
            json.text("order_ref", canonicalRef)
            json.text("status", "received")
            json.time("occurred_at", step.occurredAt)
        }
        json.endObject()
        return json.bytes
    }
}

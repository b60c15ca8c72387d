internal import Foundation
internal import OrderEvents

// What is known of an order in Odoo, as the JSON text of `deliveries.document`.

extension DeliveredState {
    private struct Document: Codable {
        var odooID: Int64?
        var version: Int64
        var confirmed: Bool
        var cancelled: Bool
        /// Nil in documents of before there were holds and locks.
        var held: Bool?
        var locked: Bool?
        var told: [String]
        var uncertainSince: Int64?

        enum CodingKeys: String, CodingKey {
            case version, confirmed, cancelled, held, locked, told
            case odooID = "odoo_id"
            case uncertainSince = "uncertain_since"
        }
    }

    /// The state as the text that the store keeps.
    public var document: [UInt8] {
        let document = Document(
            odooID: odooID, version: version, confirmed: confirmed, cancelled: cancelled, held: held ? true : nil,
            locked: locked ? true : nil, told: told.sorted(),
            uncertainSince: uncertainSince?.microseconds)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(document)).map { Array($0) } ?? Array("{}".utf8)
    }

    /// What `document` wrote; nothing known where it cannot be read, which is safe: every step looks before it acts
    /// when `uncertainSince` is set.
    public init(document bytes: [UInt8]) {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else {
            self.init(uncertainSince: Timestamp(microseconds: 1))
            return
        }
        self.init(
            odooID: document.odooID, version: document.version, confirmed: document.confirmed,
            cancelled: document.cancelled, told: Set(document.told),
            uncertainSince: document.uncertainSince.map { Timestamp(microseconds: $0) })
        held = document.held ?? false
        locked = document.locked ?? false
    }
}

// The replies, member by member as openapi.json describes them.

struct ExceptionReply: Encodable {
    struct Row: Encodable {
        var id: Int64
        var store: String
        var legalEntity: String
        var orderRef: String
        var code: String
        var severity: String
        var detail: String
        var count: Int64
        var firstSeen: String
        var lastSeen: String
        var resolvedAt: String?
        var resolvedBy: String?
    }

    var exceptions: [Row]
    var next: String?
}

struct BacklogReply: Encodable {
    /// Legal entity -> orders.
    var orders: [String: Int64]
    /// Legal entity -> seconds since the oldest fell behind.
    var oldestSeconds: [String: Double]
    /// Of all legal entities that the caller sees, those of other pages included.
    var total: Int64
    var next: String?
}

struct BooksReply: Encodable {
    struct Line: Encodable {
        var topic: String
        var partition: Int32
        var legalEntity: String
        var taken: Int64
        var applied: Int64
        var duplicate: Int64
        var stale: Int64
        var parked: Int64
        var rejected: Int64
        var deadLettered: Int64
        var imbalance: Int64
    }

    /// Whether all lines balance, those of other pages included.
    var balanced: Bool
    var lines: [Line]
    var next: String?
}

struct LanesReply: Encodable {
    var lanes: [Live.Lane]
    var next: String?
}

struct EntitiesReply: Encodable {
    struct Row: Encodable {
        var legalEntity: String
        var store: String
        var events: Int
        var backlogOrders: Int64?
        var backlogOldestSeconds: Double?
        var openExceptions: Int64?
        var destination: Live.Destination?
    }

    var entities: [Row]
    /// Stores that did not answer: their legal entities lack what they would tell.
    var unreachableStores: [String]
    var next: String?
}

struct PartitionsReply: Encodable {
    var partitions: [Live.Partition]
    var next: String?
}

struct SearchReply: Encodable {
    struct Row: Encodable {
        var legalEntity: String
        var orderRef: String
    }

    var orders: [Row]
}

struct AuditReply: Encodable {
    struct Row: Encodable {
        var id: Int64
        var store: String
        var at: String
        var actor: String
        var role: String
        var action: String
        var legalEntity: String
        var subject: String
        var result: String
    }

    var entries: [Row]
    var next: String?
}

struct LiveReply: Encodable {
    var status: String
    var reasons: [Live.Reason]
}

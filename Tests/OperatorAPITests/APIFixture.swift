import Foundation
import HTTPServer
import OrderEvents
import Orders
import Postgres
import Store
import TestSupport

@testable import OperatorAPI

/// An API over a real store with two legal entities, ACME and BRAVO, and tokens for all roles.
final class APIFixture: Sendable {
    /// What only BRAVO's rows hold: whoever may not see BRAVO must never get a byte of it.
    static let mark = "BRAVO-ONLY"

    let api: OperatorAPI
    let url: String
    let tokens: Tokens

    init(hasTokens: Bool = true, fill: Bool = true) throws {
        url = try PostgreSQLFixture.freshDatabase()
        var connection = try Self.connect(url)
        _ = try Migrations.apply(to: &connection)
        if fill { try Self.fill(&connection) }
        var text = ""
        for role in ["viewer", "operator", "admin"] {
            text += tokenLine("\(role)-acme", role, "token \(role) ACME", "ACME")
            text += tokenLine("\(role)-all", role, "token \(role) *", "*")
        }
        tokens = try Tokens(text: text, legalEntities: ["ACME", "BRAVO"])
        let revoked = try Tokens(
            text: text + tokenLine("revoked", "admin", "token revoked", "*"), legalEntities: ["ACME", "BRAVO"])
        let site = try Self.site(url, tokens: hasTokens ? revoked : nil)
        api = OperatorAPI(site)
        // What was good before the reload opens nothing after it.
        if hasTokens { api.replace(tokens: tokens) }
    }

    static func connect(_ url: String) throws -> Connection {
        var settings = try ConnectionSettings(url)
        settings.searchPath = "sluice"
        return try Connection(settings)
    }

    static func site(_ url: String, tokens: Tokens?) throws -> Site {
        let pool = StorePool(
            name: "eu", settings: ReaderSession.settings(try ConnectionSettings(url)))
        return Site(
            tokens: tokens, stores: [pool], storeOfEntity: ["ACME": 0, "BRAVO": 0], live: live,
            orderJSON: { view in Array(#"{"order_ref":"\#(view.orderRef)","events":\#(view.timeline.count)}"#.utf8) },
            awaitedJSON: { names in Array(#"{"awaited":\#(names.count)}"#.utf8) })
    }

    /// Nobody listens there.
    static var unreachable: ConnectionSettings {
        get throws { try ConnectionSettings("postgresql://127.0.0.1:1/none") }
    }

    static let live = Live(
        lanes: {
            ["ACME", "BRAVO", "unknown"].map {
                Live.Lane(legalEntity: $0, warehouse: "\($0)-ONLY", events: 3, bytes: 900, oldestSeconds: 1.5)
            }
        },
        entities: {
            ["ACME", "BRAVO"].map {
                Live.Entity(
                    legalEntity: $0, events: 12,
                    destination: Live.Destination(breaker: "closed", limit: 4, inFlight: 1, isOwner: true))
            }
        },
        partitions: {
            (0..<2).map {
                Live.Partition(topic: "BRAVO-ONLY", partition: $0, status: "ok", lagRecords: 5, lagSeconds: 0.5)
            }
        },
        faults: { [] }, reasons: { [Live.Reason(dependency: "kafka", reason: "no broker is reached")] },
        metrics: { request in
            request.parameter("legal_entity") == "CHARLIE"
                ? Problem(404, "There is no such legal entity.").response : .text(200, "# EOF\n")
        })

    /// The reply of `path` for who has `token`.
    func get(_ path: String, token: String? = nil) -> HTTPResponse {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var request = HTTPRequest(method: "GET", path: parts[0].removingPercentEncoding ?? parts[0], rawPath: parts[0])
        if parts.count == 2 {
            request.query = parts[1].split(separator: "&").map { pair in
                let sides = pair.split(separator: "=", maxSplits: 1).map { $0.removingPercentEncoding ?? "" }
                return (name: sides[0], value: sides.count > 1 ? sides[1] : "")
            }
        }
        if let token { request.headers = [("authorization", token)] }
        guard case .reply(let response) = api.answer(request) else { return .text(500, "no reply") }
        return response
    }

    func object(_ path: String, token: String? = nil) throws -> [String: Any] {
        let response = get(path, token: token)
        let value = try JSONSerialization.jsonObject(with: Data(response.body))
        return value as? [String: Any] ?? [:]
    }

    func number(_ sql: String) throws -> Int64 {
        var connection = try Self.connect(url)
        return try connection.execute(sql).int64(0, 0)
    }

    private static func fill(_ connection: inout Connection) throws {
        var order = Order()
        order.path = .received
        var document: [UInt8] = []
        order.writeDocument(to: &document)
        let text = String(decoding: document, as: UTF8.self)
        try connection.execute(
            """
            INSERT INTO source_partitions (topic, partition) VALUES ('t', 0);
            INSERT INTO orders (revision, version, updated_at, state, legal_entity, order_ref, document)
            SELECT 1, 1, now(), 1, e, e || '-ONLY-' || i, '\(text)'
            FROM unnest('{ACME,BRAVO}'::text[]) e, generate_series(1, 3) i;
            INSERT INTO journal (source_offset, occurred_at, recorded_at, content_hash, order_version, source_partition,
                                 outcome, disposition, status, milestone, state_before, state_after, legal_entity,
                                 channel, event_id, order_ref, warehouse)
            SELECT CASE e WHEN 'ACME' THEN i ELSE 10 + i END, now(), now(), i, 1, 1, 1, 1, 1, 0, 0, 1, e, 'c',
                   'e-' || i,
                   e || '-ONLY-' || i, '' FROM unnest('{ACME,BRAVO}'::text[]) e, generate_series(1, 3) i;
            INSERT INTO backlog (since, due_at, legal_entity, order_ref)
            SELECT now() - interval '1 minute', now(), e, e || '-ONLY-' || i
            FROM unnest('{ACME,BRAVO}'::text[]) e, generate_series(1, 2) i;
            INSERT INTO exceptions (first_seen, last_seen, legal_entity, order_ref, code, severity, detail, resolved_at,
                                    resolved_by)
            SELECT now(), now(), e, e || '-ONLY-' || i, 'price_mismatch', 'error', e || '-ONLY detail',
                   CASE WHEN i > 3 THEN now() END, CASE WHEN i > 3 THEN 'sluice' END
            FROM unnest('{ACME,BRAVO}'::text[]) e, generate_series(1, 5) i;
            INSERT INTO partition_ledger (first_offset, next_offset, records, recorded_at, source_partition, entities,
                                          counts, instance)
            VALUES (0, 20, 6, now(), 1, '{ACME,BRAVO}', '{3,3}', 'BRAVO-ONLY');
            INSERT INTO dead_letters (source_offset, recorded_at, source_partition, payload_bytes, channel, reason,
                                      detail) VALUES (30, now(), 1, 5, 'c', 'not_json', 'BRAVO-ONLY');
            INSERT INTO order_references (learned_at, kind, legal_entity, issuer, value, order_ref, waiting) VALUES
                (now(), 3, 'ACME', 'wms', 'W-1', 'ACME-ONLY-1', 0),
                (now(), 3, 'BRAVO', 'wms', 'W-1', 'BRAVO-ONLY-1', 0),
                (now(), 5, 'ACME', 'dhl', 'T-9', '', 2);
            INSERT INTO shared_references (learned_at, kind, legal_entity, issuer, value, order_ref) VALUES
                (now(), 5, 'ACME', 'dhl', 'T-1', 'ACME-ONLY-1'), (now(), 5, 'ACME', 'dhl', 'T-1', 'ACME-ONLY-2');
            SELECT sluice_read.note_access('desk', 'viewer', 'order.read', e, e || '-ONLY-1', 'read')
            FROM unnest('{ACME,BRAVO}'::text[]) e
            """)
    }
}

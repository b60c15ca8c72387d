public import Postgres

/// A legal entity's deliveries, owned.
public struct DeliveryLease: Hashable, Sendable {
    /// The legal entity.
    public var legalEntity: String
    /// Counts the changes of owner.
    public var epoch: Int64
    /// Who owns it; a name that no other process has, nor had.
    public var owner: String

    /// A lease; see the properties.
    public init(legalEntity: String, epoch: Int64, owner: String) {
        self.legalEntity = legalEntity
        self.epoch = epoch
        self.owner = owner
    }
}

/// Which instance delivers which legal entity's orders.
public enum Ownership {
    /// text owner, microseconds -> whether the row is new: it was removed, or never there.
    private static let heartbeat = Statement(
        "ownership_heartbeat",
        """
        INSERT INTO delivery_instances (expires_at, owner) VALUES (now() + $2 * interval '1 microsecond', $1)
        ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at RETURNING xmax = 0
        """)
    /// Its row lock and the heartbeat's decide between them: a row that was renewed meanwhile stays.
    private static let expire = Statement(
        "ownership_expire", "DELETE FROM delivery_instances WHERE expires_at <= now()")
    /// text[] legal entities, text owner, bigint limit -> those that `owner` has then, with their epochs.
    private static let claim = Statement(
        "ownership_claim",
        """
        INSERT INTO delivery_owners AS d (epoch, legal_entity, owner)
        SELECT 1, e, $2 FROM unnest($1::text[]) AS r(e)
        WHERE NOT EXISTS (
            SELECT FROM delivery_owners o JOIN delivery_instances i ON i.owner = o.owner
            WHERE o.legal_entity = r.e AND o.owner <> $2)
        ORDER BY e LIMIT $3
        ON CONFLICT (legal_entity) DO UPDATE
        SET epoch = d.epoch + CASE WHEN d.owner = excluded.owner THEN 0 ELSE 1 END, owner = excluded.owner
        WHERE d.owner = excluded.owner OR NOT EXISTS (SELECT FROM delivery_instances i WHERE i.owner = d.owner)
        RETURNING legal_entity, epoch
        """)
    /// What the owner before left under way is due at once, for its new owner to look at.
    private static let inherit = Statement(
        "ownership_inherit",
        """
        UPDATE backlog SET due_at = now() WHERE legal_entity = ANY ($1::text[]) AND visited_at IS NOT NULL
        """)
    /// text end of names, text[] legal entities -> living instances whose names end so and which stay, and how many of
    /// the legal entities they own.
    private static let living = Statement(
        "ownership_living",
        """
        SELECT i.owner, count(d.legal_entity) FROM delivery_instances i
        LEFT JOIN delivery_owners d ON d.owner = i.owner AND d.legal_entity = ANY ($2::text[])
        WHERE right(i.owner, length($1)) = $1 AND NOT i.is_leaving GROUP BY i.owner
        """)
    /// text owner, boolean all, text[] legal entities: the rows stay, and their epochs go on from where they are.
    private static let giveUp = Statement(
        "ownership_give_up",
        """
        UPDATE delivery_owners SET owner = '' WHERE owner = $1 AND ($2 OR legal_entity = ANY ($3::text[]))
        """)
    private static let leave = Statement(
        "ownership_leave", "UPDATE delivery_instances SET is_leaving = true WHERE owner = $1")
    private static let release = Statement("ownership_release", "DELETE FROM delivery_instances WHERE owner = $1")

    /// Says that `owner` lives, for `lease` microseconds, and that those whose time is up do not.
    ///
    /// - Returns: whether it is new to the others: it owns nothing until it has claimed it again.
    public static func heartbeat(
        owner: String, lease: Int64, _ connection: inout Connection
    ) throws(StoreError) -> Bool {
        var parameters = Parameters()
        parameters.text(owner)
        parameters.int64(lease)
        do {
            let rows = try connection.query(heartbeat, parameters)
            let isNew = rows.count > 0 && rows.bool(0, 0)
            _ = try connection.query(expire, Parameters())
            return isNew
        } catch { throw StoreError("the ownership of deliveries cannot be renewed", underlying: error) }
    }

    /// Takes those of `legalEntities` that no living instance has, the first by name, at most `limit`.
    ///
    /// - Returns: those that `owner` has then; entities that others have are missing.
    public static func claim(
        _ legalEntities: [String], limit: Int, owner: String, _ connection: inout Connection
    ) throws(StoreError) -> [DeliveryLease] {
        guard !legalEntities.isEmpty, limit > 0 else { return [] }
        var parameters = Parameters()
        parameters.texts(legalEntities)
        parameters.text(owner)
        parameters.int64(Int64(limit))
        do {
            let rows = try connection.query(claim, parameters)
            return (0..<rows.count).map {
                DeliveryLease(legalEntity: rows.text($0, 0), epoch: rows.int64($0, 1), owner: owner)
            }
        } catch { throw StoreError("the ownership of deliveries cannot be read", underlying: error) }
    }

    /// The living instances whose names end with `group`, and how many of `legalEntities` each owns.
    public static func living(
        group: String, counting legalEntities: [String], _ connection: inout Connection
    ) throws(StoreError) -> [(name: String, owned: Int)] {
        var parameters = Parameters()
        parameters.text(group)
        parameters.texts(legalEntities)
        do {
            let rows = try connection.query(living, parameters)
            return (0..<rows.count).map { (rows.text($0, 0), Int(rows.int64($0, 1))) }
        } catch { throw StoreError("the ownership of deliveries cannot be read", underlying: error) }
    }

    /// Gives up what `owner` has of `legalEntities`, nil: everything; it lives on, and others may claim that at once.
    public static func giveUp(
        _ legalEntities: [String]? = nil, owner: String, _ connection: inout Connection
    ) throws(StoreError) {
        if let legalEntities, legalEntities.isEmpty { return }
        var parameters = Parameters()
        parameters.text(owner)
        parameters.bool(legalEntities == nil)
        parameters.texts(legalEntities ?? [])
        do {
            _ = try connection.query(giveUp, parameters)
        } catch { throw StoreError("the ownership of deliveries cannot be given up", underlying: error) }
    }

    /// Says that `owner` is about to end: it claims nothing more, and what it gives up is shared without it.
    public static func leave(owner: String, _ connection: inout Connection) throws(StoreError) {
        var parameters = Parameters()
        parameters.text(owner)
        do {
            _ = try connection.query(leave, parameters)
        } catch { throw StoreError("the ownership of deliveries cannot be given up", underlying: error) }
    }

    /// Makes due what earlier owners of these entities left under way.
    public static func inherit(_ legalEntities: [String], _ connection: inout Connection) throws(StoreError) {
        guard !legalEntities.isEmpty else { return }
        var parameters = Parameters()
        parameters.texts(legalEntities)
        do {
            _ = try connection.query(inherit, parameters)
        } catch { throw StoreError("deliveries of an earlier owner cannot be taken over", underlying: error) }
    }

    /// Ends `owner`: everything that it has is free, so that others need not wait.
    public static func release(owner: String, _ connection: inout Connection) throws(StoreError) {
        var parameters = Parameters()
        parameters.text(owner)
        do {
            _ = try connection.query(release, parameters)
        } catch { throw StoreError("the ownership of deliveries cannot be given up", underlying: error) }
    }
}

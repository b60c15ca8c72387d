/// A statement with a name, prepared on each connection at its first use.
///
/// Name and text are literals, so no value can ever be part of the text.
public struct Statement: Sendable {
    /// Unique among the statements of a connection.
    public let name: String
    /// The text, with `$1`, `$2`, ...
    ///
    /// for the parameters.
    public let sql: String

    /// A statement; one name belongs to one text.
    public init(_ name: StaticString, _ sql: StaticString) {
        self.name = name.description
        self.sql = sql.description
    }
}

/// The types that parameters can have, by the OID that every PostgreSQL gives them.
public struct PostgresType: RawRepresentable, Hashable, Sendable {
    /// The OID in `pg_type`.
    public let rawValue: UInt32

    /// A type by its OID in `pg_type`; only built-in types have the same one everywhere.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `boolean`.
    public static let bool = PostgresType(rawValue: 16)
    /// `bytea`.
    public static let bytea = PostgresType(rawValue: 17)
    /// `bigint`.
    public static let int64 = PostgresType(rawValue: 20)
    /// `smallint`.
    public static let int16 = PostgresType(rawValue: 21)
    /// `integer`.
    public static let int32 = PostgresType(rawValue: 23)
    /// `text`.
    public static let text = PostgresType(rawValue: 25)
    /// `double precision`.
    public static let double = PostgresType(rawValue: 701)
    /// `timestamptz`.
    public static let timestamp = PostgresType(rawValue: 1184)
    /// `boolean[]`.
    public static let bools = PostgresType(rawValue: 1000)
    /// `bytea[]`.
    public static let byteas = PostgresType(rawValue: 1001)
    /// `smallint[]`.
    public static let int16s = PostgresType(rawValue: 1005)
    /// `integer[]`.
    public static let int32s = PostgresType(rawValue: 1007)
    /// `text[]`.
    public static let texts = PostgresType(rawValue: 1009)
    /// `bigint[]`.
    public static let int64s = PostgresType(rawValue: 1016)
    /// `timestamptz[]`.
    public static let timestamps = PostgresType(rawValue: 1185)
}

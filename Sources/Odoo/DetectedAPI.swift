internal import Synchronization

/// The protocol that the server's version asks for, found out at the first call.
///
/// `/json/2` from 19 on; before, `/jsonrpc`. Costs one or two requests, once; asked again when what was found is not
/// there any more.
public final class DetectedAPI: OdooAPI {
    /// The first release that has `/json/2`.
    public static let firstJSON2 = 19

    private let json2: JSON2API
    private let jsonRPC: JSONRPCAPI
    private let found = Mutex<Bool?>(nil)

    /// One server by both of its protocols.
    public init(json2: JSON2API, jsonRPC: JSONRPCAPI) {
        self.json2 = json2
        self.jsonRPC = jsonRPC
    }

    /// Makes one call; see `OdooAPI`.
    public func call(_ call: OdooCall) async throws(OdooFailure) -> OdooValue {
        let isJSON2 = try await speaksJSON2()
        do throws(OdooFailure) {
            return isJSON2 ? try await json2.call(call) : try await jsonRPC.call(call)
        } catch {
            // Another server may answer here now.
            if error.kind == .configuration, error.name.hasPrefix("http.") { found.withLock { $0 = nil } }
            throw error
        }
    }

    /// The server's version by whichever endpoint it has.
    public func version() async throws(OdooFailure) -> String {
        do throws(OdooFailure) {
            return try await json2.version()
        } catch {
            guard error.kind == .configuration else { throw error }
            return try await jsonRPC.version()
        }
    }

    private func speaksJSON2() async throws(OdooFailure) -> Bool {
        if let known = found.withLock({ $0 }) { return known }
        let version = try await version()
        guard let major = Self.major(version) else {
            throw OdooFailure(
                .configuration, name: "sluice.UnknownVersion", reason: "the server's version cannot be read",
                operation: "web/version")
        }
        let isJSON2 = major >= Self.firstJSON2
        found.withLock { $0 = isJSON2 }
        return isJSON2
    }

    /// The release: 18 of `18.0-20250702`, 19 of `19.0+e-20251227` and of `saas~19.1+e`; nil: not a version of Odoo.
    public static func major(_ version: String) -> Int? {
        let number = version.hasPrefix("saas~") ? version.dropFirst("saas~".count) : version[...]
        return Int(number.prefix { $0.isASCII && $0.isNumber })
    }
}

/// Which external API is spoken with a server.
public enum OdooInterface: String, CaseIterable, Sendable {
    /// As the server's version asks for.
    case auto
    /// `/json/2`: 19 and newer.
    case json2
    /// `/jsonrpc`: up to 18, deprecated after.
    case jsonrpc

    /// One database behind this interface; see `JSON2API` and `JSONRPCAPI`.
    public func api(
        url: String, database: String, login: String, key: String, exchange: HTTPExchange
    ) -> any OdooAPI {
        let json2 = JSON2API(url: url, database: database, key: key, exchange: exchange)
        let jsonRPC = JSONRPCAPI(url: url, database: database, login: login, key: key, exchange: exchange)
        return switch self {
        case .auto: DetectedAPI(json2: json2, jsonRPC: jsonRPC)
        case .json2: json2
        case .jsonrpc: jsonRPC
        }
    }
}

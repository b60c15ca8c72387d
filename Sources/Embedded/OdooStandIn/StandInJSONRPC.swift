internal import HTTPServer

// `/jsonrpc` as it was recorded: every answer is an HTTP 200, failures too, but for a body that cannot be read.

extension StandInDesk {
    private static let objectMethods = ["execute_kw", "execute"]
    /// The first user's number.
    private static let firstUser = 5
    /// Names of arguments that are given by their place, by method; what is not listed has its arguments by name only.
    private static let places: [String: [String]] = [
        "create": ["vals_list"], "write": ["vals"], "load": ["fields", "data"], "read": ["fields"],
        "search_read": ["domain", "fields", "offset", "limit", "order"], "search_count": ["domain"],
        "check_object_reference": ["module", "xml_id"], "message_post": [],
    ]
    /// Methods of a model itself, which take no ids.
    private static let ofModel: Set<String> = [
        "create", "load", "search_read", "search_count", "check_object_reference", "context_get",
    ]
    /// Methods whose answer for one record is the record's number, not a list.
    private static let answersNumber: Set<String> = ["message_post"]

    func jsonRPC(_ request: HTTPRequest) -> HTTPAnswer {
        guard (request.header("content-type") ?? "").lowercased().hasPrefix("application/json") else {
            return .reply(html(400, "<title>400 Bad Request</title>\n"))
        }
        guard let body = StandInValue.parse(request.body) else { return .reply(.text(400, "Invalid JSON data")) }
        guard case .object = body else { return .reply(.text(400, "Invalid JSON-RPC data")) }
        let id = body["id"] ?? .null
        let old = release < 19
        do throws(StandInException) {
            guard let service = body["params"]?["service"]?.asText, let method = body["params"]?["method"]?.asText,
                let arguments = body["params"]?["args"]?.asList
            else { throw .rpc("builtins.TypeError", "RPC.jsonrpc() missing 3 required positional arguments") }
            switch service {
            case "common": return .reply(Self.answer(.success(try common(method, arguments)), id, old))
            case "object": return try object(method, arguments, id)
            default: throw .rpc("builtins.KeyError", service)
            }
        } catch {
            return .reply(Self.answer(.failure(error), id, old))
        }
    }

    private func common(_ method: String, _ arguments: [StandInValue]) throws(StandInException) -> StandInValue {
        switch method {
        case "version":
            return .object([
                "server_version": .text(versionText), "server_version_info": versionNumbers,
                "server_serie": .text("\(release).0"), "protocol_version": 1,
            ])
        case "authenticate", "login":
            guard arguments.count >= 3 else { throw .rpc("builtins.IndexError", "list index out of range") }
            guard arguments[0].asText == database else { throw noDatabase(arguments[0]) }
            let index = keys.firstIndex { user in
                user.key == arguments[2].asText && user.login.map { $0 == arguments[1].asText } ?? true
            }
            return index.map { .integer($0 + Self.firstUser) } ?? .bool(false)
        default: throw .rpc("builtins.NameError", "Method not available \(method)")
        }
    }

    private func object(
        _ method: String, _ arguments: [StandInValue], _ id: StandInValue
    ) throws(StandInException) -> HTTPAnswer {
        guard Self.objectMethods.contains(method) else {
            throw .rpc("builtins.NameError", "Method not available \(method)")
        }
        guard arguments.count >= 5, let user = arguments[1].asInteger, let key = arguments[2].asText,
            let model = arguments[3].asText, let called = arguments[4].asText
        else { throw .rpc("builtins.IndexError", "list index out of range") }
        guard arguments[0].asText == database else { throw noDatabase(arguments[0]) }
        guard keys.indices.contains(user - Self.firstUser) else { throw .missing("res.users", user) }
        guard keys[user - Self.firstUser].key == key, let companies = companies(ofKey: key) else {
            throw .rpc("odoo.exceptions.AccessDenied", "Access Denied")
        }
        var members: [String: StandInValue] = [:]
        if arguments.count > 6, case .object(let named) = arguments[6] { members = named }
        var places = arguments.count > 5 ? arguments[5].asList ?? [] : []
        if !Self.ofModel.contains(called), !places.isEmpty { members["ids"] = places.removeFirst() }
        for (name, value) in zip(Self.places[called] ?? [], places) { members[name] = value }
        // One record is answered as its number, a list as a list.
        var answersNumber = Self.answersNumber.contains(called)
        if called == "create", case .object? = members["vals_list"] { answersNumber = true }
        let old = release < 19
        let isSingle = answersNumber
        return work(model, called, try call(.object(members), companies)) { result in
            Self.answer(result.map { isSingle ? $0.asList?.first ?? $0 : $0 }, id, old)
        }
    }

    private func noDatabase(_ name: StandInValue) -> StandInException {
        .rpc("psycopg2.OperationalError", "FATAL:  database \"\(name.asText ?? "")\" does not exist\n")
    }

    private static func answer(
        _ result: Result<StandInValue, StandInException>, _ id: StandInValue, _ old: Bool
    ) -> HTTPResponse {
        var members: [String: StandInValue] = ["jsonrpc": "2.0", "id": id]
        switch result {
        // What returns nothing has no result.
        case .success(.null): break
        case .success(let value): members["result"] = value
        case .failure(let exception):
            var told = exception
            told.name = rpcName(exception)
            members["error"] = .object([
                "code": .integer(old ? 200 : 0), "message": "Odoo Server Error",
                "data": StandInValue.parse(Array(told.body.utf8)) ?? .null,
            ])
        }
        return .json(200, StandInValue.object(members).json)
    }

    /// What the routes of `/json/2` make an HTTP exception of is Python's own here.
    private static func rpcName(_ exception: StandInException) -> String {
        switch exception.name {
        case "werkzeug.exceptions.UnprocessableEntity": "builtins.TypeError"
        case "werkzeug.exceptions.NotFound" where exception.message.contains("the model"):
            "odoo.exceptions.UserError"
        case "werkzeug.exceptions.NotFound": "builtins.AttributeError"
        default: exception.name
        }
    }
}

extension StandInException {
    fileprivate static func rpc(_ name: String, _ message: String) -> Self {
        Self(status: 200, name: name, message: message)
    }
}

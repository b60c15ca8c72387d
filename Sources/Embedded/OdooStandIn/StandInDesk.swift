internal import Dispatch
internal import Foundation
internal import HTTPServer
internal import Synchronization

/// Takes requests, keeps the books and the journal, and misbehaves when told to.
final class StandInDesk: Sendable {
    struct World {
        var books: StandInBooks
        let journal: StandInJournal
        var faults: StandInFaultPlan
        var latency: StandInLatency
        /// External ids that a call is creating, with how many calls.
        var creating: [String: Int] = [:]
        var calls: [String: Int] = [:]
        /// The newest requests that named a trace, the oldest of them first.
        var traced: [(path: String, traceparent: String)] = []
        var workers: Int
        /// Warehouses whose stock a call is moving.
        var moving: Set<Int> = []
        var random: StandInRandom
        var longest: Duration = .zero
    }

    /// How many traced requests are remembered.
    private static let tracedBound = 1000

    let world: Mutex<World>
    private let pause = StandInPause()
    private let free: DispatchSemaphore
    let database: String
    let release: Int
    /// Ids of the companies that a key sees, by key.
    private let users: [String: [Int]]
    /// Keys in the sequence of their users, whose numbers begin at 5.
    let keys: [(key: String, login: String?)]

    init(_ settings: OdooStandInSettings) throws(OdooStandInError) {
        var books = try StandInBooks(settings)
        let journal = try StandInJournal(folder: settings.folder, isDurable: settings.isDurable) { books.apply($0) }
        var users: [String: [Int]] = [:]
        for user in settings.users {
            var ids: [Int] = []
            for name in user.companies.isEmpty ? settings.companies : user.companies {
                guard let index = settings.companies.firstIndex(of: name) else {
                    throw OdooStandInError("the company \(name) of a user is not among the companies")
                }
                ids.append(index + 1)
            }
            users[user.key] = ids
        }
        self.users = users
        self.keys = settings.users.map { ($0.key, $0.login) }
        self.release = settings.release
        self.database = settings.database
        let workers = max(1, settings.workers)
        self.free = DispatchSemaphore(value: workers)
        self.world = Mutex(
            World(
                books: books, journal: journal, faults: StandInFaultPlan(seed: settings.seed),
                latency: settings.latency, workers: workers, random: StandInRandom(seed: settings.seed &+ 1)))
    }

    // MARK: Requests

    func answer(_ request: HTTPRequest) -> HTTPAnswer {
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        if let parent = request.header("traceparent") { note(request.path, parent) }
        switch path.first {
        case "web" where path.last == "health": return .reply(.json(200, "{\"status\": \"pass\"}"))
        case "web" where path.last == "version": return version()
        case "stand-in": return ownPath(request, path.last ?? "")
        case "json" where path.last == "version": return version()
        case "json" where path.count >= 2 && path[1] == "2" && release < 19:
            return .reply(html(303, "<title>Redirecting...</title>\n"))
        case "json" where path.count >= 2 && path[1] == "2": return json2(request, Array(path.dropFirst(2)))
        case "jsonrpc": return jsonRPC(request)
        case "json": return .reply(html(400, "<title>400 Bad Request</title>\n"))
        default: return .reply(html(404, StandInException.unknownDatabase.html ?? ""))
        }
    }

    private func version() -> HTTPAnswer {
        guard release >= 19 else { return .reply(html(404, "<title>Odoo</title>\n")) }
        return .reply(
            .json(200, StandInValue.object(["version_info": versionNumbers, "version": .text(versionText)]).json))
    }

    var versionNumbers: StandInValue { .list([.integer(release), 0, 0, "final", 0, ""]) }
    var versionText: String { "\(release).0+stand-in" }

    private func ownPath(_ request: HTTPRequest, _ name: String) -> HTTPAnswer {
        switch (request.method, name) {
        case ("POST", "faults"):
            do throws(OdooStandInError) {
                try instruct(request.body)
                return .reply(.json(200, "{}"))
            } catch {
                return .reply(.text(400, error.description))
            }
        case ("GET", "orders"): return .reply(.json(200, orders().json))
        case ("GET", "partners"): return .reply(.json(200, partners().json))
        case ("GET", "traces"): return .reply(.json(200, traces().json))
        case ("GET", "calls"):
            return .reply(.json(200, StandInValue.object(calls().mapValues(StandInValue.integer)).json))
        default: return .reply(.text(404, "no such path"))
        }
    }

    private func json2(_ request: HTTPRequest, _ path: [String]) -> HTTPAnswer {
        do throws(StandInException) {
            let companies = try authenticate(request)
            guard request.method == "POST", path.count == 2 else {
                throw .notFound("Did you mean POST /json/2/<model>/<method>?")
            }
            guard (request.header("content-type") ?? "").lowercased().hasPrefix("application/json") else {
                throw .mediaType
            }
            let call = try read(request.body, companies)
            return work(path[0], path[1], call) { [self] result in
                switch result {
                case .success(let value): .json(200, value.json)
                case .failure(let exception): reply(exception)
                }
            }
        } catch {
            return .reply(reply(error))
        }
    }

    /// Companies of the user with this key; nil: there is none.
    func companies(ofKey key: String) -> [Int]? { users[key] }

    private func authenticate(_ request: HTTPRequest) throws(StandInException) -> [Int] {
        if let named = request.header("x-odoo-database"), named != database { throw .unknownDatabase }
        let words = (request.header("authorization") ?? "").split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer" else {
            throw .unauthorized("User not authenticated, use an API Key with a Bearer Authorization header.")
        }
        guard let companies = users[String(words[1])] else { throw .unauthorized("Invalid apikey") }
        return companies
    }

    private func read(_ bytes: [UInt8], _ companies: [Int]) throws(StandInException) -> StandInCall {
        var body = StandInValue.object([:])
        if !bytes.isEmpty {
            guard let value = StandInValue.parse(bytes) else { throw .badRequest("could not parse the body as json") }
            // What is no object counts as no arguments.
            if case .object = value { body = value }
        }
        return try call(body, companies)
    }

    /// A call as the methods take it: within the companies that its context names.
    func call(_ body: StandInValue, _ companies: [Int]) throws(StandInException) -> StandInCall {
        var visible = companies
        if let wanted = body["context"]?["allowed_company_ids"]?.asList?.compactMap(\.asInteger), !wanted.isEmpty {
            guard wanted.allSatisfy(companies.contains) else { throw .unauthorizedCompanies }
            visible = wanted
        }
        return StandInCall(body: body, companies: visible, now: Self.clock(), release: release)
    }

    // MARK: Work

    /// Takes a call in and answers it as `render` says, unless a fault is to meet it.
    func work(
        _ model: String, _ method: String, _ call: StandInCall,
        _ render: @escaping @Sendable (Result<StandInValue, StandInException>) -> HTTPResponse
    ) -> HTTPAnswer {
        let operation = "\(model)/\(method)"
        let (fault, latency, round) = world.withLock { world -> (StandInFault?, StandInLatency, Int) in
            world.calls[operation, default: 0] += 1
            return (world.faults.meet(operation), world.latency, pause.round)
        }
        let milliseconds = latency.milliseconds(Self.priced(operation, call), records: Self.records(call))
        switch fault?.kind {
        case .fail:
            let exception = StandInException(
                status: fault?.status ?? 500, name: fault?.name ?? "psycopg2.errors.SerializationFailure",
                message: "told to fail", html: fault?.name == "" ? "<html>told to fail</html>" : nil)
            return .reply(fault?.name == "" ? reply(exception) : render(.failure(exception)))
        case .drop: return .close
        case .late:
            let wait = fault?.milliseconds ?? 0
            Self.later.asyncAfter(deadline: .now() + wait / 1000) { [self] in
                _ = perform(model, method, call, milliseconds)
            }
            return .close
        case .loseAnswer:
            _ = perform(model, method, call, milliseconds)
            return .close
        case .slow:
            let held = fault?.milliseconds ?? 0
            return .reply(
                render(
                    perform(model, method, call, milliseconds) { [pause] in
                        pause.wait(milliseconds: held, round: round)
                    }))
        case nil: return .reply(render(perform(model, method, call, milliseconds)))
        }
    }

    /// Where calls go on whose client has been left alone, and where workers leave.
    private static let later = DispatchQueue(label: "odoo-stand-in.later", attributes: .concurrent)

    /// One transaction: waits for a worker, takes its time, and is kept durably before it is answered.
    private func perform(
        _ model: String, _ method: String, _ call: StandInCall, _ milliseconds: Double, hold: () -> Void = {}
    ) -> Result<StandInValue, StandInException> {
        free.wait()
        let start = ContinuousClock.now
        defer {
            world.withLock { $0.longest = max($0.longest, ContinuousClock.now - start) }
            free.signal()
        }
        do throws(StandInException) {
            var load: StandInLoad?
            if method == "load", model == "sale.order" || model == "res.partner" { load = try StandInLoad(model, call) }
            let (mine, loses) = begin(load)
            let warehouses = claimWarehouses(model, method, call)
            defer { letGo(warehouses) }
            if milliseconds > 0 { Thread.sleep(forTimeInterval: milliseconds / 1000) }
            hold()
            defer { end(mine) }
            if loses, let load { return .success(load.conflict) }
            let value = try world.withLock { world throws(StandInException) -> StandInValue in
                let (value, facts) = try StandInMethods.run(model, method, call, &world.books)
                if !facts.isEmpty {
                    guard world.journal.append(.all(facts)) else {
                        throw StandInException(
                            status: 500, name: "psycopg2.OperationalError", message: "the journal cannot be written")
                    }
                    world.books.apply(.all(facts))
                }
                return value
            }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    /// Notes what a load is about to create; it loses when another one is creating the same.
    private func begin(_ load: StandInLoad?) -> (mine: [String], loses: Bool) {
        guard let load else { return ([], false) }
        return world.withLock { world in
            let names = load.created(in: world.books)
            let loses = names.contains { world.creating[$0] != nil }
            if loses { return ([], true) }
            for name in names { world.creating[name, default: 0] += 1 }
            return (names, false)
        }
    }

    private func end(_ names: [String]) {
        guard !names.isEmpty else { return }
        world.withLock { world in
            for name in names {
                let left = (world.creating[name] ?? 1) - 1
                world.creating[name] = left > 0 ? left : nil
            }
        }
    }

    // MARK: Orders of the house

    private struct Instructions: Codable {
        struct Latency: Codable {
            var milliseconds: Double?
            var recordedDividedBy: Double?

            enum CodingKeys: String, CodingKey {
                case milliseconds
                case recordedDividedBy = "recorded_divided_by"
            }
        }
        var faults: [StandInFault]?
        /// Model -> codes that its searches do not find.
        var absent: [String: Set<String>]?
        var latency: Latency?
        var workers: Int?
    }

    func instruct(_ bytes: [UInt8]) throws(OdooStandInError) {
        guard let told = try? JSONDecoder().decode(Instructions.self, from: Data(bytes)) else {
            throw OdooStandInError("the instructions cannot be read")
        }
        let change = world.withLock { world -> Int in
            world.faults.replace(told.faults ?? [])
            pause.end()
            world.books.hidden = told.absent ?? [:]
            if let divisor = told.latency?.recordedDividedBy {
                world.latency = .recorded(dividedBy: divisor)
            } else if let milliseconds = told.latency?.milliseconds {
                world.latency = milliseconds > 0 ? .fixed(milliseconds: milliseconds) : .none
            }
            let wanted = max(1, told.workers ?? world.workers)
            defer { world.workers = wanted }
            return wanted - world.workers
        }
        if change > 0 { for _ in 0..<change { free.signal() } }
        // Fewer workers: each leaves when it is free.
        if change < 0 { for _ in change..<0 { Self.later.async { [free] in free.wait() } } }
    }

    func longestCallSeconds() -> Double { world.withLock { $0.longest } / .seconds(1) }

    func calls() -> [String: Int] { world.withLock { $0.calls } }

    private func note(_ path: String, _ traceparent: String) {
        world.withLock { world in
            if world.traced.count >= Self.tracedBound { world.traced.removeFirst(Self.tracedBound / 2) }
            world.traced.append((path, traceparent))
        }
    }

    func traced() -> [(path: String, traceparent: String)] { world.withLock { $0.traced } }

    private func traces() -> StandInValue {
        .list(traced().map { .object(["path": .text($0.path), "traceparent": .text($0.traceparent)]) })
    }

    func orders() -> StandInValue {
        let books = world.withLock { $0.books }
        var names: [Int: String] = [:]
        for (name, target) in books.externalIDs where target.model == "sale.order" { names[target.record] = name }
        return .list(books.orders.values.sorted { $0.id < $1.id }.map { Self.dump($0, names[$0.id], books) })
    }

    private func partners() -> StandInValue {
        let books = world.withLock { $0.books }
        return .list(
            books.partners.values.sorted { $0.id < $1.id }.map {
                .object([
                    "id": .integer($0.id), "ref": .text($0.ref), "name": .text($0.name),
                    "company": $0.company.map { .text(books.companies[$0 - 1]) } ?? .null,
                ])
            })
    }

    // MARK: Answers

    func reply(_ exception: StandInException) -> HTTPResponse {
        if let text = exception.html { return html(exception.status, text) }
        return .json(exception.status, exception.body)
    }

    func html(_ status: Int, _ text: String) -> HTTPResponse {
        .bytes(status, type: "text/html; charset=utf-8", Array(text.utf8))
    }

    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    private static func clock() -> String {
        let text = Date().formatted(.iso8601)
        return String(text.prefix(10)) + " " + String(text.dropFirst(11).prefix(8))
    }

    /// A load with the one column `id` is a look-up, and costs as one.
    private static func priced(_ operation: String, _ call: StandInCall) -> String {
        operation == "sale.order/load" && call.body["fields"]?.asList?.count == 1 ? "sale.order/lookup" : operation
    }

    private static func records(_ call: StandInCall) -> Int {
        if let rows = call.body["data"]?.asList {
            return rows.count { $0.asList?.first?.asText?.isEmpty == false }
        }
        if let orders = call.body["context"]?["active_ids"]?.asList { return orders.count }
        return call.body["ids"]?.asList?.count ?? 1
    }
}

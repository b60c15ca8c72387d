import Configuration
import Foundation
import HTTPServer
import Metrics
import OperatorAPI
import Synchronization

/// A running Sluice: the HTTP server, which stays, and the pipeline behind it, which a reload exchanges.
///
/// `start`, `reload` and `stop` are called by one thread, one after the other; the server answers meanwhile.
final class Instance: Sendable {
    let server: HTTPServer
    let api: OperatorAPI
    let log: Log
    let notifier: ServiceNotifier
    let http: HTTPSettings
    private let requests: RequestCounts
    private let reloads: ReloadCounts
    private let running: Mutex<Pipeline>

    /// Listens, and makes everything; nothing runs before `start`.
    init(
        _ configuration: Configuration, log: Log, notifier: ServiceNotifier = ServiceNotifier()
    ) throws(CommandFailure) {
        self.log = log
        self.notifier = notifier
        http = configuration.http
        let requests = RequestCounts()
        let reloads = ReloadCounts()
        self.requests = requests
        self.reloads = reloads
        let tokens = try Self.tokens(configuration)
        let pipeline = try Pipeline(configuration, log: log)
        requests.show(in: pipeline.registry)
        reloads.show(in: pipeline.registry)
        running = Mutex(pipeline)
        let api = OperatorAPI(
            try pipeline.site(tokens: tokens),
            answered: { path, status in requests.count(path, status) },
            refused: { caller, path in
                log.warning("http.denied", [("token.name", .text(caller)), ("path", .text(path))])
            })
        self.api = api
        do throws(HTTPServerError) {
            // A probe or scrape that waits for a core behind the load says that the process is slow, or dead.
            server = try HTTPServer(
                host: http.host, port: http.port, limits: Self.limits(http), isPreferred: true
            ) { request in
                api.answer(request)
            }
        } catch {
            throw CommandFailure(code: .unavailable, message: error.description)
        }
        requests.refused = { [weak server] in server?.counts.refused ?? 0 }
    }

    /// The pipeline that runs now.
    var pipeline: Pipeline { running.withLock { $0 } }

    /// What is taken from clients: reads only.
    private static func limits(_ http: HTTPSettings) -> HTTPLimits {
        var limits = HTTPLimits()
        limits.methods = ["GET", "HEAD"]
        // A web page could reach a server on loopback by a name of its own that resolves to it. Through a proxy the
        // name is the proxy's, and a token is needed.
        if http.isLoopback, !http.isBehindTLS { limits.allowedHosts = ["localhost", "127.0.0.1", "::1", http.host] }
        return limits
    }

    /// The tokens that the configuration names, read now; nil: none are needed.
    private static func tokens(_ configuration: Configuration) throws(CommandFailure) -> Tokens? {
        guard let reference = configuration.http.tokens else { return nil }
        do {
            return try Tokens(
                text: reference.resolve(), legalEntities: Set(configuration.entities.map(\.name)))
        } catch {
            throw CommandFailure(code: .configuration, message: "http.tokens: \(error)")
        }
    }

    /// Starts everything; waits for the stores, because nothing can be kept without them.
    ///
    /// Returns false when `isStopping` says so meanwhile.
    func start(isStopping: @Sendable () -> Bool) throws(CommandFailure) -> Bool {
        server.start()
        log.info("http.listening", [("address", .text("\(http.host):\(server.port)"))])
        let notifier = notifier
        guard try pipeline.start(isStopping: isStopping, waiting: { notifier.waiting(for: $0) }) else { return false }
        reloads.succeeded()
        if let interval = notifier.watchdogInterval { startWatchdog(interval) }
        notifier.ready()
        return true
    }

    /// Stops from the front to the back; returns whether everything polled was done.
    func stop() -> Bool {
        notifier.stopping()
        let isDrained = pipeline.stop()
        server.stop()
        log.info("pipeline.stopped", [("drained", .flag(isDrained))])
        log.flush()
        return isDrained
    }

    private func startWatchdog(_ interval: Duration) {
        let seconds = Double(interval.wholeMicroseconds) / 1_000_000
        Thread.detachNewThread { [weak self] in
            Thread.current.name = "watchdog"
            while let self {
                // Who does not live is not spoken for: the service manager ends it.
                if self.pipeline.health.faults().isEmpty { self.notifier.watchdog() }
                Thread.sleep(forTimeInterval: seconds)
            }
        }
    }

    // MARK: Reload

    /// Reads the configuration at `path`, credentials and tokens anew.
    ///
    /// All of it takes effect, or nothing: then the one before runs on, and the log says why.
    func reload(path: String, isStopping: @Sendable () -> Bool) {
        notifier.reloading()
        defer { notifier.ready() }
        do throws(CommandFailure) {
            let change = try apply(path: path, isStopping: isStopping)
            reloads.succeeded()
            log.info("config.reloaded", [("change", .text(change.rawValue))])
        } catch {
            reloads.refused()
            for line in error.message.split(separator: "\n") {
                log.error("config.refused", [("reason", .text(String(line)))])
            }
        }
    }

    /// What a reload changed.
    private enum Change: String {
        case nothing, tokens, everything
    }

    private func apply(
        path: String, isStopping: @Sendable () -> Bool
    ) throws(CommandFailure) -> Change {
        let next = try ConfigurationSource.load(path: path)
        try checkListener(next.http)
        let tokens = try Self.tokens(next)
        let old = pipeline
        let secrets = try next.resolvedSecrets()
        var (a, b) = (old.wiring.configuration, next)
        (a.http, b.http) = (http, http)
        guard a != b || secrets != old.secrets else {
            api.replace(tokens: tokens)
            return tokens == nil ? .nothing : .tokens
        }
        // Everything that may be refused is refused here, while the old one runs.
        for warning in next.warnings { log.warning("config.warning", [("problem", .text(warning.description))]) }
        let new = try Pipeline(next, log: log)
        let site = try new.site(tokens: tokens)
        try new.prepareStores()
        requests.show(in: new.registry)
        reloads.show(in: new.registry)
        // Records that are in hand are finished under the old configuration, those after them begin under the new one.
        old.health.isChanging.store(true, ordering: .relaxed)
        _ = old.stop()
        do throws(CommandFailure) {
            guard try new.start(isStopping: isStopping, waiting: { _ in }) else { return .nothing }
        } catch {
            try restart(old.wiring.configuration, isStopping: isStopping)
            throw error
        }
        running.withLock { $0 = new }
        api.replace(site)
        return .everything
    }

    /// What the sockets are made of stays as it is.
    private func checkListener(_ next: HTTPSettings) throws(CommandFailure) {
        func refuse(_ key: String) -> CommandFailure {
            CommandFailure(code: .configuration, message: "http.\(key) changes with a restart only")
        }
        if next.host != http.host || next.port != http.port { throw refuse("listen") }
        if next.isBehindTLS != http.isBehindTLS { throw refuse("behind_tls") }
    }

    /// The new pipeline did not start although everything was looked at before: back to the old configuration.
    private func restart(
        _ configuration: Configuration, isStopping: @Sendable () -> Bool
    ) throws(CommandFailure) {
        log.error("config.taken_back", [("reason", "the new pipeline did not start")])
        let again = try Pipeline(configuration, log: log)
        requests.show(in: again.registry)
        reloads.show(in: again.registry)
        let tokens = try Self.tokens(configuration)
        api.replace(try again.site(tokens: tokens))
        running.withLock { $0 = again }
        _ = try again.start(isStopping: isStopping, waiting: { _ in })
    }
}

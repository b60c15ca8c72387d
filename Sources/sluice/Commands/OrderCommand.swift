import Configuration
import Foundation
import OrderEvents
import Orders
import Postgres
import Store

/// `sluice order`: everything about one order.
enum OrderCommand {
    static let specification = Arguments.Specification(
        synopsis: "sluice order ENTITY REF --config PATH [--json]",
        help: """
            Shows an order's state, what it waits for and since when, what each system says of it, its milestones, lines
            with quantities, shipments, invoices, payments, holds, references, timeline with outcomes and exceptions.
            REF is its canonical reference or any other name that an event gave it.
            """,
        options: ["config"], flags: ["json"], words: 2...2)

    static func run(_ words: [String]) throws(CommandFailure) -> Int32 {
        guard let arguments = try Arguments(words, specification) else { return 0 }
        let configuration = try ConfigurationSource.load(arguments)
        let (entity, reference) = (arguments.words[0], arguments.words[1])
        guard let settings = configuration.entities.first(where: { $0.name == entity }),
            let store = configuration.stores.first(where: { $0.name == settings.store })
        else {
            let known = configuration.entities.map(\.name).joined(separator: ", ")
            throw CommandFailure(code: .failed, message: "no legal entity \(entity) is configured; there are \(known)")
        }
        var session = try StoreAccess.read(store, .legalEntities([entity]))
        do {
            let found = try OrderView.find(reference, legalEntity: entity, &session.connection)
            guard found.orders.count == 1, let orderRef = found.orders.first else {
                return try show(found, entity, json: arguments.has("json"))
            }
            let view = try OrderView.read(orderRef, legalEntity: entity, &session.connection)
            // Before it is shown, so that nobody reads what nobody knows of.
            try AuditTrail.add(
                AuditTrail.Act(
                    actor: "command:\(NSUserName())", role: "admin", action: "order.read", legalEntity: entity,
                    subject: view?.orderRef ?? "", result: view == nil ? "not_found" : "read"), &session.connection)
            guard let view else {
                throw CommandFailure(code: .failed, message: "\(entity) has no order that goes by this reference")
            }
            let page = OrderPage(view: view, entity: settings)
            Output.line(arguments.has("json") ? JSONText.render(page.json, pretty: true) : page.text)
            return 0
        } catch let error as StoreError {
            throw CommandFailure(code: .unavailable, message: error.description)
        } catch let error as PostgresError {
            throw CommandFailure(code: .unavailable, message: "store \(store.name): \(error.message)")
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw CommandFailure(code: .software, message: "\(error)")
        }
    }

    /// None, or more than one, goes by the reference; events may wait for it.
    private static func show(_ found: OrderView.Found, _ entity: String, json: Bool) throws(CommandFailure) -> Int32 {
        guard found.orders.isEmpty else {
            let list = found.orders.joined(separator: "\n  ")
            throw CommandFailure(
                code: .failed, message: "\(found.orders.count) orders go by this reference; name one of\n  \(list)")
        }
        guard !found.awaited.isEmpty else {
            throw CommandFailure(code: .failed, message: "\(entity) has no order that goes by this reference")
        }
        if json {
            Output.line(JSONText.render(["awaited": found.awaited.map(AwaitedPage.json)], pretty: true))
        } else {
            Output.line(found.awaited.map(AwaitedPage.text).joined(separator: "\n\n"))
        }
        return CommandFailure.ExitCode.failed.rawValue
    }
}

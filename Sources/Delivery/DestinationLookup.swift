internal import Odoo
public import Orders
public import Store

// Validation asks through delivery, because the destination's limits and its breaker are here: what validation asks
// waits for its turn as any other call.

extension DeliveryService: MasterLookup {
    /// Looks codes up at the destination of `legalEntity`; see `MasterLookup`.
    public func look(
        up codes: [MasterCode], legalEntity: String, then: @escaping @Sendable (MasterLookupResult) -> Void
    ) {
        Task { then(await look(up: codes, legalEntity: legalEntity)) }
    }

    func look(up codes: [MasterCode], legalEntity: String) async -> MasterLookupResult {
        guard let place = places[legalEntity] else {
            return .failed(reason: "the legal entity has no destination")
        }
        guard destinations[place].isAnswering else { return .busy }
        let orders = lookup(place)
        var answers: [MasterCode: LookedUp] = [:]
        for kind in MasterKind.allCases {
            let wanted = codes.filter { $0.kind == kind }.map(\.code)
            do throws(OrderFailure) {
                let records = try await orders.records(of: kind.master, codes: wanted)
                for (code, ids) in records {
                    answers[MasterCode(kind, code)] = LookedUp(
                        ids.isEmpty ? .absent : ids.count == 1 ? .found : .several,
                        odooID: ids.count == 1 ? ids.first.map(Int64.init) : nil)
                }
            } catch {
                // An id of the company that was remembered may be the cause.
                await orders.forget()
                if case .call(let failure) = error { destinations[place].denied(by: failure) }
                return .failed(reason: Self.reason(error))
            }
        }
        return .answered(answers)
    }

    private static func reason(_ failure: OrderFailure) -> String {
        switch failure {
        case .call(let failure): failure.description
        // Reading master data neither refers to anything nor changes an order.
        case .reference, .contradicted, .superseded: "unexpected refusal"
        }
    }
}

extension MasterKind {
    fileprivate var master: OdooOrders.Master {
        switch self {
        case .customer: .customer
        case .product: .product
        case .tax: .tax
        case .carrier: .carrier
        }
    }
}

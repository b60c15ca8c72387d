internal import Odoo
internal import OrderEvents

// How a visit ends when a step failed: which failures are the order's, which are the destination's.

extension OrderDelivery {
    /// The result of a visit that ended with `failure`.
    func stopped(_ soFar: DeliveryResult, _ failure: OrderFailure, now: Timestamp) -> DeliveryResult {
        var result = soFar
        switch failure {
        case .reference(let missing):
            result.end = .refused
            result.exceptions.append(DeliveryException(code: .odooMissingReference, detail: Self.words(missing)))
        case .contradicted(let what):
            result.end = .refused
            result.exceptions.append(
                DeliveryException(code: .stateMismatch, detail: "the order was \(what.rawValue) by somebody else"))
        case .superseded: result.end = .superseded
        case .call(let call):
            result.failure = call
            switch call.kind {
            case .refused, .clientFault, .missing:
                result.end = .refused
                let place = call.field.map { ", field \($0)" } ?? ""
                result.exceptions.append(
                    DeliveryException(
                        code: .odooRejected, detail: "\(call.operation): \(call.name)\(place): \(call.reason)"))
            case .retry, .reconnect: result.end = .retry(after: nil)
            case .retryAfter(let seconds): result.end = .retry(after: seconds)
            case .unknown:
                result.end = .retry(after: nil)
                result.delivered.uncertainSince = now
            case .credentials, .configuration: result.end = .stopped
            }
        }
        return result
    }

    private static func words(_ missing: MissingReference) -> String {
        let what =
            switch missing.kind {
            case .warehouse: "warehouse"
            case .product: "product"
            case .customer: "customer"
            case .tax: "tax"
            }
        let codes = missing.codes.prefix(5).joined(separator: ", ")
        let more = missing.codes.count > 5 ? " and \(missing.codes.count - 5) more" : ""
        let which = codes.isEmpty ? "" : " \(codes)\(more)"
        return missing.ambiguous ? "Odoo has \(what)\(which) more than once" : "Odoo has no \(what)\(which)"
    }
}

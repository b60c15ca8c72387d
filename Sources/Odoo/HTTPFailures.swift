// What no answer means, for both protocols.

extension HTTPExchange {
    /// Sends `call`, with what goes wrong before an answer as an `OdooFailure` of `operation`.
    func send(_ call: HTTPCall, operation: String) async throws(OdooFailure) -> HTTPReply {
        do throws(HTTPFault) {
            return try await send(call)
        } catch {
            switch error {
            case .notSent(let reason):
                throw OdooFailure(.reconnect, name: "transport.not_sent", reason: reason, operation: operation)
            case .unknown(let reason):
                throw OdooFailure(.unknown, name: "transport.unknown", reason: reason, operation: operation)
            case .invalid(let reason):
                throw OdooFailure(.configuration, name: "transport.invalid", reason: reason, operation: operation)
            }
        }
    }
}

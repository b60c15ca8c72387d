/// Why a server could not start to listen.
public struct HTTPServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What failed.
    ///
    /// Further codes may come.
    public struct Code: Sendable, Hashable {
        private enum Value { case addressInUse, addressNotHere, notPermitted, addressNotUnderstood, system }
        private let value: Value

        /// Another process listens there.
        public static let addressInUse = Code(value: .addressInUse)
        /// No interface of this machine has the address.
        public static let addressNotHere = Code(value: .addressNotHere)
        /// The user may not listen there: ports below 1024 need rights.
        public static let notPermitted = Code(value: .notPermitted)
        /// The host is no address, or does not resolve.
        public static let addressNotUnderstood = Code(value: .addressNotUnderstood)
        /// The system refused for a reason of its own: see `errorNumber`.
        public static let system = Code(value: .system)
    }

    /// What failed.
    public let code: Code
    /// The address as configured, `host:port`.
    public let address: String
    /// The system's errno, or 0.
    public let errorNumber: Int32

    /// What failed, and what to do.
    public var description: String {
        switch code {
        case .addressInUse:
            "can not listen on \(address): another process does; stop it or configure another port"
        case .addressNotHere:
            "can not listen on \(address): this machine has no such address; configure one it has, as 127.0.0.1"
        case .notPermitted:
            "can not listen on \(address): not permitted; configure a port from 1024 on or grant the right"
        case .addressNotUnderstood:
            "can not listen on \(address): not an address; configure HOST:PORT with a port from 0 to 65535"
        default:
            "can not listen on \(address): the system says error \(errorNumber); check its limits, then try again"
        }
    }
}

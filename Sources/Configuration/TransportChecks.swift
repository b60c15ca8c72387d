// Off loopback everything travels encrypted to somebody whose name was verified, unless that very connection says
// `insecure: true`, which is warned of.

extension ConfigurationDraft {
    /// Checks http, kafka and stores; `checkDestination` has Odoo.
    func checkTransports(into problems: inout ProblemList) {
        guard let file = main, let root = file.root else { return }
        checkListener(file, root["http"], into: &problems)
        checkBrokers(file, root["kafka"], into: &problems)
        for member in root["stores"]?.members ?? [] {
            for key in ["url", "reader_url"] {
                guard let node = member.value[key], let text = node.text, StoreAddress.fault(in: text) == nil,
                    member.value["insecure"]?.flag != true, !StoreTransport(text).isProtected
                else { continue }
                problems.add(file.name, node.at, "stores.\(printable(member.key)).\(key)", StoreSettings.unprotected)
            }
        }
    }

    private func checkListener(_ file: ConfigurationFile, _ http: ConfigNode?, into problems: inout ProblemList) {
        guard let http else { return }
        let isBehindTLS = http["behind_tls"]?.flag == true
        if isBehindTLS, http["tokens"] == nil, let member = http.member("behind_tls") {
            // Through the proxy everybody would be on loopback.
            problems.add(file.name, member.keyAt, "http.behind_tls", "needs http.tokens: everybody reaches the proxy")
        }
        guard let node = http["listen"], let address = node.text.flatMap({ NetworkAddress($0) }),
            !NetworkAddress.isLoopback(address.host)
        else { return }
        var missing: [String] = []
        if !isBehindTLS { missing.append("http.behind_tls: true (a proxy that ends TLS in front)") }
        if http["tokens"] == nil { missing.append("http.tokens") }
        guard !missing.isEmpty else { return }
        let reason = "an address that is not loopback needs \(missing.joined(separator: " and "))"
        problems.add(file.name, node.at, "http.listen", reason)
    }

    private func checkBrokers(_ file: ConfigurationFile, _ kafka: ConfigNode?, into problems: inout ProblemList) {
        guard let kafka, let node = kafka["brokers"], kafka["insecure"]?.flag != true,
            let away = Self.brokersAway(kafka), !away.isEmpty, !Self.isEncrypted(kafka)
        else { return }
        let reason =
            "a broker that is not on this machine needs kafka.options[\"security.protocol\"]: \"ssl\" or \"sasl_ssl\", "
            + "or insecure: true beside it"
        problems.add(file.name, node.at, "kafka.brokers", reason)
    }

    /// Hosts of brokers beyond this machine; nil while one of them cannot be read.
    private static func brokersAway(_ kafka: ConfigNode) -> [String]? {
        let texts = kafka["brokers"]?.elements ?? []
        let addresses = texts.compactMap { $0.text.flatMap { NetworkAddress($0) } }
        guard addresses.count == texts.count else { return nil }
        return addresses.map(\.host).filter { !NetworkAddress.isLoopback($0) }
    }

    private static func isEncrypted(_ kafka: ConfigNode) -> Bool {
        guard let text = kafka["options"]?["security.protocol"]?.text else { return false }
        return ["ssl", "sasl_ssl"].contains(text.lowercased())
    }

    /// Warns of what was asked for.
    func warnOfTransports(into list: inout ProblemList) {
        guard let file = main, let root = file.root else { return }
        list.order(file.name)
        if let kafka = root["kafka"], kafka["insecure"]?.flag == true, let member = kafka.member("insecure"),
            !(Self.brokersAway(kafka) ?? []).isEmpty, !Self.isEncrypted(kafka)
        {
            list.add(file.name, member.keyAt, "kafka.insecure", "records travel to the brokers without encryption")
        }
        for store in root["stores"]?.members ?? [] {
            guard store.value["insecure"]?.flag == true, let member = store.value.member("insecure") else { continue }
            let texts = ["url", "reader_url"].compactMap { store.value[$0]?.text }
            // What is kept elsewhere may be protected or not: it is not looked at here.
            let isKept = store.value["url"]?.text == nil
            guard isKept || texts.contains(where: { !StoreTransport($0).isProtected }) else { continue }
            let reason = "orders and the password may travel to the store without verified encryption"
            list.add(file.name, member.keyAt, "stores.\(printable(store.key)).insecure", reason)
        }
    }
}

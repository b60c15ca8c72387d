import OrderEvents

/// What a text must be, beyond being a text.
enum TextRule: Sendable {
    case legalEntity, warehouseCode, channelName, speaker, storeName, issuer
    case consumerGroup, topic, broker, listen
    case pointer, channelWord, label
    case tableName, tableWord, tableMeaning, routeSubject, referenceKind, tag, currency, decimal
    case odooURL, storeURL
    case tolerance, edge

    /// The longest identifier, in bytes.
    static let maximumIdentifier = 128
    /// The longest text of any other kind, in bytes.
    static let maximumText = 1024

    /// The steps of a pointer, as the decoder has it.
    static let maximumSteps = 64
    /// The longest issuer, in bytes, as the decoder has it.
    static let maximumIssuer = 64

    /// The longest tag, name of a rule or of a table, in bytes.
    static let maximumTag = 64

    /// How many names of this kind one object may have, or nil: as many as the file can hold.
    var maximumNames: Int? {
        // The decoder's table of words.
        switch self {
        case .channelWord: 250
        case .tableWord: Mapping.maximumWords
        case .tableName: 32
        case .routeSubject: RouteRule.maximumSubjects
        default: nil
        }
    }

    /// A regular expression that every text of this kind matches, for the JSON Schemas; nil where there is none.
    var pattern: String? {
        switch self {
        case .legalEntity, .channelName, .speaker, .storeName: "^[!-.0-~]{1,\(Self.maximumIdentifier)}$"
        case .issuer: "^[!-.0-~]{1,\(Self.maximumIssuer)}$"
        case .warehouseCode, .consumerGroup: "^[!-~]{1,\(Self.maximumIdentifier)}$"
        case .topic: "^[A-Za-z0-9._-]{1,249}$"
        case .broker, .listen: ":[0-9]{1,5}$"
        case .pointer: "^/([^~]|~[01])*$"
        case .odooURL: "^[Hh][Tt][Tt][Pp][Ss]?://"
        case .tolerance: "^[0-9]{1,18}([.][0-9]{1,9})?$"
        case .edge: EdgeName.pattern
        case .tag: "^[!-+.-~]{1,\(Self.maximumTag)}$"
        case .currency: "^[A-Z]{3}$"
        case .decimal: "^-?[0-9]+([.][0-9]+)?$"
        case .tableName: "^[a-z0-9_]{1,\(Self.maximumTag)}$"
        case .channelWord, .label, .storeURL, .tableWord, .tableMeaning, .routeSubject, .referenceKind: nil
        }
    }

    /// What is wrong with `text`, or nil.
    ///
    /// Says nothing of the content where that could be a secret.
    func fault(in text: String) -> String? {
        guard !text.isEmpty else { return "must not be empty" }
        guard text.utf8.count <= Self.maximumText else { return "is longer than \(Self.maximumText) bytes" }
        switch self {
        case .legalEntity:
            if ["other", "unknown"].contains(text) { return "\(quoted(text)) is a word of the metrics; take another" }
            return Self.identifierFault(text, withoutSlash: true)
        case .warehouseCode:
            if text == "_" { return "\"_\" stands for events without a warehouse; take another" }
            return Self.identifierFault(text, withoutSlash: false)
        case .channelName:
            if ["sluice", "odoo"].contains(text) {
                return "\(quoted(text)) is a channel of Sluice's own; take another"
            }
            if text == "*" { return "\"*\" stands for every channel; take another" }
            return Self.identifierFault(text, withoutSlash: true)
        case .speaker: return text == "*" ? nil : Self.identifierFault(text, withoutSlash: true)
        case .storeName: return Self.identifierFault(text, withoutSlash: true)
        case .issuer:
            if text.utf8.count > Self.maximumIssuer { return "is longer than \(Self.maximumIssuer) bytes" }
            return Self.identifierFault(text, withoutSlash: true)
        case .consumerGroup: return Self.identifierFault(text, withoutSlash: false)
        case .topic: return Self.topicFault(text)
        case .broker: return Self.brokerFault(text)
        case .listen: return NetworkAddress.listenFault(text)
        case .pointer: return Self.pointerFault(text)
        case .channelWord, .label: return Self.labelFault(text)
        case .tableName, .tableWord, .tableMeaning, .routeSubject, .referenceKind, .tag, .currency, .decimal:
            return mappingFault(in: text)
        case .odooURL: return WebAddress.fault(in: text)
        case .storeURL: return StoreAddress.fault(in: text)
        case .tolerance: return Self.decimalFault(text)
        case .edge: return EdgeName.fault(in: text)
        }
    }

    /// The rules of texts that belong to mappings and routes.
    private func mappingFault(in text: String) -> String? {
        switch self {
        case .tableName:
            let isName = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
            guard isName, text.utf8.count <= Self.maximumTag else {
                return "must be a name of small letters, digits and \"_\", not \(quoted(text))"
            }
            return nil
        case .tableWord, .tableMeaning:
            // A meaning may be nothing but the rest of the word.
            if text.utf8.dropLast().contains(UInt8(ascii: "*")) {
                return "may have \"*\" only at its end, where it stands for the rest, unlike \(quoted(text))"
            }
            return Self.labelFault(text)
        case .routeSubject:
            if ConfigurationDraft.routeSubject(text) != nil { return nil }
            let fields = RouteRule.fields.map(\.rawValue).joined(separator: ", ")
            return "is none of /pointer, header:NAME, topic, \(fields)"
        case .referenceKind:
            if text.hasPrefix("/") { return Self.pointerFault(text) }
            let kinds = ReferenceKind.allCases.map(\.name)
            if kinds.contains(text) { return nil }
            return "must be a JSON pointer or one of \(kinds.joined(separator: ", ")), not \(quoted(text))"
        case .tag:
            guard text.utf8.count <= Self.maximumTag else { return "is longer than \(Self.maximumTag) bytes" }
            if text.utf8.contains(UInt8(ascii: ",")) { return "must not contain \",\", as \(quoted(text)) does" }
            return Self.identifierFault(text, withoutSlash: false)
        case .currency:
            let isCode = text.utf8.count == 3 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) }
            return isCode ? nil : "must be a currency code of three capital letters, not \(quoted(text))"
        case .decimal:
            return ExactDecimal(text) == nil ? "must be a decimal of at most 18 digits and 9 places" : nil
        default: return nil
        }
    }

    /// Printable ASCII without space: what canonical identifiers are made of.
    private static func identifierFault(_ text: String, withoutSlash: Bool) -> String? {
        guard text.utf8.count <= maximumIdentifier else { return "is longer than \(maximumIdentifier) bytes" }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "must be printable ASCII without space, not \(quoted(text))"
        }
        if withoutSlash, text.utf8.contains(UInt8(ascii: "/")) {
            return "must not contain \"/\", as \(quoted(text)) does"
        }
        return nil
    }

    private static func topicFault(_ text: String) -> String? {
        func isLegal(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard text.utf8.count <= 249, text.utf8.allSatisfy(isLegal), text != ".", text != ".." else {
            return "must be a topic's name of letters, digits, \".\", \"_\" and \"-\", not \(quoted(text))"
        }
        return nil
    }

    private static func brokerFault(_ text: String) -> String? {
        if text.contains("://") {
            return "must be host:port without a scheme; say kafka.options[\"security.protocol\"]"
        }
        guard let address = NetworkAddress(text), (1...65535).contains(address.port) else {
            return "must be host:port, such as \"127.0.0.1:9092\""
        }
        return nil
    }

    /// RFC 6901, not empty.
    private static func pointerFault(_ text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: "/") else {
            return "must be a JSON pointer, which begins with \"/\", not \(quoted(text))"
        }
        guard text.utf8.count(where: { $0 == UInt8(ascii: "/") }) <= maximumSteps else {
            return "has more than \(maximumSteps) steps"
        }
        var wasTilde = false
        for byte in text.utf8 {
            if wasTilde, byte != UInt8(ascii: "0"), byte != UInt8(ascii: "1") {
                wasTilde = true
                break
            }
            wasTilde = byte == UInt8(ascii: "~")
        }
        return wasTilde ? "must write \"~\" as \"~0\" and \"/\" within a name as \"~1\", unlike \(quoted(text))" : nil
    }

    private static func decimalFault(_ text: String) -> String? {
        guard let value = ExactDecimal(text), !value.isNegative else {
            return "must be a decimal number that is not negative, such as \"0.01\""
        }
        return nil
    }

    private static func labelFault(_ text: String) -> String? {
        guard text.utf8.count <= 256 else { return "is longer than 256 bytes" }
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        return isPlain ? nil : "must not contain control characters"
    }
}

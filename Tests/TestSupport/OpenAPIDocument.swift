internal import Foundation

/// The OpenAPI document, and whether a reply is what it says.
public struct OpenAPIDocument {
    private let root: [String: Any]

    /// Reads the document of this repository.
    public init() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/OperatorAPI/openapi.json")
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
        root = value as? [String: Any] ?? [:]
    }

    private var pathItems: [String: [String: Any]] { root["paths"] as? [String: [String: Any]] ?? [:] }

    private func operation(_ path: String) -> [String: Any] { pathItems[path]?["get"] as? [String: Any] ?? [:] }

    /// All paths.
    public var paths: Set<String> { Set(pathItems.keys) }

    /// Methods of a path.
    public func methods(of path: String) -> Set<String> { Set(pathItems[path]?.keys.map { $0 } ?? []) }

    /// Parameters of a path that stand in `place` (`query` or `path`).
    public func parameters(of path: String, in place: String) -> Set<String> {
        let list = operation(path)["parameters"] as? [[String: Any]] ?? []
        return Set(list.filter { $0["in"] as? String == place }.compactMap { $0["name"] as? String })
    }

    /// Statuses that a path may answer with.
    public func statuses(of path: String) -> Set<Int> {
        Set((operation(path)["responses"] as? [String: Any] ?? [:]).keys.compactMap { Int($0) })
    }

    /// Media types of a status of a path.
    public func mediaTypes(of path: String, _ status: Int) -> Set<String> { Set(content(path, status).keys) }

    /// Whether a path says that it needs a token.
    public func needsToken(_ path: String) -> Bool { !(operation(path)["security"] as? [Any] ?? []).isEmpty }

    /// Who may ask, in words.
    public func access(_ path: String) -> String { operation(path)["x-access"] as? String ?? "" }

    private func content(_ path: String, _ status: Int) -> [String: [String: Any]] {
        let responses = operation(path)["responses"] as? [String: [String: Any]] ?? [:]
        return responses[String(status)]?["content"] as? [String: [String: Any]] ?? [:]
    }

    /// What is wrong with a JSON body of a status of a path; `seen` gets the members that it has, as `Schema.member`.
    public func faults(
        _ body: [UInt8], of path: String, _ status: Int, type: String = "application/json", seen: inout Set<String>
    ) -> [String] {
        guard let schema = content(path, status)[type]?["schema"] as? [String: Any] else {
            return ["\(path) \(status): no schema of \(type)"]
        }
        guard let value = try? JSONSerialization.jsonObject(with: Data(body), options: .fragmentsAllowed) else {
            return ["\(path) \(status): the body is no JSON"]
        }
        var faults: [String] = []
        check(value, schema, "\(path) \(status)", name: "", &faults, &seen)
        return faults
    }

    /// Every member of every schema, as `Schema.member`.
    public var members: Set<String> {
        var all: Set<String> = []
        for (name, schema) in schemas {
            for key in (schema["properties"] as? [String: Any] ?? [:]).keys { all.insert("\(name).\(key)") }
        }
        return all
    }

    private var schemas: [String: [String: Any]] {
        (root["components"] as? [String: Any])?["schemas"] as? [String: [String: Any]] ?? [:]
    }

    private func check(
        _ value: Any, _ schema: [String: Any], _ place: String, name: String, _ faults: inout [String],
        _ seen: inout Set<String>
    ) {
        if let reference = schema["$ref"] as? String {
            let target = reference.split(separator: "/").last.map(String.init) ?? ""
            guard let found = schemas[target] else { return faults.append("\(place): no schema \(target)") }
            return check(value, found, place, name: target, &faults, &seen)
        }
        if let choices = schema["oneOf"] as? [[String: Any]] {
            var least: [String]?
            for choice in choices {
                var tried: [String] = []
                var members: Set<String> = []
                check(value, choice, place, name: name, &tried, &members)
                if tried.isEmpty { return seen.formUnion(members) }
                if tried.count < least?.count ?? .max { least = tried }
            }
            return faults += least ?? []
        }
        if let words = schema["enum"] as? [String], !words.contains(value as? String ?? "") {
            faults.append("\(place): \(value) is none of \(words)")
        }
        let types = schema["type"] as? [String] ?? (schema["type"] as? String).map { [$0] } ?? []
        guard let type = types.first(where: { Self.isOf($0, value) }) else {
            return faults.append("\(place): \(value) is not \(types)")
        }
        if type == "object", let object = value as? [String: Any] {
            checkObject(object, schema, place, name: name, &faults, &seen)
        } else if type == "array", let list = value as? [Any], let item = schema["items"] as? [String: Any] {
            for (index, one) in list.enumerated() { check(one, item, "\(place)[\(index)]", name: "", &faults, &seen) }
        }
    }

    private func checkObject(
        _ object: [String: Any], _ schema: [String: Any], _ place: String, name: String, _ faults: inout [String],
        _ seen: inout Set<String>
    ) {
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        for required in schema["required"] as? [String] ?? [] where object[required] == nil {
            faults.append("\(place): \(required) is missing")
        }
        for (key, value) in object {
            if let property = properties[key] {
                seen.insert("\(name).\(key)")
                check(value, property, "\(place).\(key)", name: "", &faults, &seen)
            } else if let other = schema["additionalProperties"] as? [String: Any] {
                check(value, other, "\(place).\(key)", name: "", &faults, &seen)
            } else if schema["additionalProperties"] as? Bool == false {
                faults.append("\(place): \(key) is not described")
            }
        }
    }

    private static func isOf(_ type: String, _ value: Any) -> Bool {
        switch type {
        case "object": return value is [String: Any]
        case "array": return value is [Any]
        case "string": return value is String
        case "null": return value is NSNull
        case "boolean": return value is Bool
        case "integer":
            guard let number = value as? NSNumber else { return false }
            return number.doubleValue == number.doubleValue.rounded()
        case "number": return value is NSNumber
        default: return false
        }
    }
}

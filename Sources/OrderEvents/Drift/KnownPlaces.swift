extension ChannelFormat {
    /// The places of the channel's documents that its configuration knows, with `*` for the elements of arrays.
    public var knownPlaces: [String] {
        let pointers = routes.flatMap(\.when).compactMap { condition -> String? in
            if case .pointer(let pointer) = condition.subject { Self.place(pointer.text) } else { nil }
        }
        switch kind {
        case .canonical:
            let data = Self.places(of: Mapping.cloudEvents).filter { $0.hasPrefix("/data/") }.map {
                String($0.dropFirst(5))
            }
            let top = [
                "version", "event_id", "legal_entity", "warehouse", "order_ref", "status", "milestone", "occurred_at",
            ]
            return data + top.map { "/" + $0 }
        case .mapped(let mapping): return Self.places(of: mapping) + pointers
        case .cloudEvents(let mapping):
            let attributes = [
                "specversion", "source", "datacontenttype", "dataschema", "traceparent", "tracestate", "data/status",
                "data/milestone",
            ]
            return Self.places(of: Mapping.cloudEvents.overlaid(by: mapping)) + attributes.map { "/" + $0 } + pointers
        }
    }

    private static func places(of mapping: Mapping) -> [String] {
        var places: [String] = []
        func add(_ group: Mapping.Group, below parent: String) {
            // An object may stand where an array does.
            for base in group.at.map({ [parent + place($0.text), parent + place($0.text) + "/*"] }) ?? [parent] {
                if !base.isEmpty { places.append(base) }
                for source in group.fields.values {
                    if let at = source.at { places.append(base + place(at.text)) }
                }
            }
        }
        for (name, group) in mapping.groups {
            let parent = name.parent == .event ? nil : mapping.groups[name.parent]?.at?.text
            add(group, below: "")
            if let parent {
                add(group, below: place(parent))
                add(group, below: place(parent) + "/*")
            }
        }
        for group in mapping.references { add(group, below: "") }
        return places
    }

    private static func place(_ pointer: String) -> String {
        pointer.split(separator: "/", omittingEmptySubsequences: false)
            .map { JSONPointer.elementIndex(String($0)) != nil ? "*" : String($0) }.joined(separator: "/")
    }
}

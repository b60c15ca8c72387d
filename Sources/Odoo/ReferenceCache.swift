/// What Odoo's references mean, remembered: a bounded map that forgets the oldest entry first.
///
/// Only what was found is remembered. What Odoo lacks is asked for again, because somebody is about to add it.
struct ReferenceCache: Sendable {
    /// Largest number of entries of one kind.
    static let bound = 20_000

    private var ids: [String: Int] = [:]
    private var arrival: [String] = []
    private var oldest = 0
    private let bound: Int

    init(bound: Int = ReferenceCache.bound) { self.bound = max(1, bound) }

    var count: Int { ids.count }

    subscript(reference: String) -> Int? { ids[reference] }

    mutating func remember(_ reference: String, _ id: Int) {
        guard ids.updateValue(id, forKey: reference) == nil else { return }
        if arrival.count < bound {
            arrival.append(reference)
        } else {
            ids[arrival[oldest]] = nil
            arrival[oldest] = reference
            oldest = (oldest + 1) % bound
        }
    }

    mutating func forgetAll() { self = ReferenceCache(bound: bound) }
}

/// A queue that grows by doubling and never shrinks below what it needed last: first in, first out.
struct Ring<Element: Sendable>: Sendable {
    private var storage: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var first: Element? { count == 0 ? nil : storage[head] }

    mutating func append(_ element: consuming Element) {
        if count == storage.count { grow() }
        storage[(head + count) & (storage.count - 1)] = consume element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head].take()
        head = (head + 1) & (storage.count - 1)
        count -= 1
        // An idle lane gives its memory back: with thousands of lanes the sum of past peaks would be unbounded.
        if count == 0, storage.count > 64 {
            storage = []
            head = 0
        }
        return element
    }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(8, storage.count * 2))
        for index in 0..<count { larger.append(storage[(head + index) & (storage.count - 1)].take()) }
        while larger.count < max(8, storage.count * 2) { larger.append(nil) }
        storage = larger
        head = 0
    }
}

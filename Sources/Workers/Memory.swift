import OrderEvents
import Orders
internal import Synchronization

// What workers remember between batches, to spare look-ups. Both memories are hints: an order's revision and the
// primary key of the journal decide, so a wrong or missing memory costs a round trip and nothing else.

/// States of orders that were written lately, shared by the workers of one store.
///
/// Two generations: when the younger is full it becomes the older and the older is forgotten, so the bound is kept
/// without a list of uses.
final class OrderMemory: Sendable {
    /// Behind a reference, so that a table that grows or is replaced moves pointers.
    private final class Entry: Sendable {
        let entity: Int32
        let ref: String
        let order: Order

        init(entity: Int32, ref: String, order: Order) {
            self.entity = entity
            self.ref = ref
            self.order = order
        }
    }

    private struct Generations: Sendable {
        var young: [UInt64: Entry] = [:]
        var old: [UInt64: Entry] = [:]
        var youngBytes = 0
    }

    private let bytesPerGeneration: Int
    private let generations = Mutex(Generations())

    /// Remembers about `bytes` of orders.
    init(bytes: Int) { bytesPerGeneration = max(1, bytes / 2) }

    /// Fills in the orders that are remembered.
    ///
    /// One lock for the whole batch.
    func recall(_ orders: inout [WorkingOrder]) {
        generations.withLock { known in
            for index in orders.indices {
                let hash = orders[index].hash
                guard let entry = known.young[hash] ?? known.old[hash], entry.entity == orders[index].entity,
                    entry.ref == orders[index].ref
                else { continue }
                orders[index].order = entry.order
                orders[index].isLoaded = true
            }
        }
    }

    /// Remembers what a committed transaction wrote.
    func remember(_ orders: [WorkingOrder]) {
        let written = orders.indices.lazy.filter { orders[$0].isDirty }.map { ($0, orders[$0].hash) }
        generations.withLock { known in
            for (index, hash) in written {
                let entry = Entry(entity: orders[index].entity, ref: orders[index].ref, order: orders[index].order)
                known.old.removeValue(forKey: hash)
                if known.young.updateValue(entry, forKey: hash) == nil {
                    known.youngBytes += entry.order.cost + entry.ref.utf8.count + 64
                }
                guard known.youngBytes > bytesPerGeneration else { continue }
                known.old = known.young
                known.young = [:]
                known.youngBytes = 0
            }
        }
    }

    /// Forgets orders that somebody else may have written.
    func forget(_ orders: [WorkingOrder]) {
        generations.withLock { known in
            for index in orders.indices {
                known.young.removeValue(forKey: orders[index].hash)
                known.old.removeValue(forKey: orders[index].hash)
            }
        }
    }
}

/// Hashes of keys that were taken lately: whoever is not among them is tried without a look-up.
///
/// One slot a hash, newer over older: 2^20 slots are 8 MiB and remember about the last million keys.
final class KeyMemory: Sendable {
    private let slots: Mutex<[UInt64]>
    private let mask: Int

    /// Room for `count` hashes, rounded up to a power of two.
    init(count: Int) {
        var size = 1024
        while size < count { size *= 2 }
        mask = size - 1
        slots = Mutex(Array(repeating: 0, count: size))
    }

    /// Indexes into `entries` whose key may have been taken lately.
    func suspects(_ entries: [BatchEntry]) -> [Int] {
        slots.withLock { slots in
            entries.indices.filter { slots[Int(truncatingIfNeeded: entries[$0].keyHash) & mask] == entries[$0].keyHash }
        }
    }

    /// Remembers the keys of a committed transaction.
    func remember(_ entries: [BatchEntry]) {
        slots.withLock { slots in
            for entry in entries { slots[Int(truncatingIfNeeded: entry.keyHash) & mask] = entry.keyHash }
        }
    }
}

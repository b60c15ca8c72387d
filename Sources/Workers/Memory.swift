import OrderEvents
import Orders
internal import Synchronization

// What workers remember between batches, to spare look-ups. Both memories are hints: an order's revision and the
// primary key of the journal decide, so a wrong or missing memory costs a round trip and nothing else.

/// An order's state behind a reference, so that it is moved as a pointer and changed in place.
///
/// A value all the same: changing one of two copies leaves the other as it was.
struct OrderCell: Sendable {
    /// Not copyable, so that to look at the order is never to copy it: that would count up all that it refers to.
    private struct Held: ~Copyable {
        var order: Order

        func append(to rows: inout OrderRows, entity: String, ref: String, delivers: Bool) {
            rows.append(order, entity: entity, ref: ref, delivers: delivers)
        }
    }

    // Safe: `held` is changed only by `value`, and only while nobody else has a reference.
    @safe private final class Storage: @unchecked Sendable {
        var held: Held
        init(_ order: consuming Order) { held = Held(order: order) }
    }

    private var storage: Storage

    /// A new order: shared until it is changed.
    static let empty = OrderCell(Order())

    init(_ order: consuming Order) { storage = Storage(order) }

    var value: Order {
        _read { yield storage.held.order }
        _modify {
            if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.held.order) }
            yield &storage.held.order
        }
    }

    /// Adds the order to the rows that are written.
    func append(to rows: inout OrderRows, entity: String, ref: String, delivers: Bool) {
        storage.held.append(to: &rows, entity: entity, ref: ref, delivers: delivers)
    }
}

/// States of orders that were written lately, shared by the workers of one store.
///
/// What a batch recalls it takes out, and puts back when it is committed: so a state is changed where it is. An order
/// is in one batch at a time, so nobody else misses it.
///
/// Two generations: when the younger is full it becomes the older and the older is forgotten, so the bound is kept
/// without a list of uses.
final class OrderMemory: Sendable {
    private struct Entry: Sendable {
        let entity: Int32
        let ref: String
        /// Nil: with a batch.
        var order: OrderCell?
        /// Bytes that count for the bound: an order grows with what is told of it.
        let bytes: Int

        /// Gives the state away, if it is of this order.
        mutating func take(_ entity: Int32, _ ref: String) -> OrderCell? {
            guard self.entity == entity, self.ref == ref else { return nil }
            return order.take()
        }
    }

    private struct Generations: Sendable {
        var young: [UInt64: Entry] = [:]
        var old: [UInt64: Entry] = [:]
        var youngBytes = 0

        mutating func remove(_ hash: UInt64) {
            if let entry = young.removeValue(forKey: hash) { youngBytes -= entry.bytes }
            old.removeValue(forKey: hash)
        }

        mutating func take(_ hash: UInt64, _ entity: Int32, _ ref: String) -> OrderCell? {
            if let index = young.index(forKey: hash) { return young.values[index].take(entity, ref) }
            if let index = old.index(forKey: hash) { return old.values[index].take(entity, ref) }
            return nil
        }
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
                guard let cell = known.take(orders[index].hash, orders[index].entity, orders[index].ref) else {
                    continue
                }
                orders[index].take(cell)
                orders[index].isLoaded = true
                orders[index].isRecalled = true
            }
        }
    }

    /// Remembers what a committed transaction wrote, and what was recalled for it.
    func remember(_ orders: [WorkingOrder]) {
        generations.withLock { known in
            for index in orders.indices where orders[index].isDirty || orders[index].isRecalled {
                let hash = orders[index].hash
                guard orders[index].aliasOf < 0 else {
                    // An alias holds no state: who names it asks the store whose it is.
                    known.remove(hash)
                    continue
                }
                let entry = Entry(
                    entity: orders[index].entity, ref: orders[index].ref, order: orders[index].cell,
                    bytes: orders[index].order.cost + orders[index].ref.utf8.count + 64)
                if !known.old.isEmpty { known.old.removeValue(forKey: hash) }
                let before = known.young.updateValue(entry, forKey: hash)
                known.youngBytes += entry.bytes - (before?.bytes ?? 0)
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
            for index in orders.indices { known.remove(orders[index].hash) }
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

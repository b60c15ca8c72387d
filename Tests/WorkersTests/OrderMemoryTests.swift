import OrderEvents
import Orders
import Testing

@testable import Workers

/// What workers remember of orders is lent to one batch at a time and changed in place, and still behaves as values do.
struct OrderMemoryTests {
    private func working(_ ref: String, entity: Int32 = 0, hash: UInt64 = 7) -> WorkingOrder {
        WorkingOrder(entity: entity, ref: ref, hash: hash)
    }

    private func remembered(_ ref: String, revision: Int64) -> OrderMemory {
        let memory = OrderMemory(bytes: 1 << 20)
        var order = working(ref)
        order.order.revision = revision
        order.isDirty = true
        memory.remember([order])
        return memory
    }

    @Test func changingACopyLeavesTheOtherAsItWas() {
        var first = OrderCell(Order())
        first.value.revision = 3
        let second = first
        first.value.revision = 4
        #expect(second.value.revision == 3)
        #expect(first.value.revision == 4)
        #expect(OrderCell.empty.value == Order())
    }

    @Test func aNewOrderDoesNotChangeWhatNewOrdersBeginWith() {
        var order = working("O-1")
        order.order.revision = 9
        #expect(working("O-2").order == Order())
    }

    @Test func whatABatchHasIsNotThereForAnother() {
        let memory = remembered("O-1", revision: 5)
        var first = [working("O-1")]
        var second = [working("O-1")]
        memory.recall(&first)
        memory.recall(&second)
        #expect(first[0].isLoaded && first[0].order.revision == 5)
        #expect(!second[0].isLoaded && second[0].order == Order())
    }

    @Test func whatWasRecalledAndNotWrittenIsPutBack() {
        let memory = remembered("O-1", revision: 5)
        var batch = [working("O-1")]
        memory.recall(&batch)
        memory.remember(batch)
        var next = [working("O-1")]
        memory.recall(&next)
        #expect(next[0].isLoaded && next[0].order.revision == 5)
    }

    @Test func whatWasNeitherRecalledNorWrittenIsNotRemembered() {
        let memory = OrderMemory(bytes: 1 << 20)
        memory.remember([working("O-1")])
        var next = [working("O-1")]
        memory.recall(&next)
        #expect(!next[0].isLoaded)
    }

    @Test func anOrderOfTheSameHashIsNotTakenForIt() {
        let memory = remembered("O-1", revision: 5)
        var others = [working("O-2"), working("O-1", entity: 1)]
        memory.recall(&others)
        #expect(others.allSatisfy { !$0.isLoaded })
        var right = [working("O-1")]
        memory.recall(&right)
        #expect(right[0].isLoaded)
    }

    @Test func whatIsForgottenIsGoneAlsoWhileABatchHasIt() {
        let memory = remembered("O-1", revision: 5)
        var batch = [working("O-1")]
        memory.recall(&batch)
        memory.forget(batch)
        var next = [working("O-1")]
        memory.recall(&next)
        #expect(!next[0].isLoaded)
        batch[0].isDirty = true
        batch[0].order.revision = 6
        memory.remember(batch)
        memory.recall(&next)
        #expect(next[0].order.revision == 6)
    }

    @Test func theOlderGenerationIsForgottenWhenTheBoundIsReached() {
        let memory = OrderMemory(bytes: 1)
        for number in 0..<3 {
            var order = working("O-\(number)", hash: UInt64(number + 1))
            order.isDirty = true
            memory.remember([order])
        }
        var all = (0..<3).map { working("O-\($0)", hash: UInt64($0 + 1)) }
        memory.recall(&all)
        #expect(all.map(\.isLoaded) == [false, false, true])
    }
}

import Foundation
import Synchronization

/// A closure on a thread of its own, and its result.
final class Background<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, CommandFailure>?>(nil)

    init(_ body: @escaping @Sendable () throws(CommandFailure) -> Value) {
        Thread.detachNewThread { [self] in
            do throws(CommandFailure) {
                let value = try body()
                self.value.withLock { $0 = .success(value) }
            } catch {
                self.value.withLock { $0 = .failure(error) }
            }
        }
    }

    /// Whether it has ended.
    var isDone: Bool { value.withLock { $0 != nil } }

    /// Its result, after it has ended.
    func result() throws(CommandFailure) -> Value {
        switch value.withLock({ $0 }) {
        case .success(let value): return value
        case .failure(let failure): throw failure
        case nil: throw CommandFailure(code: .software, message: "the background work has not ended")
        }
    }
}

internal import Glibc

/// A named thread of the data path.
///
/// Its body may block; nobody else's pool waits for it.
// Safe: `thread` is written once, before `init` returns, and read by `join` only.
@safe final class WorkerThread: @unchecked Sendable {
    private var thread = pthread_t()

    /// Starts `body` on a thread called `name` (15 bytes at most are shown by the system).
    init(name: String, _ body: @escaping @Sendable () -> Void) {
        final class Box {
            let name: String
            let body: @Sendable () -> Void
            init(_ name: String, _ body: @escaping @Sendable () -> Void) {
                self.name = name
                self.body = body
            }
        }
        let box = unsafe Unmanaged.passRetained(Box(name, body))
        let status = unsafe pthread_create(
            &thread, nil,
            { raw in
                // Safe: the box was retained for exactly this call.
                guard let raw = unsafe raw else { return nil }
                let box = unsafe Unmanaged<Box>.fromOpaque(raw).takeRetainedValue()
                nameThread(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        precondition(status == 0, "the system refuses another thread")
    }

    /// Waits until the body has returned.
    ///
    /// To be called once.
    func join() { pthread_join(thread, nil) }
}

/// Names the calling thread for ps(1) and debuggers.
private func nameThread(_ name: String) {
    let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
}

import Glibc

/// Starting threads of the server.
enum ServerThread {
    /// Enough for a handler that reads nested JSON in a debug build; only touched pages cost memory.
    private static let stackBytes = 2 << 20

    /// The nice value of preferred threads, which have three times the weight of usual ones when all want a core.
    private static let preferredNice: Int32 = -5

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a detached thread of its own; false when the system has no more threads.
    ///
    /// `isPreferred`: before threads of usual priority, where the system lets the process say so (RLIMIT_NICE).
    static func start(name: String, isPreferred: Bool, _ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { unsafe pthread_attr_destroy(&attributes) }
        // The thread takes over this reference; when it never starts, it is released here.
        let box = unsafe Unmanaged.passRetained(
            Body {
                setName(name)
                // Linux: of the calling thread alone.
                if isPreferred { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, preferredNice) }
                body()
            })
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            unsafe box.release()
            return false
        }
        return true
    }

    /// Names the calling thread for ps(1) and debuggers, which show 15 bytes of it.
    private static func setName(_ name: String) {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let bytes = Array(name.utf8.prefix(15))
        _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }
}

import Glibc

/// The standard `process_*` metrics, read from /proc at each scrape.
struct ProcessMetrics: Sendable {
    private let cpuSeconds: ReadCounter
    private let residentBytes: Gauge
    private let virtualBytes: Gauge
    private let openDescriptors: Gauge
    private let maximumDescriptors: Gauge
    private let threads: Gauge
    private let ticksPerSecond: Double
    private let pageBytes: Double

    /// Registers the metrics; nil where /proc does not say what they need.
    init?(in registry: Registry) {
        guard let bootTime = Self.bootTime(), let status = ProcessStatus.read() else { return nil }
        ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))
        registry.gauge(
            "process_start_time_seconds", help: "Start time of the process since unix epoch in seconds."
        ).with().set(bootTime + status.startTicks / ticksPerSecond)
        cpuSeconds = registry.readCounter(
            "process_cpu_seconds_total", help: "Total user and system CPU time spent in seconds."
        ).with()
        residentBytes = registry.gauge(
            "process_resident_memory_bytes", help: "Resident memory size in bytes."
        ).with()
        virtualBytes = registry.gauge(
            "process_virtual_memory_bytes", help: "Virtual memory size in bytes."
        ).with()
        openDescriptors = registry.gauge("process_open_fds", help: "Number of open file descriptors.").with()
        maximumDescriptors = registry.gauge(
            "process_max_fds", help: "Maximum number of open file descriptors."
        ).with()
        threads = registry.gauge("process_threads", help: "Number of threads of the process.").with()
    }

    /// Reads /proc before every exposition.
    func refreshAtScrape(of registry: Registry) { registry.onScrape(refresh) }

    @Sendable private func refresh() {
        if let status = ProcessStatus.read() {
            cpuSeconds.raise(to: (status.userTicks + status.systemTicks) / ticksPerSecond)
            residentBytes.set(status.residentPages * pageBytes)
            virtualBytes.set(status.virtualBytes)
            threads.set(status.threads)
        }
        if let count = Self.descriptorCount() { openDescriptors.set(Double(count)) }
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            maximumDescriptors.set(Double(limit.rlim_cur))
        }
    }

    /// Open descriptors, without the one that reads the folder.
    private static func descriptorCount() -> Int? {
        let count = ProcFile.names(in: "/proc/self/fd").count
        return count > 0 ? count - 1 : nil
    }

    /// When the machine started, in seconds since the Unix epoch: the line `btime` of /proc/stat.
    private static func bootTime() -> Double? {
        guard let text = ProcFile.text("/proc/stat") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("btime ") {
            return Double(line.dropFirst("btime ".count))
        }
        return nil
    }
}

/// The fields of /proc/self/stat that the metrics show; see proc(5).
struct ProcessStatus: Equatable {
    var userTicks: Double
    var systemTicks: Double
    var threads: Double
    var startTicks: Double
    var virtualBytes: Double
    var residentPages: Double

    /// Reads one line of /proc/PID/stat.
    ///
    /// Its second field is the program's name in parentheses, which may itself contain spaces and parentheses: so
    /// fields are counted from the last one.
    init?(_ text: String) {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(whereSeparator: { $0 == " " || $0 == "\n" })
        // fields[0] is field 3 of proc(5).
        func field(_ number: Int) -> Double? { number - 3 < fields.count ? Double(fields[number - 3]) : nil }
        guard let user = field(14), let system = field(15), let threads = field(20), let start = field(22),
            let size = field(23), let resident = field(24)
        else { return nil }
        userTicks = user
        systemTicks = system
        self.threads = threads
        startTicks = start
        virtualBytes = size
        residentPages = resident
    }

    static func read() -> ProcessStatus? { ProcFile.text("/proc/self/stat").flatMap(ProcessStatus.init) }
}

/// Reading the kernel's small text files.
enum ProcFile {
    /// /proc/stat grows with the interrupts of the machine; `btime` comes after them.
    private static let maximumBytes = 1 << 20

    /// The names in a folder, without `.` and `..`; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The whole file as text, or nil when it cannot be read.
    static func text(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < maximumBytes {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

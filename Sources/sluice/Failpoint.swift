import Foundation

/// A fault that a rehearsal asks for by the variable `SLUICE_FAILPOINT`; without it nothing happens.
///
/// `crash_on_record=TEXT` ends the process, as a defect would, when it decodes a record that contains TEXT.
struct Failpoint: Sendable {
    private let crashing: [UInt8]?

    init(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
        let prefix = "crash_on_record="
        let text = environment["SLUICE_FAILPOINT"].flatMap { $0.hasPrefix(prefix) ? $0.dropFirst(prefix.count) : nil }
        crashing = text.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
    }

    /// Ends the process when the fault is for this record.
    func meet(_ value: [UInt8]?) {
        guard let crashing, let value, value.firstRange(of: crashing) != nil else { return }
        abort()
    }
}

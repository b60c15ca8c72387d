internal import Foundation
internal import Glibc

/// The stand-in's truth on disk: one JSON object a line, appended and fsynced before the call is answered.
///
/// Replayed at start. A last line without its end is the trace of a crash in the middle of an append, whose call was
/// never answered: it is cut off.
final class StandInJournal {
    private let descriptor: Int32
    private let isDurable: Bool

    /// Opens the journal in `folder`, or begins one, and gives its facts in sequence to `replay`.
    init(folder: String, isDurable: Bool, replay: (StandInFact) -> Void) throws(OdooStandInError) {
        self.isDurable = isDurable
        let path = folder + "/odoo-stand-in.journal"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw OdooStandInError("cannot make the folder \(folder)")
        }
        let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw OdooStandInError("cannot open \(path)") }
        descriptor = opened
        guard let content = FileManager.default.contents(atPath: path) else {
            throw OdooStandInError("cannot read \(path)")
        }
        var end = 0
        for line in content.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
            guard let fact = try? JSONDecoder().decode(StandInFact.self, from: line) else {
                throw OdooStandInError("\(path) is damaged at byte \(end); remove it to begin anew")
            }
            replay(fact)
            end += line.count + 1
        }
        guard ftruncate(descriptor, end) == 0, lseek(descriptor, end, SEEK_SET) == end else {
            throw OdooStandInError("cannot write \(path)")
        }
    }

    deinit { close(descriptor) }

    /// Appends `fact`, durably where that was asked for.
    ///
    /// One line for all that a call did, so that it is kept together or not at all.
    func append(_ fact: StandInFact) -> Bool {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(fact) else { return false }
        let bytes = [UInt8](line) + [0x0A]
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            guard count > 0 else { return false }
            written += count
        }
        return !isDurable || fdatasync(descriptor) == 0
    }
}

/// What went wrong with the stand-in, and where.
public struct OdooStandInError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong.
    public let description: String

    init(_ description: String) { self.description = "Odoo stand-in: " + description }
}

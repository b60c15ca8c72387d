import Foundation
import Testing

@testable import Configuration

/// Seeded damage to the example folder: loading never traps, and what it refuses it refuses with a place.
@Suite struct MutationTests {
    /// Runs side by side, each with a seed and a folder of its own: 5,000 mutations together.
    private static let runs = 4
    private static let mutations = 1_250
    private static let seed =
        ProcessInfo.processInfo.environment["SLUICE_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 1...UInt64.max / 2)

    /// SplitMix64: the same seed gives the same damage on every machine.
    private struct Damage: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        private static let pieces = [
            "{", "}", "[", "]", ",", ":", "'", "\"", "\\", "/", "//", "/*", "*/", "\n", "\r", "\0", "\u{2028}", "-",
            "0x",
            "1e999", "NaN", "null", "true", "{}", "[]", "\"\"", "9223372036854775807", "\\u0000", "\\ud800", "~", "*",
            "channel:", "\u{FEFF}", "é", "🙂", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        ].map { Array($0.utf8) }

        mutating func apply(to bytes: inout [UInt8]) {
            let at = Int.random(in: 0...bytes.count, using: &self)
            let end = min(bytes.count, at + Int.random(in: 0...12, using: &self))
            switch Int.random(in: 0..<7, using: &self) {
            case 0: bytes.removeSubrange(at..<end)
            case 1: bytes.insert(contentsOf: Self.pieces.randomElement(using: &self) ?? [], at: at)
            case 2: bytes.replaceSubrange(at..<end, with: Self.pieces.randomElement(using: &self) ?? [])
            case 3: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &self) }
            case 4: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &self))
            case 5: bytes.removeSubrange(at...)
            default:
                let other = Int.random(in: 0...bytes.count, using: &self)
                if at < bytes.count, other < bytes.count { bytes.swapAt(at, other) }
            }
        }
    }

    @Test(arguments: 0..<runs) func damagedFilesAreRefusedWithAPlaceOrMeanSomethingValid(_ run: Int) throws {
        print("configuration mutations, run \(run): SLUICE_SEED=\(Self.seed)")
        let example = Repository.root + "/deploy/config"
        let names = [
            "sluice.json5", "channels/amazon-eu.json5", "channels/dhl.json5", "channels/portal.json5",
            "channels/wms.json5", "entities/acme-de.json5", "entities/acme-fr.json5", "entities/nordic-trade.json5",
        ]
        let originals = try names.map { Array(try Data(contentsOf: URL(fileURLWithPath: "\(example)/\($0)"))) }
        let fixture = try ConfigurationFixture()
        for (name, bytes) in zip(names, originals) { try fixture.write(bytes, to: name) }
        let whole = try Configuration.load(path: fixture.path)

        var damage = Damage(state: Self.seed + UInt64(run))
        var refused = 0
        for number in 0..<Self.mutations {
            let index = Int.random(in: 0..<names.count, using: &damage)
            var bytes = originals[index]
            for _ in 0..<Int.random(in: 1...3, using: &damage) { damage.apply(to: &bytes) }
            try fixture.write(bytes, to: names[index])
            do {
                _ = try Configuration.load(path: fixture.path)
            } catch {
                refused += 1
                expectPlaces(error, lines: bytes.count { $0 == 0x0A || $0 == 0x0D } + 1, "mutation \(number)")
            }
            try fixture.write(originals[index], to: names[index])
        }
        #expect(try Configuration.load(path: fixture.path) == whole)
        // Damage within comments and texts is harmless; most of it is not.
        #expect(refused > Self.mutations / 2)
        print("configuration mutations, run \(run): \(refused) of \(Self.mutations) refused")
    }

    private func expectPlaces(_ error: ConfigurationError, lines: Int, _ mutation: String) {
        #expect(!error.problems.isEmpty, "\(mutation)")
        for problem in error.problems {
            let isPlaced = problem.line >= 1 && problem.column >= 1 && !problem.file.isEmpty && !problem.key.isEmpty
            let isOneLine = !problem.description.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x2028 }
            #expect(isPlaced && isOneLine && !problem.reason.isEmpty, "\(mutation): \(problem)")
            #expect(problem.line <= max(lines, 60), "\(mutation): \(problem)")
        }
    }
}

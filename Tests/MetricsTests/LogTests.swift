import Foundation
import Glibc
import Synchronization
import Testing

@testable import Metrics

/// Keeps the lines of a log, and a clock that moves when told.
private final class Recorder: Sendable {
    private let written = Mutex<[[UInt8]]>([])
    let milliseconds = Atomic<Int>(0)
    let takes = Atomic<Bool>(true)

    func log(minimumLevel: LogLevel = .debug, limits: Log.Limits = Log.Limits()) -> Log {
        Log(
            minimumLevel: minimumLevel, limits: limits,
            clock: { [self] in
                let now = Int64(milliseconds.load(ordering: .relaxed))
                return Log.Instant(wall: 1_795_437_296_789 + now, monotonic: now)
            },
            sink: { [self] line in
                guard takes.load(ordering: .relaxed) else { return false }
                written.withLock { $0.append(line) }
                return true
            })
    }

    var lines: [String] { written.withLock { $0.map { String(decoding: $0, as: UTF8.self) } } }
    var bytes: [[UInt8]] { written.withLock { $0 } }

    func objects() throws -> [[String: Any]] {
        try bytes.map { try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] ?? [:] }
    }
}

/// One line of the log, byte for byte.
@Suite struct LogLineTests {
    @Test func lineIsTheGoldenOne() {
        let recorder = Recorder()
        recorder.log().warning(
            "partition.revoked",
            [("topic", "orders"), ("partition", 7), ("lag.seconds", 1.5), ("drained", true), ("batches", 3.0)])
        #expect(
            recorder.lines == [
                #"{"ts":"2026-11-23T12:34:56.789Z","level":"warning","event":"partition.revoked","topic":"orders","#
                    + #""partition":7,"lag.seconds":1.5,"drained":true,"batches":3}"# + "\n"
            ])
    }

    @Test func controlsAndSeparatorsAreEscaped() {
        let recorder = Recorder()
        recorder.log().info("a", [("x", "q\"\\\n\r\t\0\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{e9}\u{1F600}")])
        #expect(
            recorder.lines[0].hasSuffix(
                #""x":"q\"\\\n\r\t\u0000\u001b\u007f\u0085\u009b\u2028\u2029"# + "\u{e9}\u{1F600}\"}\n"))
    }

    @Test func bytesThatAreNotUTF8BecomeReplacementCharacters() throws {
        let recorder = Recorder()
        recorder.log().info("a", [("x", .text(bytes: [0x61, 0xFF, 0x62, 0xC0, 0xAF, 0xED, 0xA0]))])
        let text = try #require(try recorder.objects()[0]["x"] as? String)
        #expect(text.hasPrefix("a\u{FFFD}b\u{FFFD}") && text.unicodeScalars.allSatisfy { $0 != "\0" })
        #expect(String(validating: recorder.bytes[0], as: UTF8.self) != nil)
    }

    @Test func numbersThatJSONLacksAreText() throws {
        let recorder = Recorder()
        recorder.log().info("a", [("x", .number(.nan)), ("y", .number(.infinity)), ("z", .number(-.infinity))])
        let object = try recorder.objects()[0]
        #expect(object["x"] as? String == "NaN")
        #expect(object["y"] as? String == "+Inf")
        #expect(object["z"] as? String == "-Inf")
    }

    @Test func longValueIsCutBetweenCharacters() throws {
        let recorder = Recorder()
        recorder.log().info(
            "a",
            [("x", .text(String(repeating: "a", count: 256))), ("y", .text(String(repeating: "\u{e9}", count: 200)))])
        let object = try recorder.objects()[0]
        #expect((object["x"] as? String)?.utf8.count == 256)
        let cut = try #require(object["y"] as? String)
        #expect(cut == String(repeating: "\u{e9}", count: 126) + "\u{2026}")
        #expect(cut.utf8.count <= 256)
    }

    @Test func lineStaysWithinAPipesAtom() throws {
        let recorder = Recorder()
        let worst = LogValue.text(String(repeating: "\0", count: 256))
        recorder.log().info("a", (0..<40).map { ("field.\($0)", worst) })
        #expect(recorder.bytes[0].count <= LogLine.maximumBytes)
        let object = try recorder.objects()[0]
        #expect((object["log.fields_dropped"] as? Int).map { $0 + object.count - 4 } == 40)
        recorder.log().info("a", (0..<40).map { ("field.\($0)", 1) })
        #expect(try recorder.objects()[1]["log.fields_dropped"] as? Int == 40 - LogLine.maximumFields)
    }

    @Test func noNameIsInALineTwice() throws {
        let recorder = Recorder()
        recorder.log().info("a", [("level", "mine"), ("x", 1), ("x", 2), ("ts", 3)])
        #expect(recorder.lines[0].contains(#""field.level":"mine","x":1,"field.ts":3,"log.fields_dropped":1}"#))
    }

    @Test(.enabled(if: NaughtyStrings.published != nil, Comment(rawValue: NaughtyStrings.missing)))
    func naughtyStringsAreOneLineEachAndReadBack() throws {
        try expectReadBack(try #require(NaughtyStrings.published))
    }

    @Test func ownStringsAreOneLineEachAndReadBack() throws { try expectReadBack(NaughtyStrings.own) }

    private func expectReadBack(_ strings: [String]) throws {
        let recorder = Recorder()
        let log = recorder.log(limits: Log.Limits(linesPerInterval: .max))
        for string in strings { log.info(string, [("x", .text(string)), (string, 1)]) }
        #expect(recorder.bytes.count == strings.count)
        for (string, line) in zip(strings, recorder.bytes) {
            let inside = line.dropLast()
            #expect(line.last == 0x0A && !inside.contains { $0 < 0x20 || $0 == 0x7F }, "\(string)")
            #expect(String(validating: line, as: UTF8.self)?.split(whereSeparator: \.isNewline).count == 1)
            let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
            if string.utf8.count <= LogLine.maximumValueBytes {
                #expect((object?["x"] as? String).map { Array($0.utf8) } == Array(string.utf8))
            }
        }
    }

    @Test func timeIsThatOfFoundation() {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let seconds: [Int64] = [0, -1, 951_782_400, 951_868_799, 4_107_542_400, 253_402_300_799, 1_709_164_800]
        for second in seconds + (0..<2_000).map({ Int64($0) * 2_051_231 }) {
            var bytes: [UInt8] = []
            CivilTime(milliseconds: second * 1_000 + 250).append(to: &bytes)
            let date = Date(timeIntervalSince1970: Double(second) + 0.25)
            #expect(String(decoding: bytes, as: UTF8.self) == formatter.string(from: date))
        }
        for extreme in [Int64.min, .max] {
            var bytes: [UInt8] = []
            CivilTime(milliseconds: extreme).append(to: &bytes)
            #expect(bytes.count == "0000-01-01T00:00:00.000Z".utf8.count)
        }
    }
}

/// What gets into the log, and what happens when it can not be written.
@Suite struct LogTests {
    @Test func linesBelowTheMinimumAreLeftOut() {
        let recorder = Recorder()
        let log = recorder.log(minimumLevel: .warning)
        log.debug("a")
        log.info("b")
        log.warning("c")
        log.error("d")
        #expect(recorder.lines.count == 2)
        #expect(LogLevel(name: "warning") == .warning && LogLevel(name: "loud") == nil)
    }

    @Test func repeatsAreSuppressedAndTold() throws {
        let recorder = Recorder()
        let log = recorder.log(limits: Log.Limits(linesPerInterval: 2, intervalMilliseconds: 1_000))
        for _ in 0..<5 { log.warning("store.lost") }
        log.info("other.event")
        #expect(try recorder.objects().map { $0["event"] as? String } == ["store.lost", "store.lost", "other.event"])
        recorder.milliseconds.store(999, ordering: .relaxed)
        log.warning("store.lost")
        #expect(recorder.lines.count == 3)
        recorder.milliseconds.store(1_000, ordering: .relaxed)
        log.info("other.event")
        let objects = try recorder.objects()
        #expect(objects.count == 5)
        #expect(objects[3]["event"] as? String == "log.suppressed")
        #expect(objects[3]["suppressed.event"] as? String == "store.lost")
        #expect(objects[3]["suppressed.lines"] as? Int == 4)
        for _ in 0..<3 { log.warning("store.lost") }
        log.flush()
        #expect(try recorder.objects().last?["suppressed.lines"] as? Int == 1)
        log.flush()
        #expect(recorder.lines.count == 8)
    }

    @Test func tableOfRepeatsIsBounded() {
        var limit = RepeatLimit(linesPerInterval: 1, interval: 100)
        func admits(_ event: String, at now: Int64) -> Bool { limit.admits(event, at: now) }
        for index in 0..<RepeatLimit.maximumNames { #expect(admits("event.\(index)", at: 0)) }
        #expect(admits("one.more", at: 0))
        #expect(!admits("and.another", at: 0))
        #expect(limit.closeWindows(at: 99).isEmpty)
        #expect(limit.closeWindows(at: 100) == [RepeatLimit.Suppressed(event: "other", count: 1)])
        #expect(admits("and.another", at: 100))
    }

    @Test func ownCountersAreShown() {
        let recorder = Recorder()
        let registry = Registry(processMetrics: false)
        let log = recorder.log(limits: Log.Limits(linesPerInterval: 2))
        log.show(in: registry)
        for _ in 0..<5 { log.error("a") }
        recorder.takes.store(false, ordering: .relaxed)
        log.info("b")
        #expect(
            lines(of: "sluice_log_", in: registry).filter { !$0.hasPrefix("#") } == [
                #"sluice_log_lines_suppressed_total 3"#, #"sluice_log_lines_total{level="debug"} 0"#,
                #"sluice_log_lines_total{level="error"} 2"#, #"sluice_log_lines_total{level="info"} 0"#,
                #"sluice_log_lines_total{level="warning"} 0"#, "sluice_log_write_failures_total 1",
            ])
    }

    /// Goal: a reader that hangs costs lines, not the process; and the log goes on when the reader does.
    @Test func fullPipeCostsLinesAndNothingElse() throws {
        let (reading, writing) = try pipePair()
        defer { close(reading) }
        let sink = LogDescriptor(writing)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1_000) + [0x0A]
        var taken = 0
        while taken < 1_000, sink.write(line) { taken += 1 }
        #expect((1..<1_000).contains(taken))
        for _ in 0..<100 { #expect(!sink.write(line)) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(reading, $0.baseAddress, $0.count) }
        #expect(count == taken * line.count)
        #expect(sink.write(line))
        close(writing)
    }

    @Test func readerThatLeftIsAFailureAndNoSignal() throws {
        _ = signal(SIGPIPE, SIG_IGN)
        let (reading, writing) = try pipePair()
        close(reading)
        let sink = LogDescriptor(writing)
        #expect(!sink.write([0x0A]))
        #expect(!sink.write([0x0A]))
        close(writing)
        #expect(!LogDescriptor(-1).write([0x0A]))
    }

    @Test func threadsDoNotMixTheirLines() throws {
        let (reading, writing) = try pipePair()
        let log = Log(
            minimumLevel: .debug, fileDescriptor: writing, limits: Log.Limits(linesPerInterval: .max))
        let done = DispatchGroup()
        for thread in 0..<4 {
            DispatchQueue(label: "writer").async(group: done) {
                for round in 0..<250 { log.info("round", [("thread", .integer(thread)), ("round", .integer(round))]) }
            }
        }
        done.notify(queue: DispatchQueue(label: "closer")) { close(writing) }
        let bytes = try FileHandle(fileDescriptor: reading, closeOnDealloc: true).readToEnd() ?? Data()
        let lines = bytes.split(separator: 0x0A)
        #expect(lines.count == 1_000)
        for line in lines { _ = try JSONSerialization.jsonObject(with: line) }
    }

    private func pipePair() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        let result = unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress) }
        try #require(result == 0)
        return (ends[0], ends[1])
    }
}

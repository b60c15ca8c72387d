import Testing

@testable import Configuration

@Suite struct QuantitiesTests {
    @Test(arguments: [
        ("5ms", Duration.milliseconds(5)), ("30s", .seconds(30)), ("15m", .seconds(900)), ("2h", .seconds(7200)),
        ("30d", .seconds(2_592_000)), ("0s", .zero), ("007s", .seconds(7)), ("999999999999d", nil),
    ]) func aDurationIsAWholeNumberAndAUnit(_ text: String, _ duration: Duration?) {
        #expect(Quantities.duration(text) == duration)
    }

    @Test(arguments: ["", "5", "ms", "5 ms", "-5s", "+5s", "1.5h", "5S", "5sec", "1h30m", "1000000000000000s", "٥s"])
    func anythingElseIsNoDuration(_ text: String) {
        #expect(Quantities.duration(text) == nil)
    }

    @Test(
        arguments: [
            ("64MiB", 67_108_864), ("1KiB", 1024), ("1GB", 1_000_000_000), ("1kB", 1000), ("1KB", 1000), ("3B", 3),
            ("2TiB", 2_199_023_255_552), ("1GiB", 1_073_741_824), ("1TB", 1_000_000_000_000), ("2MB", 2_000_000),
            ("9999999999TiB", nil), ("64", nil), ("64M", nil), ("64mib", nil), ("1.5GiB", nil), ("-1B", nil), ("", nil),
        ] as [(String, Int?)]) func aSizeIsAWholeNumberAndAUnit(_ text: String, _ bytes: Int?)
    {
        #expect(Quantities.size(text) == bytes)
    }

    @Test(arguments: ["5ms", "1500ms", "90s", "15m", "25h", "30d"]) func aDurationIsToldAsItIsWritten(_ text: String) {
        #expect(Quantities.duration(text).map(Quantities.text) == text)
    }

    @Test(
        arguments: [
            ("kafak", "kafka"), ("instanceId", "instance_id"), ("Weight", "weight"), ("wieght", "weight"), ("zzz", nil),
            ("x", nil), ("", nil),
        ] as [(String, String?)]) func theNearestNameIsSuggestedWhenItIsNear(_ name: String, _ nearest: String?)
    {
        #expect(NearestName.nearest(to: name, among: ["kafka", "instance_id", "weight", "by"]) == nearest)
    }
}

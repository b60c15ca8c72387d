import Foundation
import OrderEvents
import Partitioner

/// `SluiceBench lanes`: decode, route and hand over through the lanes, in bursts and batches of the usual size, on one
/// thread.
///
/// For counting instructions (`scripts/bench-instructions.sh`), which busy neighbours do not change.
enum LanesRun {
    /// Records of a poll burst.
    static let burst = 1000

    static func run(records: Int) throws {
        let values = MicroPart.records(records)
        let path = HotPath(legalEntities: 20)
        let bounds = LaneBounds(processBytes: 96 << 20, laneBytes: 4 << 20, linger: 0)
        var schedule = LaneSchedule(lanes: path.lanes.lanes, bounds: bounds)
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        var delivered = 0
        for start in stride(from: 0, to: values.count, by: burst) {
            let part = values[start..<min(start + burst, values.count)]
            delivered += countedBurst(part, path, now, &schedule)
        }
        guard delivered == values.count else { throw BenchError("\(delivered) of \(values.count) came through") }
        SluiceBench.say("\(delivered) records")
    }

    /// What is counted, by this name: nothing else happens in it.
    @inline(never)
    private static func countedBurst(
        _ values: ArraySlice<[UInt8]>, _ path: HotPath, _ now: Timestamp, _ schedule: inout LaneSchedule
    ) -> Int {
        var taken: [Taken] = []
        taken.reserveCapacity(values.count)
        for index in values.indices {
            taken.append(
                path.lanes.route(
                    path.decode(values[index], at: Int64(index), now), channelName: "reference"))
        }
        for record in taken { schedule.enqueue(record, now: 0) }
        taken.removeAll(keepingCapacity: true)
        var delivered = 0
        while case .batch(let batch) = schedule.next(now: 1) {
            delivered += batch.items.count
            schedule.complete(batch)
        }
        return delivered
    }
}

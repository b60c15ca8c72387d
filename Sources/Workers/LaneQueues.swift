internal import Glibc
public import OrderEvents
public import Partitioner
internal import Synchronization

/// The lanes of one store between the poll thread and the workers: `LaneSchedule` under one lock, with waiting.
///
/// The only place where threads of the data path wait for each other. The poll thread locks it once a burst, a worker
/// twice a batch.
@safe public final class LaneQueues: Sendable {
    // `Mutex` has no condition variable, so both are pthread's.
    // Safe: allocated once, initialised before anybody else sees them, destroyed in deinit.
    private nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private nonisolated(unsafe) let arrived: UnsafeMutablePointer<pthread_cond_t>
    // Safe: only touched while `mutex` is held.
    private nonisolated(unsafe) var schedule: LaneSchedule
    private nonisolated(unsafe) var isClosed = false
    private let lastPressure = Mutex(Pressure.none)

    /// Empty queues of `lanes`.
    public init(lanes: [Lane], bounds: LaneBounds) {
        schedule = LaneSchedule(lanes: lanes, bounds: bounds)
        unsafe mutex = .allocate(capacity: 1)
        unsafe arrived = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(arrived, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(arrived)
        unsafe pthread_mutex_destroy(mutex)
        unsafe arrived.deallocate()
        unsafe mutex.deallocate()
    }

    private func locked<Result>(_ body: (inout LaneSchedule) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return unsafe body(&schedule)
    }

    /// Monotonic microseconds.
    public static func clock() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// Takes the records of one poll burst. Called on the poll thread.
    public func offer(_ burst: [Taken]) {
        let now = Self.clock()
        let pressure = locked { schedule in
            for taken in burst { schedule.enqueue(taken, now: now) }
            unsafe pthread_cond_signal(arrived)
            return schedule.pressure()
        }
        lastPressure.withLock { $0 = pressure }
    }

    /// What has to be paused now.
    public func pressure() -> Pressure { lastPressure.withLock { $0 } }

    /// The next batch; blocks until there is one. Nil: the queues are closed.
    public func take() -> LaneBatch? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if unsafe isClosed { return nil }
            let now = Self.clock()
            switch unsafe schedule.next(now: now) {
            case .batch(let batch):
                // Another worker may find work too.
                if unsafe schedule.waitingEvents > 0 { unsafe pthread_cond_signal(arrived) }
                return batch
            case .wait(let until): unsafe wait(until: until)
            }
        }
    }

    private func wait(until: Int64?) {
        guard let until else {
            unsafe pthread_cond_wait(arrived, mutex)
            return
        }
        var time = timespec(tv_sec: Int(until / 1_000_000), tv_nsec: Int(until % 1_000_000) * 1000)
        unsafe pthread_cond_timedwait(arrived, mutex, &time)
    }

    /// The batch has its durable outcomes, or is given up.
    public func complete(_ batch: LaneBatch) {
        let pressure = locked { schedule in
            schedule.complete(batch)
            unsafe pthread_cond_signal(arrived)
            return schedule.pressure()
        }
        lastPressure.withLock { $0 = pressure }
    }

    /// No more batches: workers that wait return. What is queued is dropped; Kafka still has it.
    public func close() {
        unsafe pthread_mutex_lock(mutex)
        unsafe isClosed = true
        unsafe pthread_cond_broadcast(arrived)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Whether nothing waits and nothing is in flight.
    public var isEmpty: Bool { locked { $0.isEmpty } }

    /// Depths of all lanes that hold anything, by lane index, and the bytes open in all.
    public func depths() -> (lanes: [(lane: Int, depth: LaneSchedule.Depth)], openBytes: Int) {
        locked { schedule in
            (
                (0..<schedule.laneCount).compactMap { lane in
                    let depth = schedule.depth(ofLane: lane)
                    return depth.events > 0 ? (lane, depth) : nil
                }, schedule.openBytes
            )
        }
    }
}

/// The lanes of all stores: each record goes to the queues of its lane's store.
public final class LaneRouter: LaneSink {
    private let queues: [LaneQueues]
    private let storeOfLane: [Int]

    /// Routes to `queues`, one for each store, by the store of each lane.
    public init(queues: [LaneQueues], lanes: [Lane]) {
        self.queues = queues
        self.storeOfLane = lanes.map(\.store)
    }

    /// Takes the records of one poll burst. Called on the poll thread.
    public func offer(_ burst: [Taken]) {
        guard queues.count > 1 else {
            queues.first?.offer(burst)
            return
        }
        var parts = [[Taken]](repeating: [], count: queues.count)
        for taken in burst {
            let lane =
                switch taken {
                case .event(let event): max(0, Int(event.lane))
                case .deadLetter: 0
                }
            parts[storeOfLane[lane]].append(taken)
        }
        for (store, part) in parts.enumerated() where !part.isEmpty { queues[store].offer(part) }
    }

    /// What has to be paused now, for any store.
    public func pressure() -> Pressure {
        var sum = Pressure.none
        for queue in queues {
            let pressure = queue.pressure()
            sum.everything = sum.everything || pressure.everything
            sum.partitions.formUnion(pressure.partitions)
        }
        return sum
    }
}

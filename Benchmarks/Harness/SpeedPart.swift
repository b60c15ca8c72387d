import Foundation

/// `speed`: end to end against the floor, the prepared INSERT and the peers, in turn in one run.
struct SpeedPart {
    let stage: Stage

    func measure(_ figures: inout Figures) throws {
        let options = stage.options
        let load = ReferenceLoad(orders: options.orders)
        let drain = try Drain(stage, load)
        let peers = try makePeers(load, drain)
        var rates: [String: [Double]] = [:]
        for round in 1...options.runs {
            SluiceBench.say("speed: round \(round) of \(options.runs)")
            let ours = try drain.run("sluice")
            let batch = max(1, load.records / max(1, ours.commits.transactions))
            rates["events", default: []].append(ours.commits.rowsPerSecond)
            rates["cpu", default: []].append(ours.cpuMicroseconds(perEventOf: load.records))
            rates["batch", default: []].append(Double(batch))
            let floor = FloorRun(stage: stage, load: load, batchRecords: batch)
            for (key, way) in [("floor", FloorRun.Way.copy), ("insert", .insert)] {
                let result = try floor.run(way)
                let rate = result.rowsPerSecond
                rates["\(key) cpu", default: []].append(result.serverMicroseconds)
                SluiceBench.say("\(key): \(Figures.number(rate.rounded())) events/s")
                rates[key, default: []].append(rate)
            }
            for peer in peers {
                let rate = try peer.run()
                SluiceBench.say("\(peer.name): \(Figures.number(rate.rounded())) events/s")
                rates[peer.name, default: []].append(rate)
            }
        }
        add(rates, &figures)
        figures.remarks += [
            "all rates: rows by the server's own commit times, from the first commit to the last",
            "floor: COPY for what is new, one upsert for orders that have a row, \(FloorRun.clients) clients",
        ]
        if peers.isEmpty { figures.remarks.append("peers: none (they need KAFKA_HOME, Python packages, SLUICE_PEERS)") }
    }

    private func makePeers(_ load: ReferenceLoad, _ drain: Drain) throws -> [any Peer] {
        let options = stage.options
        guard let topic = drain.name, !options.withoutPeers else { return [] }
        var peers: [any Peer] = []
        if let python = options.python {
            // `batched` reads what Sluice reads: the tables' indexes cost more the larger they are.
            for (manner, limit) in [
                (PythonPeer.Manner.batchedAlone, 150_000), (.batched, load.records), (.single, 15_000),
            ] {
                peers.append(
                    PythonPeer(stage: stage, python: python, manner: manner, topic: topic, load: load, limit: limit))
            }
        }
        if let home = options.kafkaHome, let folder = options.peers {
            peers.append(try JDBCSinkPeer(stage: stage, kafkaHome: home, folder: folder, load: load))
        }
        return peers
    }

    private func add(_ rates: [String: [Double]], _ figures: inout Figures) {
        let ours = rates["events"] ?? []
        func ratios(_ above: [Double], _ below: String) -> [Double] { zip(above, rates[below] ?? []).map { $0 / $1 } }
        figures.add("floor_ratio", ratios(ours, "floor"), note: "end to end ÷ floor; bar 0.40, aim 0.65")
        figures.add(
            "floor_to_insert_ratio", ratios(rates["floor"] ?? [], "insert"),
            note: "floor ÷ prepared INSERT; bar 1.5, aim 2")
        figures.add("events_per_second", ours, unit: "1/s", note: "Kafka to committed")
        figures.add("floor_events_per_second", rates["floor"] ?? [], unit: "1/s")
        figures.add("insert_events_per_second", rates["insert"] ?? [], unit: "1/s")
        figures.add(
            "python_batched_ratio", ratios(ours, PythonPeer.Manner.batched.rawValue), note: "bar 2.5, aim 4")
        figures.add("python_single_ratio", ratios(ours, PythonPeer.Manner.single.rawValue), note: "bar 20, aim 40")
        figures.add("jdbc_sink_ratio", ratios(ours, JDBCSinkPeer.name), note: "bar 1.0, aim 1.5")
        figures.add("python_batched_one_process_ratio", ratios(ours, PythonPeer.Manner.batchedAlone.rawValue))
        for name in [
            PythonPeer.Manner.batched.rawValue, PythonPeer.Manner.batchedAlone.rawValue,
            PythonPeer.Manner.single.rawValue, JDBCSinkPeer.name,
        ] {
            figures.add("\(name)_events_per_second", rates[name] ?? [], unit: "1/s")
        }
        figures.add(
            "cpu_microseconds_per_event", rates["cpu"] ?? [], unit: "us", note: "the whole process; bar 12, aim 4")
        figures.add(
            "floor_server_microseconds_per_event", rates["floor cpu"] ?? [], unit: "us", note: "CPU of PostgreSQL")
        figures.add("insert_server_microseconds_per_event", rates["insert cpu"] ?? [], unit: "us")
        figures.add("batch_events", rates["batch"] ?? [], note: "events of a transaction, ours and the floor's")
    }
}

internal import Metrics
internal import Postgres
internal import Store
internal import Synchronization

/// Measures the backlogs for the metrics, on a thread and a connection of its own: who counts the backlog of a
/// destination that hangs reads long, and no other one's deliveries wait for that.
struct BacklogMeter {
    /// A backlog as it was measured.
    struct Depth: Sendable {
        var orders: Int64
        var oldestSeconds: Double
    }

    /// The thread waits so many times longer than it measured.
    private static let idleFactor = 20

    let service: DeliveryService

    /// Measures until the service stops.
    func run() {
        while !isStopping {
            do throws(PostgresError) {
                var connection = try Connection(service.connection)
                while !isStopping {
                    let start = ContinuousClock.now
                    let measured = try Backlog.measure(&connection).map {
                        ($0.legalEntity, Depth(orders: $0.orders, oldestSeconds: $0.oldestSeconds))
                    }
                    service.depths.withLock { $0 = Dictionary(measured) { first, _ in first } }
                    pause(after: ContinuousClock.now - start)
                }
            } catch {
                service.log.warning(
                    "delivery.not_measured", [("store", .text(service.store)), ("reason", .text(error.message))])
                pause(after: .zero)
            }
        }
    }

    private var isStopping: Bool { service.metering.withLock { !$0 } }

    private func pause(after took: Duration) {
        _ = service.metering.wait(within: max(DeliveryService.measureInterval, took * Self.idleFactor)) { !$0 }
    }
}

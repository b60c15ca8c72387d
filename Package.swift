// swift-tools-version: 6.2
import PackageDescription

// Swift 6 language mode comes with the tools version. Raw memory has to be marked `unsafe`, which confines it.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
]

/// A target of the product.
///
/// Its dependencies are the whole import table: the build refuses any other import.
func stage(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, exclude: exclude,
        swiftSettings: strict)
}

let package = Package(
    name: "sluice",
    targets: [
        // C libraries: module maps only.
        .systemLibrary(name: "CLibrdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        // What Swift's module of the C library lacks.
        .systemLibrary(name: "CGlibc"),
        // Safe wrappers: the only importers of the above.
        stage("Kafka", ["CLibrdkafka"]),
        stage("Postgres", ["CLibpq"]),
        // Leaves: the vocabulary and its decoder, the life of an order, configuration, metrics and log, HTTP.
        stage("OrderEvents"),
        stage("Orders", ["OrderEvents"]),
        stage("Configuration", ["OrderEvents", "Orders"]),
        stage("Metrics"),
        stage("HTTPServer"),
        // The stages, in the order in which an event meets them.
        stage("Ingest", ["Kafka", "OrderEvents", "Partitioner", "Metrics"]),
        stage("Partitioner", ["OrderEvents"]),
        stage(
            "Store", ["Postgres", "OrderEvents", "Orders"],
            resources: [
                .embedInCode("Migrations/001_store.sql"), .embedInCode("Migrations/002_words.sql"),
                .embedInCode("Migrations/003_retention.sql"), .embedInCode("Migrations/004_identity.sql"),
                .embedInCode("Migrations/005_checks.sql"),
                .embedInCode("Migrations/006_validation.sql"),
                .embedInCode("Migrations/007_routes.sql"),
                .embedInCode("Migrations/008_indexes.sql"),
                .embedInCode("Migrations/009_writes.sql"),
                .embedInCode("Migrations/010_readings.sql"),
                .embedInCode("Migrations/011_ownership.sql"),
                .embedInCode("Migrations/012_readers.sql"),
                .embedInCode("Migrations/013_keys.sql"),
                .embedInCode("Migrations/014_turns.sql"),
                .embedInCode("Migrations/015_trace.sql"),
                .embedInCode("Migrations/016_audit_retention.sql"),
            ]),
        stage("Workers", ["Store", "Postgres", "OrderEvents", "Orders", "Partitioner", "Metrics"]),
        stage("Odoo", ["OrderEvents"]),
        stage("Delivery", ["Odoo", "Store", "Postgres", "OrderEvents", "Orders", "Metrics"]),
        // What is asked over HTTP: who may ask, the read API, the operator's page.
        stage(
            "OperatorAPI", ["HTTPServer", "Store", "Postgres", "OrderEvents", "Orders"],
            resources: [
                .embedInCode("openapi.json"), .embedInCode("Page/page.html"), .embedInCode("Page/page.css"),
                .embedInCode("Page/page.js"),
            ]),
        // Broker, PostgreSQL, Odoo stand-in and traffic for demo, development and tests.
        stage("Embedded", ["Kafka", "HTTPServer", "OrderEvents"]),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "CGlibc", "Configuration", "Delivery", "Embedded", "HTTPServer", "Ingest", "Kafka", "Metrics", "Odoo",
                "OperatorAPI", "OrderEvents", "Orders", "Partitioner", "Postgres", "Store", "Workers",
            ],
            swiftSettings: strict),
        // The bench: docs/BENCHMARKS.md. The C target counts allocations in this program only.
        .target(name: "Allocations", path: "Benchmarks/Allocations"),
        .executableTarget(
            name: "SluiceBench",
            dependencies: [
                "Allocations", "Delivery", "Embedded", "Kafka", "Metrics", "Odoo", "OrderEvents", "Orders",
                "Partitioner", "Postgres", "Store",
            ],
            path: "Benchmarks/Harness", swiftSettings: strict),
        // Tests.
        .target(
            name: "TestSupport", dependencies: ["Embedded", "Kafka", "Postgres", "OrderEvents"],
            path: "Tests/TestSupport", swiftSettings: strict),
        tests(of: "OrderEvents", ["TestSupport"]),
        tests(of: "Orders", ["OrderEvents"]),
        tests(of: "Configuration", ["OrderEvents", "Orders"]),
        tests(of: "Metrics", ["TestSupport"]),
        tests(of: "HTTPServer"),
        tests(of: "Partitioner", ["OrderEvents"]),
        tests(of: "Kafka", ["TestSupport", "Embedded"]),
        tests(of: "Ingest", ["Kafka", "OrderEvents", "Partitioner", "Metrics", "TestSupport", "Embedded"]),
        tests(of: "Postgres", ["TestSupport", "Embedded"]),
        tests(of: "Store", ["Postgres", "OrderEvents", "Orders", "TestSupport", "Embedded"]),
        tests(
            of: "Workers",
            [
                "Delivery", "Store", "Postgres", "OrderEvents", "Orders", "Partitioner", "Metrics", "TestSupport",
                "Embedded",
            ]),
        tests(
            of: "OperatorAPI", ["HTTPServer", "Store", "Postgres", "OrderEvents", "Orders", "TestSupport"],
            exclude: ["matrix.tsv"]),
        tests(of: "Odoo", ["Embedded", "HTTPServer", "OrderEvents"]),
        tests(
            of: "Delivery",
            ["Odoo", "Store", "Postgres", "OrderEvents", "Orders", "Metrics", "TestSupport", "Embedded"]),
        tests(of: "Embedded", ["TestSupport", "OrderEvents", "HTTPServer", "Kafka"]),
        .testTarget(name: "ContractTests", dependencies: ["Odoo", "Embedded"], swiftSettings: strict),
        .testTarget(
            name: "PipelineTests", dependencies: ["TestSupport", "Embedded", "Postgres", "Kafka", "OrderEvents"],
            swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: [], swiftSettings: strict),
    ]
)

import Foundation
import Testing

@testable import Configuration

/// Off loopback everything is encrypted to a verified name, unless that connection says otherwise.
@Suite struct TransportTests {
    @Test(arguments: [
        "postgresql:///d", "postgresql://u@/d", "postgresql://localhost/d", "postgresql://127.0.0.1:5432/d",
        "postgresql://[::1]:5432/d", "postgres://%2Fvar%2Frun/d", "postgresql:///d?host=/tmp/x&port=1",
        "host=/tmp dbname=d", "host = 'localhost' dbname='a b'", "dbname=d", "postgresql://db/d?sslmode=verify-full",
        "host=db sslmode=verify-full", "postgresql://u:a%40b@localhost/d", "host=@abstract dbname=d",
    ])
    func staysOnTheMachineOrIsVerified(_ text: String) {
        #expect(StoreTransport(text).isProtected)
    }

    @Test(arguments: [
        "postgresql://db/d", "postgresql://db/d?sslmode=require", "postgresql://db/d?sslmode=verify-ca",
        "postgresql://localhost,db/d", "postgresql:///d?host=db", "postgresql://localhost/d?hostaddr=10.0.0.1",
        "host=db", "host=localhost hostaddr=10.0.0.1", "host='db' sslmode=disable", "host=localhost.example.com",
        "postgresql://127.0.0.1.example.com/d", "postgresql://u@x@db/d", "dbname=d oops", "host='localhost' x y",
        "postgresql://db/d?ssl%6Dode=prefer",
    ])
    func isNotProtected(_ text: String) {
        #expect(!StoreTransport(text).isProtected)
    }

    @Test(arguments: ["url", "reader_url"]) func theFileIsRefusedWithTheKey(_ key: String) throws {
        let fixture = try ConfigurationFixture()
        let other = key == "url" ? "" : "url: { env: \"DB\" }, "
        try fixture.edit(
            "sluice.json5", "url: { env: \"DB\" }", "\(other)\(key): \"postgresql://db/d?sslmode=require\"")
        #expect(
            try fixture.problems() == [
                "sluice.json5:3: stores.eu.\(key): the server is not on this machine: say sslmode=verify-full in the URL, "
                    + "or insecure: true beside it"
            ])
    }

    @Test func whatIsKeptElsewhereIsCheckedWhenItIsResolved() throws {
        var store = try ConfigurationFixture().load().stores[0]
        #expect(store.refusal(of: "postgresql://db/d")?.contains("verify-full") == true)
        #expect(store.refusal(of: "postgresql://db/d")?.contains("db/d") == false)
        #expect(store.refusal(of: "postgresql://db/d?sslmode=verify-full") == nil)
        store.insecure = true
        #expect(store.refusal(of: "postgresql://db/d") == nil)
    }

    @Test func whatWasAskedForIsWarnedOf() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(
            "sluice.json5", "brokers: [\"127.0.0.1:9092\"]", "brokers: [\"k:9092\"], insecure: true")
        try fixture.edit("sluice.json5", "{ env: \"DB\" }", "\"postgresql://db/d\", insecure: true")
        let warnings = try fixture.load().warnings.map {
            $0.description.replacingOccurrences(of: fixture.path + "/", with: "")
        }
        #expect(
            warnings.filter { $0.contains("sluice.json5") } == [
                "sluice.json5:2: kafka.insecure: records travel to the brokers without encryption",
                "sluice.json5:3: stores.eu.insecure: orders and the password may travel to the store without verified "
                    + "encryption",
            ])
    }

    @Test func encryptedBrokersNeedNoWord() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(
            "sluice.json5", "brokers: [\"127.0.0.1:9092\"]",
            "brokers: [\"k:9092\"], options: { \"security.protocol\": \"SASL_SSL\" }")
        #expect(try fixture.load().warnings.allSatisfy { !$0.description.contains("kafka") })
    }

    @Test func offLoopbackWithTokensBehindTLSIsTaken() throws {
        let fixture = try ConfigurationFixture()
        try fixture.edit(
            "sluice.json5", "kafka:",
            "http: { listen: \"0.0.0.0:9464\", tokens: { file: \"/t\" }, behind_tls: true }, kafka:")
        let http = try fixture.load().http
        #expect(!http.isLoopback && http.isBehindTLS && http.tokens == .file("/t"))
    }
}

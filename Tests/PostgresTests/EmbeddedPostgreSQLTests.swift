import Embedded
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct EmbeddedPostgreSQLTests {
    @Test func missingBinariesNameTheRemedy() {
        var options = EmbeddedPostgreSQL.Options()
        options.binaries = "/nonexistent"
        let error = #expect(throws: EmbeddedPostgreSQLError.self) { _ = try EmbeddedPostgreSQL(options) }
        #expect(error?.code == .binariesMissing)
        #expect(error?.message.contains("apt-get install postgresql") == true)
    }

    @Test func aRefusedSettingIsReportedAndLeavesNothingBehind() {
        var options = EmbeddedPostgreSQL.Options()
        options.settings = [("no_such_setting", "it's wrong")]
        let error = #expect(throws: EmbeddedPostgreSQLError.self) { _ = try EmbeddedPostgreSQL(options) }
        #expect(error?.code == .commandFailed)
    }

    @Test func databasesAreNeverShared() throws {
        var first = try PostgreSQLFixture.freshConnection()
        var second = try PostgreSQLFixture.freshConnection()
        try first.execute("CREATE TABLE mine ()")
        try second.execute("CREATE TABLE mine ()")
        let error = #expect(throws: EmbeddedPostgreSQLError.self) {
            try PostgreSQLFixture.cluster().createDatabase("postgres")
        }
        #expect(error?.code == .commandFailed)
    }

    @Test func aClusterDoesNotOutliveAKilledProcess() async throws {
        let note = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-orphan-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: note) }
        await #expect(processExitsWith: .signal(SIGKILL)) { [note = note as String] in
            var options = EmbeddedPostgreSQL.Options()
            options.isDurable = false
            let cluster = try EmbeddedPostgreSQL(options)
            try cluster.folder.write(toFile: note, atomically: true, encoding: .utf8)
            kill(getpid(), SIGKILL)
            cluster.shutDown()
        }
        let folder = try String(contentsOfFile: note, encoding: .utf8)
        #expect(folder.contains("sluice-postgres-"))
        // The watchdog needs a moment; the folder goes last, after the server.
        var wait = 0
        while FileManager.default.fileExists(atPath: folder), wait < 2_000 {
            _ = poll(nil, 0, 10)
            wait += 1
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
    }
}

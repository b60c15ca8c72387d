import Foundation
import Testing

@testable import Configuration

@Suite struct SecretReferenceTests {
    private func file(_ bytes: [UInt8]) throws -> (fixture: ConfigurationFixture, secret: SecretReference) {
        let fixture = try ConfigurationFixture()
        try fixture.write(bytes, to: "secret")
        return (fixture, .file(fixture.path + "/secret"))
    }

    @Test(arguments: [
        ("hunter2", "hunter2"), ("hunter2\n", "hunter2"), ("hunter2\r\n", "hunter2"), ("hunter2\n\n", "hunter2\n"),
        (" hunter2 \n", " hunter2 "), ("h\u{e4}\n", "h\u{e4}"),
    ]) func oneLineBreakAtTheEndOfAFileIsNotPartOfTheSecret(_ content: String, _ secret: String) throws {
        let (fixture, reference) = try file(Array(content.utf8))
        #expect(try reference.resolve() == secret)
        withExtendedLifetime(fixture) {}
    }

    @Test func aSecretIsReadWhenItIsUsed() throws {
        let (fixture, reference) = try file(Array("old".utf8))
        #expect(try reference.resolve() == "old")
        try fixture.write(Array("new".utf8), to: "secret")
        #expect(try ConfiguredText.secret(reference).resolve() == "new")
        #expect(try ConfiguredText.plain("plain").resolve() == "plain")
    }

    @Test(
        arguments: [
            (Array("\n".utf8), "the secret is empty"), ([], "the secret is empty"),
            (Array("hunter2\0".utf8), "the secret contains a NUL character"),
            (Array("hunter2".utf8) + [0xFF], "the file is not UTF-8"),
            ([UInt8](repeating: 0x68, count: 65_537), "is longer than 65536 bytes"),
        ] as [([UInt8], String)]) func whatIsNoSecretIsRefusedWithoutBeingTold(_ bytes: [UInt8], _ reason: String)
        throws
    {
        let (fixture, reference) = try file(bytes)
        let error = try #require(throws: SecretError.self) { try reference.resolve() }
        #expect(error.description == "secret (file \(fixture.path)/secret): \(reason)")
    }

    @Test func aPlaceWithoutASecretIsNamed() throws {
        let fixture = try ConfigurationFixture()
        let absent = try #require(throws: SecretError.self) {
            try SecretReference.file(fixture.path + "/absent").resolve()
        }
        #expect(absent.reason == "cannot be opened: No such file or directory")
        let folder = try #require(throws: SecretError.self) { try SecretReference.file(fixture.path).resolve() }
        #expect(folder.reason == "is a folder, not a file")
        let unset = try #require(throws: SecretError.self) {
            try SecretReference.environment("SLUICE_TEST_NO_SUCH_VARIABLE").resolve()
        }
        #expect(unset.description == "secret (env SLUICE_TEST_NO_SUCH_VARIABLE): the environment variable is not set")
    }

    @Test func theEnvironmentIsRead() throws {
        let path = try #require(ProcessInfo.processInfo.environment["PATH"])
        #expect(try SecretReference.environment("PATH").resolve() == path)
    }
}

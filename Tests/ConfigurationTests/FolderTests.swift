import Foundation
import Testing

@testable import Configuration

/// Whatever lies where the files should be is told, with a place.
@Suite struct FolderTests {
    private let absent = "there is no such file or folder"

    private func problems(_ path: String) -> [String] {
        do throws(ConfigurationError) {
            _ = try Configuration.load(path: path)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func aMissingFolderOrFileIsRefused() throws {
        let fixture = try ConfigurationFixture()
        #expect(problems(fixture.path + "/none") == ["\(fixture.path)/none:1: (file): \(absent)"])
        #expect(problems(fixture.path + "/none.json5") == ["\(fixture.path)/none.json5:1: (file): \(absent)"])
        #expect(problems("") == [":1: (file): \(absent)"])
    }

    @Test func anEmptyFolderLacksEverything() throws {
        let fixture = try ConfigurationFixture()
        fixture.files = [:]
        #expect(
            try fixture.problems() == [
                "sluice.json5:1: (file): cannot be opened: No such file or directory",
                "channels:1: (file): holds no file *.json5; at least one channel is needed",
                "entities:1: (file): holds no file *.json5; at least one legal entity is needed",
            ])
    }

    @Test func missingFoldersAreTold() throws {
        let fixture = try ConfigurationFixture()
        try FileManager.default.removeItem(atPath: fixture.path + "/channels")
        try FileManager.default.removeItem(atPath: fixture.path + "/entities")
        try fixture.write([], to: "entities")
        fixture.files = ["sluice.json5": ConfigurationFixture.main]
        #expect(
            try fixture.problems() == [
                "channels:1: (file): there is no such folder; it holds the channel files",
                "entities:1: (file): is not a folder that can be read",
            ])
    }

    @Test func aFolderAPipeAndALoopInPlaceOfAFileAreRefused() throws {
        let fixture = try ConfigurationFixture()
        let channels = fixture.path + "/channels/"
        try FileManager.default.createDirectory(atPath: channels + "b.json5", withIntermediateDirectories: false)
        try #require(unsafe mkfifo(channels + "c.json5", 0o600) == 0)
        try FileManager.default.createSymbolicLink(atPath: channels + "d.json5", withDestinationPath: "d.json5")
        try FileManager.default.createSymbolicLink(atPath: channels + "e.json5", withDestinationPath: "gone")
        #expect(
            try fixture.problems() == [
                "channels/b.json5:1: (file): is a folder, not a file",
                "channels/c.json5:1: (file): is not a regular file",
                "channels/d.json5:1: (file): cannot be opened: Too many levels of symbolic links",
                "channels/e.json5:1: (file): cannot be opened: No such file or directory",
            ])
    }

    @Test func aFileThatCannotBeReadIsRefused() throws {
        // Reading a process's memory at 0 fails for root too, whom permissions do not stop.
        let fixture = try ConfigurationFixture()
        try FileManager.default.createSymbolicLink(
            atPath: fixture.path + "/entities/y.json5", withDestinationPath: "/proc/self/mem")
        #expect(try fixture.problems() == ["entities/y.json5:1: (file): cannot be read: Input/output error"])
    }

    @Test func aFileWithoutRightsIsRefused() throws {
        guard geteuid() != 0 else { return }  // root may read everything
        let fixture = try ConfigurationFixture()
        _ = try fixture.load()
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: fixture.path + "/sluice.json5")
        #expect(
            problems(fixture.path) == ["\(fixture.path)/sluice.json5:1: (file): cannot be opened: Permission denied"])
    }

    @Test func aFileThatIsTooLongIsRefused() throws {
        let fixture = try ConfigurationFixture()
        fixture.files["entities/x.json5"] = ConfigurationFixture.entity + String(repeating: " ", count: 1 << 20)
        #expect(try fixture.problems() == ["entities/x.json5:1: (file): is longer than 1048576 bytes"])
    }

    @Test func aMountedFolderOfLinksIsReadAndItsHiddenEntriesAreNot() throws {
        let fixture = try ConfigurationFixture()
        _ = try fixture.load()
        let entities = fixture.path + "/entities"
        try FileManager.default.createDirectory(atPath: entities + "/..data", withIntermediateDirectories: false)
        try FileManager.default.moveItem(atPath: entities + "/x.json5", toPath: entities + "/..data/x.json5")
        try FileManager.default.createSymbolicLink(
            atPath: entities + "/x.json5", withDestinationPath: "..data/x.json5")
        try fixture.write(Array("swap".utf8), to: "entities/.x.json5.swp")
        try fixture.write(Array("{".utf8), to: "entities/.hidden.json5")
        try fixture.write(Array("# notes".utf8), to: "entities/README.md")
        #expect(try Configuration.load(path: fixture.path).entities.map(\.name) == ["X"])
    }

    @Test(arguments: ["y.json", "y.yaml", "y.JSON5", "y.jsonc"])
    func aFileThatWasMeantToCountIsNotPassedOver(_ name: String) throws {
        let fixture = try ConfigurationFixture()
        fixture.files["entities/" + name] = ConfigurationFixture.entity
        #expect(
            try fixture.problems() == [
                "entities/\(name):1: (file): is not read, because its name does not end in .json5; "
                    + "rename it or take it away"
            ])
    }

    @Test func anotherMainFileTakesTheFoldersBesideIt() throws {
        let fixture = try ConfigurationFixture()
        fixture.files["staging.conf"] = ConfigurationFixture.main
        fixture.files["sluice.json5"] = "{"
        _ = try? fixture.load()
        #expect(try Configuration.load(path: fixture.path + "/staging.conf").channels.count == 2)
    }

    @Test func aBrokenFileDoesNotMakeTheOthersWrong() throws {
        // The entity's channel stands in the file that cannot be parsed: that it is missing is not known.
        let fixture = try ConfigurationFixture()
        fixture.files["channels/a.json5"] = "{ channel: \"a\", topics: [\"t.a\"]"
        #expect(
            try fixture.problems() == [
                "channels/a.json5:1: topics: the file ends before the \"{\" of line 1 is closed; is it half-written?"
            ])
    }

    @Test func everyHalfWrittenFileIsRefusedWithAPlace() throws {
        let fixture = try ConfigurationFixture()
        _ = try fixture.load()
        for (name, text) in fixture.files {
            let bytes = Array(text.utf8)
            for count in stride(from: 0, to: bytes.count - 1, by: 7) {
                try fixture.write(Array(bytes[..<count]), to: name)
                let found = problems(fixture.path)
                #expect(found.count == 1 && found[0].hasPrefix("\(fixture.path)/\(name):"), "\(name), \(count) bytes")
            }
            try fixture.write(bytes, to: name)
        }
        #expect(problems(fixture.path) == [])
    }
}

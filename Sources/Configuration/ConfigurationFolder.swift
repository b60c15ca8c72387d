import Foundation

/// One file of a configuration, as it was read.
struct ConfigurationFile {
    var kind: FileKind
    /// The path as a person would name it.
    var name: String
    /// Its content; nil when it could not be read or parsed.
    var root: ConfigNode?
}

/// Finds and reads the files of a configuration.
struct ConfigurationFolder {
    /// Longer files are refused; one entity takes about 2 KiB.
    static let maximumFileBytes = 1 << 20
    /// More files of one kind are refused.
    static let maximumFiles = 20_000

    /// The `sluice.json5`.
    private let mainFile: String
    /// What stands before the names of the folders beside it.
    private let prefix: String
    private let given: String

    /// `path` is the folder, or the main file under whatever name.
    init(path: String) {
        given = path
        if FileReading.isFolder(path) ?? !path.hasSuffix(".json5") {
            prefix = path.hasSuffix("/") ? path : path + "/"
            mainFile = prefix + "sluice.json5"
        } else {
            mainFile = path
            prefix = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
        }
    }

    /// Reads every file, in a fixed order: the main file, the channels, the entities.
    func read(into problems: inout ProblemList) -> [ConfigurationFile] {
        guard FileReading.isFolder(given) != nil else {
            problems.add(given, .start, Problem.wholeFile, "there is no such file or folder")
            problems.unreadableFiles += 1
            return []
        }
        var files = [read(mainFile, .main, &problems)]
        files += folder("channels", .channel, &problems)
        files += folder("entities", .entity, &problems)
        return files
    }

    private func folder(_ name: String, _ kind: FileKind, _ problems: inout ProblemList) -> [ConfigurationFile] {
        let path = prefix + name
        problems.order(path)
        let what = kind == .channel ? "channel" : "legal entity"
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        } catch {
            let isThere = FileReading.isFolder(path) != nil
            let reason =
                isThere ? "is not a folder that can be read" : "there is no such folder; it holds the \(what) files"
            problems.add(path, .start, Problem.wholeFile, reason)
            problems.unreadableFiles += 1
            return []
        }
        var files: [ConfigurationFile] = []
        for entry in names where !entry.hasPrefix(".") {
            let lowercased = entry.lowercased()
            if entry.hasSuffix(".json5") {
                guard files.count < Self.maximumFiles else {
                    problems.add(path, .start, Problem.wholeFile, "holds more than \(Self.maximumFiles) files")
                    break
                }
                files.append(read("\(path)/\(entry)", kind, &problems))
            } else if entry.hasSuffix(SampleProof.suffix), kind == .channel {
                guard !names.contains(String(entry.dropLast(SampleProof.suffix.count)) + ".json5") else { continue }
                let reason = "belongs to no channel: its name is that of a file *.json5, then \(SampleProof.suffix)"
                problems.add("\(path)/\(entry)", .start, Problem.wholeFile, reason)
            } else if [".json", ".json5", ".jsonc", ".yaml", ".yml", ".toml"].contains(where: lowercased.hasSuffix) {
                // It was surely meant to have an effect.
                let reason = "is not read, because its name does not end in .json5; rename it or take it away"
                problems.add("\(path)/\(entry)", .start, Problem.wholeFile, reason)
            }
        }
        if files.isEmpty {
            problems.add(path, .start, Problem.wholeFile, "holds no file *.json5; at least one \(what) is needed")
        }
        return files
    }

    private func read(_ name: String, _ kind: FileKind, _ problems: inout ProblemList) -> ConfigurationFile {
        problems.order(name)
        var file = ConfigurationFile(kind: kind, name: name, root: nil)
        do throws(FileReadingError) {
            let bytes = try FileReading.contents(of: name, limit: Self.maximumFileBytes)
            file.root = parse(bytes, name, &problems)
        } catch {
            problems.add(name, .start, Problem.wholeFile, error.reason)
        }
        if file.root == nil { problems.unreadableFiles += 1 }
        return file
    }

    private func parse(_ bytes: [UInt8], _ name: String, _ problems: inout ProblemList) -> ConfigNode? {
        do throws(SyntaxProblem) {
            var reader = try JSON5Reader(bytes)
            // What was collected up to a syntax error is still true.
            defer {
                for duplicate in reader.duplicates {
                    problems.add(name, duplicate.at, duplicate.path, duplicate.reason)
                }
            }
            return try reader.read()
        } catch {
            problems.add(name, error.at, error.path.isEmpty ? Problem.wholeFile : error.path, error.reason)
            return nil
        }
    }
}

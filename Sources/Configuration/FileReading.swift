import Foundation

/// Why a file could not be read.
struct FileReadingError: Error {
    var reason: String
}

/// Bounded reading of regular files.
///
/// A pipe or device in the way is refused instead of waited for.
enum FileReading {
    /// Bytes asked of the kernel at a time.
    private static let chunk = 65_536

    /// Whether `path` leads to a folder; nil when it leads nowhere.
    static func isFolder(_ path: String) -> Bool? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// The whole file at `path`, at most `limit` bytes.
    ///
    /// Follows symbolic links, as mounted secrets are.
    static func contents(of path: String, limit: Int) throws(FileReadingError) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw FileReadingError(reason: "the path contains a NUL character") }
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot be opened", errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("cannot be examined", errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw FileReadingError(reason: "is a folder, not a file")
        default: throw FileReadingError(reason: "is not a regular file")
        }
        guard status.st_size <= limit else { throw tooLong(limit) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunk)
        while true {
            // Safe: the kernel writes at most `chunk` bytes into an array of that length.
            let got = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe read(descriptor, raw.baseAddress, raw.count)
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw failure("cannot be read", errno)
            }
            if got == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<got])
            guard bytes.count <= limit else { throw tooLong(limit) }
        }
    }

    private static func tooLong(_ limit: Int) -> FileReadingError {
        FileReadingError(reason: "is longer than \(limit) bytes")
    }

    private static func failure(_ what: String, _ code: Int32) -> FileReadingError {
        let text = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return FileReadingError(reason: "\(what): \(text)")
    }
}

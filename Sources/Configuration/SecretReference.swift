import Foundation

/// Where a secret is kept.
///
/// The secret itself is read when it is used, never stored and never printed.
public enum SecretReference: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The environment variable of this name.
    case environment(String)
    /// The file at this absolute path.
    case file(String)

    /// The longest secret, in bytes.
    static let maximumBytes = 65_536

    /// Reads the secret now.
    ///
    /// One line break at the end of a file is not part of it.
    ///
    /// - Throws: When it is absent, empty or no text. The error names the place, never the content.
    public func resolve() throws(SecretError) -> String {
        let secret: String
        switch self {
        case .environment(let name):
            guard let value = ProcessInfo.processInfo.environment[name] else {
                throw SecretError(reference: self, reason: "the environment variable is not set")
            }
            secret = value
        case .file(let path):
            let bytes: [UInt8]
            do throws(FileReadingError) {
                bytes = try FileReading.contents(of: path, limit: Self.maximumBytes)
            } catch {
                throw SecretError(reference: self, reason: error.reason)
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw SecretError(reference: self, reason: "the file is not UTF-8")
            }
            secret = Self.withoutLineBreak(text)
        }
        guard !secret.isEmpty else { throw SecretError(reference: self, reason: "the secret is empty") }
        guard !secret.unicodeScalars.contains("\0") else {
            throw SecretError(reference: self, reason: "the secret contains a NUL character")
        }
        return secret
    }

    /// Where the secret is kept, for messages.
    public var description: String {
        switch self {
        case .environment(let name): "env \(printable(name))"
        case .file(let path): "file \(printable(path, limit: 4096))"
        }
    }

    private static func withoutLineBreak(_ text: String) -> String {
        var scalars = Substring(text).unicodeScalars
        if scalars.last == "\n" {
            scalars.removeLast()
            if scalars.last == "\r" { scalars.removeLast() }
        }
        return String(scalars)
    }
}

/// A secret that cannot be had at the moment.
public struct SecretError: Error, Sendable, CustomStringConvertible {
    /// Where it should be.
    public var reference: SecretReference
    /// What is wrong with that place.
    public var reason: String

    /// The place and the reason; never the secret.
    public var description: String { "secret (\(reference)): \(reason)" }
}

/// A text that a file may hold itself, or keep elsewhere because it is secret.
public enum ConfiguredText: Equatable, Sendable, CustomStringConvertible {
    /// The text; holds no secret.
    case plain(String)
    /// Where the text is.
    case secret(SecretReference)

    /// The text, read now.
    ///
    /// - Throws: When it is kept elsewhere and cannot be had.
    public func resolve() throws(SecretError) -> String {
        switch self {
        case .plain(let text): text
        case .secret(let reference): try reference.resolve()
        }
    }

    /// The text, or where it is kept.
    public var description: String {
        switch self {
        case .plain(let text): printable(text, limit: 4096)
        case .secret(let reference): reference.description
        }
    }
}

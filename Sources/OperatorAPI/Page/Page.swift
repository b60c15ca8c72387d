internal import Foundation
internal import HTTPServer

/// The operator's page: one document with its style and script in it, and a policy that lets nothing else run.
enum Page {
    /// Name of the header that confines the page.
    static let policyField = "Content-Security-Policy"

    private static let style = text(PackageResources.page_css)
    private static let script = text(PackageResources.page_js)

    static let document: [UInt8] = {
        let whole = text(PackageResources.page_html)
            .replacingOccurrences(of: "%STYLE%", with: style)
            .replacingOccurrences(of: "%SCRIPT%", with: script)
        return Array(whole.utf8)
    }()

    /// Only this style and this script, by their hashes; requests only to where the page is from.
    static let policy =
        "default-src 'none'; style-src 'sha256-\(hash(style))'; script-src 'sha256-\(hash(script))'; "
        + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    static func response(status: Int, headers: [(String, String)] = []) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [
                ("Content-Type", "text/html; charset=utf-8"), (policyField, policy), ("Referrer-Policy", "no-referrer"),
            ] + headers,
            body: document)
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func hash(_ text: String) -> String { Data(SHA256.hash(text.utf8)).base64EncodedString() }
}

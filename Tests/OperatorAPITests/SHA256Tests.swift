import Testing

@testable import OperatorAPI

/// The examples of FIPS 180-4 and of RFC 6234.
@Suite struct SHA256Tests {
    private func text(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func ofTheStandardsExamples(_ message: String, _ hash: String) {
        #expect(text(SHA256.hash(message.utf8)) == hash)
    }

    @Test func ofAMillionLetters() {
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(text(SHA256.hash(million)) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    /// Around the length where the padding needs a block of its own.
    @Test func lengthsAroundABlockDiffer() {
        var seen: Set<[UInt8]> = []
        for count in 0...130 { seen.insert(SHA256.hash([UInt8](repeating: 0, count: count))) }
        #expect(seen.count == 131 && seen.allSatisfy { $0.count == 32 })
    }
}

// Eight bytes at a time. The masks follow one pattern: a byte of the result has its top bit set when the byte of the
// word matches. Above a match there may be false ones (a borrow runs upwards), so only "any" and "the lowest" are
// asked.

/// Constants and questions about eight bytes in one word, lowest address in the lowest byte.
enum ByteWord {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let tops: UInt64 = 0x8080_8080_8080_8080

    /// Every byte of the word is `byte`.
    @inline(__always) static func all(_ byte: UInt8) -> UInt64 { UInt64(byte) &* ones }

    /// The bytes that end the plain run of a JSON string: quote, backslash, below space, or not ASCII.
    @inline(__always) static func stringSpecials(_ word: UInt64) -> UInt64 {
        let quotes = word ^ all(0x22)
        let backslashes = word ^ all(0x5C)
        let found = ((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes) | (word &- all(0x20)) | word
        // `word - 0x20` is wrong for bytes of 0xA0 and more, which `word` itself flags: no `& ~word` is needed.
        return found & tops
    }

    /// The bytes that an identifier may not have: outside 0x21...0x7E.
    @inline(__always) static func identifierOffences(_ word: UInt64) -> UInt64 {
        ((word &- all(0x21)) | (word &+ ones) | word) & tops
    }

    /// Index of the lowest byte that is flagged.
    @inline(__always) static func lowest(_ flags: UInt64) -> Int { flags.trailingZeroBitCount >> 3 }

    /// A mask for the bytes below the lowest that is flagged; one has to be.
    @inline(__always) static func below(_ flags: UInt64) -> UInt64 { ((flags & (0 &- flags)) >> 7) &- 1 }

    /// A mask for the lowest `count` bytes, 0...8.
    @inline(__always) static func mask(_ count: Int) -> UInt64 {
        count >= 8 ? .max : (1 &<< UInt64(truncatingIfNeeded: count &* 8)) &- 1
    }
}

extension Span<UInt8> {
    /// Eight bytes from `index`, which has to be at most `count - 8`.
    @inline(__always) func word(at index: Int) -> UInt64 {
        // Safe: the load checks its bounds, and any eight bytes are a UInt64.
        UInt64(littleEndian: unsafe self.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// Up to eight bytes from `index`; bytes beyond `length` are zero.
    @inline(__always) func word(at index: Int, length: Int) -> UInt64 {
        if index &+ 8 <= count { return word(at: index) & ByteWord.mask(length) }
        return shortWord(at: index, length: length)
    }

    /// The slow form of `word(at:length:)`, for the last bytes of a document.
    @inline(never) private func shortWord(at index: Int, length: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<Swift.min(length, 8) {
            word |= UInt64(self[index + offset]) << UInt64(offset * 8)
        }
        return word
    }
}

import Glibc

/// Writes into memory that is there already; whoever lends it makes sure that there is room.
@safe struct Pen {
    /// A number takes no more.
    static let maximumNumberBytes = 32

    /// Where the next byte goes.
    private(set) var place: Int
    private let memory: UnsafeMutableRawBufferPointer

    init(_ memory: UnsafeMutableRawBufferPointer, at place: Int) {
        unsafe self.memory = unsafe memory
        self.place = place
    }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        unsafe precondition(place < memory.count)
        unsafe memory[place] = byte
        place += 1
    }

    @inline(__always)
    mutating func put(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe put($0) } }

    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        unsafe precondition(bytes.count <= memory.count - place)
        if let to = unsafe memory.baseAddress, let from = bytes.baseAddress {
            unsafe memcpy(to + place, from, bytes.count)
        }
        place += bytes.count
    }

    /// `{a="1",b="2",more}`, or nothing.
    @inline(__always)
    mutating func put(_ entity: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer, _ more: [UInt8]) {
        var before = UInt8(ascii: "{")
        if unsafe !entity.isEmpty {
            put(before)
            unsafe put(entity)
            before = UInt8(ascii: ",")
        }
        if unsafe !rest.isEmpty {
            put(before)
            unsafe put(rest)
            before = UInt8(ascii: ",")
        }
        if !more.isEmpty {
            put(before)
            put(more)
            before = UInt8(ascii: ",")
        }
        if before == UInt8(ascii: ",") { put(UInt8(ascii: "}")) }
    }

    mutating func put(_ number: Int) {
        if number < 0 { put(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var digits = 1
        var power: UInt = 10
        while digits < 20, rest >= power {
            digits += 1
            power = power > .max / 10 ? .max : power * 10
        }
        unsafe precondition(digits <= memory.count - place)
        var at = place + digits
        place = at
        repeat {
            at -= 1
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe memory[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: remainder)
            rest = quotient
        } while rest > 0
    }

    mutating func put(_ number: Double) {
        if let whole = Int(exactly: number), whole.magnitude < 1 << 53, whole != 0 || number.sign == .plus {
            return put(whole)
        }
        for byte in Page.text(number).utf8 { put(byte) }
    }

    /// Seconds with three places.
    mutating func put(milliseconds: Int64) {
        put(Int(milliseconds / 1000))
        put(UInt8(ascii: "."))
        let rest = Int(milliseconds % 1000)
        for divisor in [100, 10, 1] { put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / divisor % 10)) }
    }
}

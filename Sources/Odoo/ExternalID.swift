/// External identities that Sluice chooses, unique in Odoo by the index on `ir.model.data (module, name)`.
///
/// Injective: two order keys never have the same identity. Bytes of `[A-Za-z0-9-]` stand for themselves, every other
/// byte is `_` and two lower-case hex digits. So `__` (between entity and reference) and `_l` (before a line's number)
/// cannot come out of the encoding and separate safely. Spaces, which Odoo refuses, and dots, which end its module
/// part, do not occur. A reference of 128 bytes gives at most 384 characters; the index takes about 2,700.
public enum ExternalID {
    /// The part before the dot; need not be an installed module.
    public static let namespace = "sluice"

    /// `sluice.order_ENTITY__REF`.
    public static func order(legalEntity: String, orderRef: String) -> String {
        "\(namespace).order_\(encoded(legalEntity))__\(encoded(orderRef))"
    }

    /// The identity of an order's line: `ORDER_lN` with N counted from 1 in the sequence of the lines.
    public static func line(of order: String, number: Int) -> String { "\(order)_l\(number)" }

    /// `sluice.partner_ENTITY__REF`.
    public static func partner(legalEntity: String, ref: String) -> String {
        "\(namespace).partner_\(encoded(legalEntity))__\(encoded(ref))"
    }

    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: out.append(byte)
            default: out += [0x5F, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

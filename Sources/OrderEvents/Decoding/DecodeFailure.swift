/// Why one record becomes a dead letter.
///
/// A class, so that the functions of the decoder return one word beside their result; it is only made when a record is
/// refused.
final class DecodeFailure: Error {
    let reason: DeadLetter.Reason
    /// JSON pointer to the offending value; grows from the inside out as the failure passes the levels of the document.
    let pointer: String
    let message: String

    /// A failure at the value that is being read.
    init(_ reason: DeadLetter.Reason, _ message: String, at pointer: String = "") {
        self.reason = reason
        self.pointer = pointer
        self.message = message
    }

    /// A document that is no JSON; the message names the byte.
    convenience init(_ error: JSONError) {
        self.init(error.reason == .invalidUTF8 ? .notUTF8 : .notJSON, error.description)
    }

    /// The same failure seen from outside the member or element that `step`, with its slash, names.
    func under(_ step: String) -> DecodeFailure {
        switch reason {
        case .notUTF8, .notJSON: self
        default: DecodeFailure(reason, message, at: step + pointer)
        }
    }

    /// The detail of the dead letter: `/lines/1/quantity: must be …`, or `byte 17: …`.
    var detail: String {
        switch reason {
        case .notUTF8, .notJSON: message
        default: pointer.isEmpty ? "(whole document): \(message)" : "\(pointer): \(message)"
        }
    }

    static func missing(_ pointer: String = "") -> DecodeFailure {
        DecodeFailure(.missingField, "required, but absent or null", at: pointer)
    }
}

// Of two tellings of one value, which counts? Decided by what was told alone, never by which came first, so that any
// order of arrival ends the same.

/// Who told a value, and when it was true.
public struct Origin: Equatable, Sendable {
    /// Event time in microseconds; 0: never told.
    public var at: Int64 = 0
    /// The channel's number of the telling; 0: none.
    public var sequence: Int64 = 0
    /// Index into the order's channels.
    public var channel: Int16 = 0
    /// Place of the channel among the owners when it was told; 0 wins.
    public var rank: UInt8 = 0

    /// Nobody told it.
    public static let none = Origin()

    /// Whether somebody told it.
    public var isTold: Bool { at != 0 }
}

extension Order {
    /// Whether a value told by `new` takes the place of one told by `old`.
    ///
    /// The higher owner; then the later; within a channel the higher number, else the later in the log; between
    /// channels of one rank and time their names, because something has to decide and arrival must not.
    func supersedes(_ new: Origin, _ old: Origin) -> Bool {
        guard old.isTold else { return true }
        if new.rank != old.rank { return new.rank < old.rank }
        if new.at != old.at { return new.at > old.at }
        if new.channel == old.channel { return new.sequence >= old.sequence }
        return channels[Int(new.channel)].channel > channels[Int(old.channel)].channel
    }
}

/// What taking an event's word or facts did to the order.
struct News {
    /// It told something new: the event is applied.
    var isNew = false
    /// The order remembers something else than before, though nothing that counts as news.
    var isTouched = false

    static let new = News(isNew: true, isTouched: true)
    static let touched = News(isNew: false, isTouched: true)

    mutating func add(_ other: News) {
        isNew = isNew || other.isNew
        isTouched = isTouched || other.isTouched
    }
}

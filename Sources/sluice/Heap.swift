internal import CGlibc

/// The C library's heap, kept near what is in use.
///
/// A thread gives glibc's allocator an arena of its own, and what it frees stays there; batches are allocated by one
/// thread and freed by another. With the allocator's own settings half of the process was memory that nobody used.
enum Heap {
    /// Arenas of all threads together: with two, threads wait for each other (a twentieth of the rate).
    private static let arenas: Int32 = 4
    /// Bytes from which an allocation has pages of its own, which go back when it is freed.
    ///
    /// Said, because the allocator would raise it to the size of each such buffer that is freed.
    private static let mappedFrom: Int32 = 256 << 10

    /// To be called before there is another thread.
    static func bound() {
        _ = mallopt(M_ARENA_MAX, arenas)
        _ = mallopt(M_MMAP_THRESHOLD, mappedFrom)
    }

    /// Gives pages back that are free now.
    ///
    /// A few milliseconds, in which allocating threads may wait for each other.
    static func trim() { _ = malloc_trim(0) }
}

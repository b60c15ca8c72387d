import Testing

/// The whole program, from outside: real processes, sockets, a database.
///
/// One at a time, because each has a pipeline of its own and the machine may be small.
@Suite(.serialized) struct PipelineTests {}

//! Writes in flight, for evaluating read-modify-writes.

//! Moving a replica from one disk of the node to another, while its table is written (rules MOVES, PRE-COPY).

mod host;

pub use host::{CopyPlace, MoveHost, MovingReplica};

//! Moving a replica from one disk of the node to another, while its table is written (rules MOVES, PRE-COPY).
//!
//! ```text
//! Migrator (validate, store, queue) ── Driver, a thread per job ── one file per step:
//!    start ──> moving ──> moved ──> closed ──> learning ──> ending
//!    lock,     rounds     check,    close,     open,        hand back,
//!    demote    (round,    leave     seal,      rejoin,      unlock
//!    (ready)   watch)               rename     wait
//! ```
//!
//! The rest of the node is behind the trait [`MoveHost`].

mod cancel;
mod closed;
mod compaction;
mod driver;
mod ending;
mod error;
mod host;
mod job_cell;
mod job_store;
mod learning;
mod limits;
mod manifest;
mod meters;
mod migrator;
mod moved;
mod moving;
mod options;
mod pause;
mod ready;
mod restore;
mod round;
mod start;
#[cfg(test)]
mod tests;
mod watch;
mod window;

pub use host::{CopyPlace, MoveHost, MovingReplica};
pub use limits::Limits;
pub use manifest::{CompleteRound, FileContent, Manifest};
pub use meters::MoveMeters;
pub use migrator::Migrator;
pub use options::MigrateOptions;

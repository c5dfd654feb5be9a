//! A seeded cluster of the real protocol cores under faults.
//!
//! Real: `pacifica`'s cores and beacons, the meta server's whole state with its guardian, and the replica server's
//! pure decisions (recovery of directories, replay, collecting, overlay). Modelled: network, disks, logs, storage,
//! clocks, processes, clients. One [`run`] is one history; the same seed gives the same history.
//!
//! ```text
//!   plan ──> world ── queue ──> node ──> runtime ──> pacifica core ──> effects ──> log, disk, network, meta
//!                       │                                                             │
//!   fault, client ──────┘              check/* after every step <─────────────────────┘
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod boot;
mod check;
mod client;
mod clock;
mod configs;
mod disk;
mod fault;
mod files;
mod happening;
mod history;
mod learning;
mod log;
mod meta;
mod moving;
mod network;
mod node;
mod plan;
mod planted;
mod proposal;
mod queue;
mod read;
mod report;
mod run;
mod runtime;
mod scenario;
mod storage;
mod trace;
mod words;
mod world;

pub use check::Violation;
pub use planted::Planted;
pub use run::{Outcome, Settings, run};
pub use scenario::History;
pub use trace::Lines;

//! Beside a real server (7.0): it reads requests as this crate does, tells the same of commands, refuses in the same words, and
//! spells replies the same. Needs Debian's redis-tools, in which the server is contained.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod docs;
mod here;
mod patterns;
mod server;
mod spelling;
mod table;
mod words;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The same chance every time.
fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

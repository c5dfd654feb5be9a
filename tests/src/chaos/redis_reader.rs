//! Redis clients that only read, on READONLY connections and from whichever node: what they are told may lack what was
//! acknowledged lately, and nothing else.

use std::time::Duration;

use super::clients::{Access, VALUE_BYTES};
use super::redis_caller::RedisCaller;
use crate::history::RecordedRedis;

/// `resp.max_staleness` of the nodes. Nothing is added to it when answers are judged: a node looks at its clock, which goes on
/// while it stands still, after it has read, and whoever asked had begun before.
pub(super) const STALE_MAX: Duration = Duration::from_millis(600);
/// Numbers of these clients in the record begin here.
const FIRST: usize = 300;

impl RedisCaller {
    /// One that only reads, also from secondaries.
    pub(super) fn reader(access: &Access, number: usize, seed: u64) -> Self {
        let (number, router) = (FIRST + number, access.router().readonly());
        let client = RecordedRedis::new(router, access.recorder.clone(), number, VALUE_BYTES).of_secondaries(STALE_MAX);
        Self::with(client, true, number, seed)
    }
}

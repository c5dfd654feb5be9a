//! The task that drives one `pacifica::Replica`, and the node's replicas together.

mod beacons;
mod boot;
mod caches;
mod commit_point;
mod cure;
mod digest;
mod disk_broken;
mod disk_remove;
mod disk_set;
mod foreground;
mod gate;
mod grant;
mod handle;
pub(crate) mod host;
mod inbox;
mod inspect;
mod install;
mod learner;
mod lifecycle;
mod logs;
mod meters;
mod node;
mod operation;
mod peers;
mod perform;
mod ports;
pub(crate) mod redis;
mod registry;
mod retention;
mod signal;
mod task;
mod turns;
mod upkeep;
mod waiter;

use std::sync::Arc;

use common::pool::outcome;
use common::types::{Decree, Mutation};

use crate::storage::Storage;

pub(crate) use beacons::Beacons;
pub(crate) use boot::configured_on;
pub(crate) use handle::{Input, Place, Replica, View};
pub(crate) use logs::{Logs, OpenLog};
pub(crate) use meters::Meters;
pub(crate) use node::{Node, Parts};
pub(crate) use operation::plain;
pub(crate) use peers::Peers;
pub(crate) use ports::{Decided, MetaPort};

/// Runs blocking work on the blocking pool and waits, as [`outcome`] does.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    outcome(tokio::task::spawn_blocking(work)).await
}

/// Applies committed mutations: at once, or on the blocking pool while RocksDB does not keep up.
pub(crate) async fn apply(storage: Storage, mutations: Vec<Arc<Mutation>>) -> Result<Decree, String> {
    let applied = match storage.apply_at_once(&mutations) {
        Ok(Some(applied)) => Ok(applied),
        Ok(None) => blocking(move || storage.apply(&mutations)).await,
        Err(error) => Err(error),
    };
    applied.map(|applied| applied.decree).map_err(|error| error.to_string())
}

//! How fast copies between the disks of a node may be, and what holds them back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::job::Job;

/// A change of a limit. All in bytes per second, 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateChange {
    /// None: only show.
    Keep,
    /// That of the node, which all its copies share. Kept across restarts.
    Node(u64),
    /// The node's is again what its settings say.
    NodeDefault,
    /// That of one job.
    Job(Uuid, u64),
}

/// The limits of a node's copies. All rates in bytes per second; a limit of 0 is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRates {
    /// What all copies of the node share.
    pub max_rate_bytes_per_s: u64,
    /// What the settings say (`migrate.max_rate`).
    pub default_bytes_per_s: u64,
    /// Whether an operator set the limit, so that the settings do not hold.
    pub changed: bool,
    /// What all copies together read in the last second.
    pub rate_bytes_per_s: u64,
    /// How the node's clients fare, and what follows for the copies.
    pub foreground: ForegroundRate,
    /// The moves that run or wait, oldest first.
    pub jobs: Vec<Job>,
}

/// Copies give way to the node's clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForegroundRate {
    /// `migrate.max_foreground_p99`; `None`: copies do not give way.
    pub max_p99: Option<Duration>,
    /// 99 of 100 reads and writes of the last second were faster; `None`: there were none.
    pub p99: Option<Duration>,
    /// What the copies are held to for the clients' sake, bytes per second; `None`: they are not.
    pub limit_bytes_per_s: Option<u64>,
}

//! Settings of disk moves, each with its default and unit.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of disk moves.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// Where jobs are kept; by default the node's first data directory.
    pub home: PathBuf,
    /// What all copies of the node share, in bytes per second, unless an operator chose otherwise; 0: none. Default
    /// 100 MiB/s.
    pub max_rate_bytes_per_s: u64,
    /// Copies slow down while 99 of 100 operations of clients are not faster than this; `None`: they do not. Default
    /// `None`.
    pub max_foreground_p99: Option<Duration>,
    /// The manifest of a copy is written after a file at least this often, so that a crash costs no more. Default 1 s.
    pub note_every: Duration,
    /// What must stay free on the target beyond the replica, in bytes. Default 256 MiB.
    pub headroom_bytes: u64,
    /// How long a step waits for the lock, or for the replica to be a secondary. Default 2 min.
    pub ready: Duration,
    /// How long the primary is asked to drop the replica. Default 30 s.
    pub leave: Duration,
    /// How long the guardian waits for the new copy once the replica left. Default 5 min.
    pub away: Duration,
    /// How long the source's automatic compaction is held back at most. Default 10 min.
    pub hold_compaction: Duration,
    /// How long a job's last duties (hand-back, unlock, end of `moving`) are tried. Default 2 min.
    pub ending: Duration,
    /// Tests: a step that fails stops the job where it stands, as a crash would.
    pub stop_on_error: bool,
}

impl MigrateOptions {
    /// The defaults, with jobs kept in `home`.
    #[must_use]
    pub const fn new(home: PathBuf) -> Self {
        Self {
            home,
            max_rate_bytes_per_s: 100 << 20,
            max_foreground_p99: None,
            note_every: Duration::from_secs(1),
            headroom_bytes: 256 << 20,
            ready: Duration::from_secs(120),
            leave: Duration::from_secs(30),
            away: Duration::from_secs(300),
            hold_compaction: Duration::from_secs(600),
            ending: Duration::from_secs(120),
            stop_on_error: false,
        }
    }
}

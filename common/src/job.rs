//! The one job record of every kind of move: between disks, between nodes, of slots. Pure.
//!
//! ```text
//! IDLE -> START -> MOVING -> MOVED -> CLOSED -> LEARNING -> COMPLETED
//!   ^       |         |        |
//!   +-------+---------+--------+   any failure or cancel before CLOSED: IDLE, cause kept
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::types::{Gpid, PeerId};

/// Where a move stands (Pegasus' RFC names). A failed or cancelled job shows `IDLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// Accepted and queued, or over without effect.
    Idle,
    /// A primary is handed over first; leftovers are set aside.
    Start,
    /// Pre-copy rounds while writes flow.
    Moving,
    /// All files are verified against the manifest.
    Moved,
    /// The replica left the configuration and closed; seal and durable renames.
    Closed,
    /// The new copy is open and learns what it missed.
    Learning,
    /// The new copy is a member.
    Completed,
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "IDLE",
            Self::Start => "START",
            Self::Moving => "MOVING",
            Self::Moved => "MOVED",
            Self::Closed => "CLOSED",
            Self::Learning => "LEARNING",
            Self::Completed => "COMPLETED",
        })
    }
}

/// How a job ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobOutcome {
    /// Queued or under way.
    Running,
    /// Done.
    Completed,
    /// Given up; `last_error` says why.
    Failed,
    /// Stopped by an operator.
    Cancelled,
}

/// What kind of move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Between two disks of one node.
    Disk,
    /// Between two nodes; source and target are their peer ids.
    Region,
}

/// What kinds of work are shown in one list: moves, which are jobs, and what procedures do to whole tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListedKind {
    /// A move between two disks of one node.
    Disk,
    /// A move between two nodes.
    Region,
    /// A table comes to be, or goes.
    Table,
}

impl From<JobKind> for ListedKind {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::Disk => Self::Disk,
            JobKind::Region => Self::Region,
        }
    }
}

impl fmt::Display for ListedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One step of a job's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStep {
    /// The state entered.
    pub state: JobState,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

/// How the new copy got what it missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LearnKind {
    /// From the primary's prepare list.
    Cache,
    /// From the primary's indexed log.
    Log,
    /// A checkpoint, streamed.
    Checkpoint,
}

impl fmt::Display for LearnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cache => "cache",
            Self::Log => "log",
            Self::Checkpoint => "checkpoint",
        })
    }
}

/// What holds a copy back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottledBy {
    /// The limit of the job itself.
    RateLimit,
    /// The limit that all copies of the node share.
    NodeLimit,
    /// The node's clients were served too slowly (`migrate.max_foreground_p99`).
    ForegroundP99,
}

impl ThrottledBy {
    /// In the order in which a copy passes them.
    pub const ALL: [Self; 3] = [Self::RateLimit, Self::NodeLimit, Self::ForegroundP99];
}

impl fmt::Display for ThrottledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RateLimit => "rate_limit",
            Self::NodeLimit => "node_limit",
            Self::ForegroundP99 => "foreground_p99",
        })
    }
}

impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A job, durable from before its id is returned until long after it ended. Fields that came later have a default, so
/// that the records of earlier versions are still read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Identity.
    pub id: Uuid,
    /// What kind of move.
    pub kind: JobKind,
    /// What moves.
    pub subject: Gpid,
    /// The node on which it runs.
    pub node: PeerId,
    /// Disk tag that it leaves.
    pub source: String,
    /// Disk tag that it goes to.
    pub target: String,
    /// Where it stands.
    pub state: JobState,
    /// How it ended, if it did.
    pub outcome: JobOutcome,
    /// Every state entered, oldest first.
    pub history: Vec<JobStep>,
    /// Bytes that the present plan copies in all.
    pub bytes_total: u64,
    /// Bytes copied and verified, those of an earlier process (`bytes_resumed`) included.
    pub bytes_done: u64,
    /// Bytes that the last restart found copied and verified, and that were not copied again; 0 without a restart.
    #[serde(default)]
    pub bytes_resumed: u64,
    /// Present copying rate, bytes per second; `None` while nothing is copied.
    pub rate_bytes_per_s: Option<u64>,
    /// The job's own limit, bytes per second; 0: none. The node's limit holds besides.
    pub max_rate_bytes_per_s: u64,
    /// What holds the copy back at present; `None`: nothing but the disks.
    #[serde(default)]
    pub throttled_by: Option<ThrottledBy>,
    /// Times that a step was tried again.
    pub retries: u32,
    /// Whether a primary may be handed over first.
    pub demote: bool,
    /// The replica was primary when the job began, and is handed the role back at the end.
    pub was_primary: bool,
    /// How the new copy learned; `None` before it did.
    pub learn_kind: Option<LearnKind>,
    /// From CLOSED to COMPLETED, in milliseconds.
    pub window_ms: Option<u64>,
    /// For a table of one replica: from when the primary stopped taking writes until the partition served again, in
    /// milliseconds. `None` otherwise: the other members go on.
    #[serde(default)]
    pub write_pause_ms: Option<u64>,
    /// Whether the origin is removed as soon as the job has completed, instead of after its time to live.
    #[serde(default)]
    pub purge_origin: bool,
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// Unix milliseconds.
    pub started_at_ms: Option<u64>,
    /// Unix milliseconds.
    pub updated_at_ms: u64,
    /// Unix milliseconds.
    pub finished_at_ms: Option<u64>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
}

impl Job {
    /// Records that a state was entered.
    pub fn enter(&mut self, state: JobState, now_ms: u64) {
        self.state = state;
        self.updated_at_ms = now_ms;
        self.history.push(JobStep { state, at_ms: now_ms });
    }

    /// Ends the job. A job that did not complete shows IDLE.
    pub fn finish(&mut self, outcome: JobOutcome, error: Option<String>, now_ms: u64) {
        assert!(self.outcome == JobOutcome::Running, "job {} ends twice", self.id);
        let state = if outcome == JobOutcome::Completed { JobState::Completed } else { JobState::Idle };
        // A completed job was so from the moment when the new copy became a member.
        if self.state != state || self.history.is_empty() {
            self.enter(state, now_ms);
        }
        self.updated_at_ms = now_ms;
        self.outcome = outcome;
        self.last_error = error.or(self.last_error.take());
        self.finished_at_ms = Some(now_ms);
        (self.rate_bytes_per_s, self.throttled_by) = (None, None);
    }

    /// Whether it is queued or under way.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.outcome == JobOutcome::Running
    }

    /// Share of the bytes that are done, 0 to 100; 100 only once completed.
    #[must_use]
    pub fn percent(&self) -> u8 {
        if self.state == JobState::Completed {
            return 100;
        }
        let share = u128::from(self.bytes_done) * 100 / u128::from(self.bytes_total.max(1));
        u8::try_from(share).unwrap_or(99).min(99)
    }

    /// Time left for the copy at the present rate, in milliseconds.
    #[must_use]
    pub fn eta_ms(&self) -> Option<u64> {
        let rate = self.rate_bytes_per_s.filter(|rate| *rate > 0)?;
        Some(self.bytes_total.saturating_sub(self.bytes_done).saturating_mul(1000) / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version wrote it.
    const OLD: &str = r#"{"id":"00000000-0000-0000-0000-000000000007","kind":"disk","subject":"1.3","node":0,
        "source":"disk1","target":"disk2","state":"COMPLETED","outcome":"completed",
        "history":[{"state":"IDLE","at_ms":1}],"bytes_total":10,"bytes_done":10,"rate_bytes_per_s":null,
        "max_rate_bytes_per_s":104857600,"retries":0,"demote":true,"was_primary":false,"learn_kind":"log",
        "window_ms":84,"queued_at_ms":1,"started_at_ms":1,"updated_at_ms":2,"finished_at_ms":2,"last_error":null}"#;

    #[test]
    fn a_job_of_an_earlier_version_is_read_and_what_it_did_not_know_is_unknown() {
        let old: Job = serde_json::from_str(OLD).unwrap();
        assert_eq!((old.window_ms, old.write_pause_ms, old.throttled_by), (Some(84), None, None));
        assert_eq!((old.purge_origin, old.bytes_resumed), (false, 0));
    }

    #[test]
    fn a_job_that_ended_is_not_held_back_any_more() {
        let mut job: Job = serde_json::from_str(OLD).unwrap();
        (job.outcome, job.throttled_by) = (JobOutcome::Running, Some(ThrottledBy::NodeLimit));
        job.finish(JobOutcome::Cancelled, None, 9);
        assert_eq!((job.throttled_by, job.state), (None, JobState::Idle));
    }
}

//! The pure part of a disk move: its states, what may follow what, when the rounds end, whether a request is accepted,
//! which queued moves may begin, and how much copies give way to clients.
//!
//! ```text
//!  IDLE ──> START ──> MOVING ──> MOVED ──> CLOSED ──> LEARNING ──> COMPLETED
//!   ^         │          │         │          │          │
//!   └─────────┴──────────┴─────────┘          └──────────┴──> IDLE (failed: the meta server cures the partition)
//!   any failure, any cancel: nothing changed     only if neither forward nor the deadline leaves another way
//! ```

mod pace;
mod queue;
mod replaced;
mod rounds;
mod throttled;
mod validate;

pub use pace::{FLOOR_BYTES_PER_S, Pace, Seen};
pub use queue::{MOVES_MAX, Waiting, admit};
pub use replaced::is_replaced;
pub use rounds::{ROUNDS_MAX, SMALL_BYTES, Verdict, after_round};
pub use throttled::throttled_by;
pub use validate::{DiskFacts, MoveFacts, MoveRequest, ReplicaFacts, RunningMove, validate};

use common::job::JobState;

/// Every legal transition.
pub const TRANSITIONS: &[(JobState, JobState)] = &[
    (JobState::Idle, JobState::Start),
    (JobState::Idle, JobState::Idle),
    (JobState::Start, JobState::Moving),
    (JobState::Start, JobState::Idle),
    (JobState::Moving, JobState::Moved),
    (JobState::Moving, JobState::Idle),
    (JobState::Moved, JobState::Closed),
    (JobState::Moved, JobState::Idle),
    (JobState::Closed, JobState::Learning),
    (JobState::Closed, JobState::Idle),
    (JobState::Learning, JobState::Completed),
    (JobState::Learning, JobState::Idle),
];

/// Whether a job may go from one state to another.
#[must_use]
pub fn is_legal(from: JobState, to: JobState) -> bool {
    TRANSITIONS.contains(&(from, to))
}

/// Whether the replica is still a member as it was, so that the job can end without a trace.
///
/// From CLOSED on a job goes forward: the partition has a `moving` record, and the source is closed or closing.
#[must_use]
pub const fn can_turn_back(state: JobState) -> bool {
    matches!(state, JobState::Idle | JobState::Start | JobState::Moving | JobState::Moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_can_reach_its_end_and_never_goes_from_closed_back_to_a_copy() {
        let order = [
            JobState::Idle,
            JobState::Start,
            JobState::Moving,
            JobState::Moved,
            JobState::Closed,
            JobState::Learning,
            JobState::Completed,
        ];
        for (from, to) in order.iter().zip(order.iter().skip(1)) {
            assert!(is_legal(*from, *to));
        }
        for (from, to) in TRANSITIONS {
            assert!(*to == JobState::Idle || *from < *to, "{from} -> {to} goes back");
        }
        assert!(!TRANSITIONS.iter().any(|(from, _)| *from == JobState::Completed));
        assert!(!can_turn_back(JobState::Closed) && !can_turn_back(JobState::Learning));
    }
}

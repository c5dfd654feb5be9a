//! `job/<queued at, Unix ms>.<id>`: the meta server's copy of a job; the names sort by age.

use meta_state::JobKey;

pub(super) const KIND: &str = "job";

pub(super) fn name(key: JobKey) -> String {
    format!("{KIND}/{:020}.{}", key.queued_at_ms, key.id.simple())
}

#[cfg(test)]
mod tests {
    use common::job::{Job, JobKind, JobOutcome, JobState, JobStep, LearnKind};
    use common::types::{Gpid, PeerId};
    use meta_state::Record;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::assert_round_trip;

    proptest! {
        #[test]
        fn a_job_survives_the_store(id: u128, disk: String, bytes: u64, at_ms: u64, last_error: Option<String>) {
            assert_round_trip(Record::Job(Box::new(Job {
                id: Uuid::from_u128(id),
                kind: JobKind::Disk,
                subject: Gpid::new(1, 2),
                node: PeerId(3),
                source: disk.clone(),
                target: disk,
                state: JobState::Moving,
                outcome: JobOutcome::Running,
                history: vec![JobStep { state: JobState::Start, at_ms }],
                bytes_total: bytes,
                bytes_done: bytes / 2,
                bytes_resumed: 0,
                rate_bytes_per_s: last_error.as_ref().map(|_| bytes),
                max_rate_bytes_per_s: bytes,
                throttled_by: None,
                retries: 3,
                demote: true,
                was_primary: false,
                learn_kind: Some(LearnKind::Log),
                window_ms: None,
                write_pause_ms: None,
                purge_origin: false,
                queued_at_ms: at_ms,
                started_at_ms: Some(at_ms),
                updated_at_ms: at_ms,
                finished_at_ms: None,
                last_error,
            })));
        }
    }
}

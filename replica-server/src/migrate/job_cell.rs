//! One job as several parts of the process see it: its driver, operators, the heartbeat.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::clock::Clock;
use common::fs::Throttle;
use common::job::{Job, JobState};
use common::types::Time;
use parking_lot::Mutex;
use replica_state::migrate::{can_turn_back, throttled_by};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::job_store::{JobRecord, store};
use super::meters::MoveMeters;

/// A job.
#[derive(Debug)]
pub(super) struct JobCell {
    id: Uuid,
    home: PathBuf,
    record: Mutex<JobRecord>,
    /// Held while a record is written, so that writes keep their order and readers do not wait for the disk.
    writing: Mutex<()>,
    changes: watch::Sender<u64>,
    sample: Mutex<Sample>,
    /// When it last got on, on the monotonic clock.
    progressed: Mutex<Time>,
    pub(super) cancel: CancellationToken,
    pub(super) throttle: Throttle,
}

/// How long the copy had waited for each of its limits when it was last looked at.
#[derive(Debug)]
struct Sample {
    at: Time,
    waits: Vec<Duration>,
}

/// What a cancel met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    /// It stops, or was told to stop before.
    Stops,
    /// It is past the point of no return.
    TooLate,
    /// It has ended, or is about to.
    Over,
}

impl JobCell {
    /// A job whose copy is limited by what stands in its record, and by `node` behind that.
    pub(super) fn new(record: JobRecord, home: &Path, changes: watch::Sender<u64>, node: &Throttle) -> Self {
        let throttle = Throttle::new(record.job.max_rate_bytes_per_s, Clock::System).behind(node);
        let now = Clock::System.mono();
        let sample = Mutex::new(Sample { at: now, waits: throttle.waits() });
        let (id, cancel) = (record.job.id, CancellationToken::new());
        if record.cancelled {
            cancel.cancel();
        }
        let (home, record, writing) = (home.to_owned(), Mutex::new(record), Mutex::default());
        let progressed = Mutex::new(now);
        Self { id, home, record, writing, changes, sample, progressed, cancel, throttle }
    }

    pub(super) const fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn record(&self) -> JobRecord {
        self.record.lock().clone()
    }

    pub(super) fn job(&self) -> Job {
        self.record.lock().job.clone()
    }

    /// Changes the record, durably before it is seen.
    pub(super) fn save(&self, change: impl FnOnce(&mut JobRecord)) -> io::Result<()> {
        let _turn = self.writing.lock();
        let mut next = self.record();
        change(&mut next);
        store(&self.home, &next)?;
        // Progress noted meanwhile is of no matter; what was decided is.
        let (now, before) = (progress(&next), std::mem::replace(&mut *self.record.lock(), next));
        self.got_on(progress(&before) != now);
        self.changed();
        Ok(())
    }

    /// Changes the record in memory: progress, which a crash may take back.
    pub(super) fn note(&self, change: impl FnOnce(&mut JobRecord)) {
        let moved = {
            let mut record = self.record.lock();
            let before = progress(&record);
            change(&mut record);
            progress(&record) != before
        };
        self.got_on(moved);
        self.changed();
    }

    fn got_on(&self, did: bool) {
        if did {
            *self.progressed.lock() = Clock::System.mono();
        }
    }

    /// For how long it has not got on.
    pub(super) fn standing(&self) -> Duration {
        Clock::System.mono().since(*self.progressed.lock())
    }

    /// Stops it durably, if it still can turn back.
    pub(super) fn cancel(&self) -> io::Result<Cancel> {
        let mut met = Cancel::Over;
        self.save(|record| {
            met = cancel(record);
            record.cancelled |= met == Cancel::Stops;
        })?;
        if met == Cancel::Stops {
            self.cancel.cancel();
        }
        Ok(met)
    }

    /// Looks at what held the copy back since the last look. Called about every second.
    pub(super) fn sample(&self, meters: &MoveMeters) {
        let (now, waits) = (Clock::System.mono(), self.throttle.waits());
        let before = std::mem::replace(&mut *self.sample.lock(), Sample { at: now, waits: waits.clone() });
        let waited: Vec<_> = waits.iter().zip(&before.waits).map(|(now, then)| now.saturating_sub(*then)).collect();
        meters.waited(&waited);
        let by = throttled_by(&waited, now.since(before.at)).filter(|_| self.record.lock().ending.is_none());
        if self.record.lock().job.throttled_by != by {
            self.note(|record| record.job.throttled_by = by);
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

/// What changes when a job gets on.
const fn progress(record: &JobRecord) -> (JobState, u64) {
    (record.job.state, record.job.bytes_done)
}

fn cancel(record: &JobRecord) -> Cancel {
    if !record.job.is_running() {
        Cancel::Over
    } else if record.cancelled {
        Cancel::Stops
    } else if record.leaving || !can_turn_back(record.job.state) {
        Cancel::TooLate
    } else if record.ending.is_some() {
        Cancel::Over
    } else {
        Cancel::Stops
    }
}

//! Drives one job from state to state, on a thread of its own.
//!
//! ```text
//! loop: step of the present state -> next state, stored -> …
//!       error where it can turn back      -> ending: failed or cancelled, nothing changed
//!       error after that                  -> tried again; the step itself knows what else may be done
//! ```
//!
//! A step may be entered again at any time, after any crash: it looks at what stands on the disks and goes on there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::fault::{self, Point};
use common::job::{JobOutcome, JobState};
use common::rpc::{ErrorCode, WireResult};
use common::types::Gpid;
use replica_state::migrate::{can_turn_back, is_legal};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::compaction::HeldCompaction;
use super::error::MoveError;
use super::host::MoveHost;
use super::job_cell::JobCell;
use super::job_store::Ending;
use super::meters::MoveMeters;
use super::options::MigrateOptions;
use super::window::Window;
use super::{closed, ending, learning, moved, moving, restore, start};
use crate::disk::{DataDir, DiskManager, layout};

const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long the meta server's word on a copy without a role is waited for.
const WORD: Duration = Duration::from_secs(1);
/// Times that a step past the point of no return is tried before its own way out is taken.
const FORWARD_TRIES: u32 = 4;

/// What drives one job.
pub(super) struct Driver<H> {
    pub(super) host: Arc<H>,
    pub(super) disks: Arc<DiskManager>,
    pub(super) options: Arc<MigrateOptions>,
    pub(super) clock: Clock,
    pub(super) meters: Arc<MoveMeters>,
    pub(super) runtime: Handle,
    pub(super) cell: Arc<JobCell>,
    /// The process stops: the job stays as it is.
    pub(super) stop: CancellationToken,
    /// Held back between the first round and the close, or the end.
    pub(super) compaction: Option<HeldCompaction>,
    pub(super) window: Window,
}

impl<H: MoveHost> Driver<H> {
    /// Runs the job to its end, or until the process stops.
    pub(super) fn run(mut self) {
        let (gpid, job) = (self.gpid(), self.cell.id());
        self.disks.hold(gpid);
        closed::find_forgotten(&self);
        let mut tries = 0;
        while self.cell.record().ending.is_none() {
            if self.cell.record().restoring {
                if self.restore() {
                    continue;
                }
                return;
            }
            let state = self.cell.job().state;
            match self.step(state) {
                Ok(JobState::Completed) => self.decide(JobOutcome::Completed, None),
                Ok(next) => {
                    tries = 0;
                    self.enter(next);
                }
                Err(error) => {
                    tracing::warn!(%gpid, %job, %state, %error, "a step of the move failed");
                    if self.is_stopping() {
                        return;
                    }
                    tries += 1;
                    self.failed(state, &error, tries);
                }
            }
        }
        ending::run(&mut self);
        self.disks.release(gpid);
    }

    fn step(&mut self, state: JobState) -> Result<JobState, MoveError> {
        match state {
            JobState::Idle => Ok(JobState::Start),
            JobState::Start => start::run(self),
            JobState::Moving => moving::run(self),
            JobState::Moved => moved::run(self),
            JobState::Closed => closed::run(self),
            JobState::Learning => learning::run(self),
            JobState::Completed => Ok(JobState::Completed),
        }
    }

    /// Stores the next state. If the home disk refuses, a job that can turn back fails; another goes on, because the
    /// directories and their seal say more than the record.
    fn enter(&self, next: JobState) {
        let (now_ms, from) = (self.clock.wall_ms(), self.cell.job().state);
        if from == next {
            return; // stored by the step itself, together with what it learned
        }
        assert!(is_legal(from, next), "job {} goes from {from} to {next}", self.cell.id());
        tracing::info!(gpid = %self.gpid(), job = %self.cell.id(), state = %next, "move");
        let change = |record: &mut super::job_store::JobRecord| {
            record.job.enter(next, now_ms);
            record.job.started_at_ms.get_or_insert(now_ms);
        };
        if let Err(error) = self.cell.save(change) {
            tracing::error!(job = %self.cell.id(), %error, "the state of a move cannot be stored");
            if can_turn_back(from) {
                return self.decide(JobOutcome::Failed, Some(format!("the job cannot be stored: {error}")));
            }
            self.cell.note(change);
        }
    }

    fn failed(&mut self, state: JobState, error: &MoveError, tries: u32) {
        let record = self.cell.record();
        let outcome = if matches!(error, MoveError::Cancelled) { JobOutcome::Cancelled } else { JobOutcome::Failed };
        if can_turn_back(state) {
            return self.decide(outcome, Some(error.to_string()));
        }
        self.cell.note(|record| {
            record.job.retries += 1;
            record.job.last_error = Some(error.to_string());
        });
        let late = record.left.is_some_and(|left| self.clock.wall_ms() >= left.deadline_ms);
        let has_way_back = state == JobState::Closed || (state == JobState::Learning && record.sole);
        if has_way_back && (tries >= FORWARD_TRIES || late) {
            return self.begin_restoring();
        }
        // A new copy that was a member again already, was lost, and was replaced: nobody asks for it any more.
        let replaced = state == JobState::Learning && self.is_replaced();
        if replaced {
            return self.decide(JobOutcome::Failed, Some(MoveError::Replaced(self.gpid()).to_string()));
        }
        if late {
            let text = "; the new copy stays in place, and the meta server cures the partition";
            return self.decide(JobOutcome::Failed, Some(format!("{error}{text}")));
        }
        self.pause(PAUSE_FIRST * 2_u32.saturating_pow(tries).min(100));
    }

    /// The home disk may refuse to store it: then the directories lead a restarted job here again.
    fn begin_restoring(&self) {
        let change = |record: &mut super::job_store::JobRecord| record.restoring = true;
        if let Err(error) = self.cell.save(change) {
            tracing::error!(job = %self.cell.id(), %error, "that a move turns back cannot be stored");
            self.cell.note(change);
        }
    }

    /// Brings the origin back. What fails is left to the guardian, except for the only copy of a partition: that is
    /// tried until it succeeds, for nobody else can. False: the process stops, and the job goes on after its next start.
    fn restore(&mut self) -> bool {
        self.compaction = None;
        let cause = self.cell.job().last_error.unwrap_or_default();
        match restore::run(self) {
            Ok(()) => self.decide(JobOutcome::Failed, Some(format!("{cause}; the origin is restored"))),
            Err(_) if self.is_stopping() => return false,
            Err(error) if self.cell.record().sole => {
                tracing::error!(gpid = %self.gpid(), job = %self.cell.id(), %error, "the only copy is not back yet");
                self.pause(PAUSE_MAX);
            }
            Err(error) => {
                self.decide(JobOutcome::Failed, Some(format!("{cause}; the origin stays closed: {error}")));
            }
        }
        true
    }

    /// Decides how the job ends. Its last duties follow.
    pub(super) fn decide(&self, outcome: JobOutcome, error: Option<String>) {
        let change = |record: &mut super::job_store::JobRecord| {
            record.ending = Some(Ending { outcome, error });
        };
        let stored = self.cell.save(change.clone());
        if let Err(error) = stored {
            tracing::error!(job = %self.cell.id(), %error, "the end of a move cannot be stored");
            self.cell.note(change);
        }
    }

    pub(super) fn gpid(&self) -> Gpid {
        self.cell.job().subject
    }

    /// The disk that the replica leaves.
    pub(super) fn source(&self) -> Result<Arc<DataDir>, MoveError> {
        self.disk(&self.cell.job().source)
    }

    /// The disk that it goes to.
    pub(super) fn target(&self) -> Result<Arc<DataDir>, MoveError> {
        self.disk(&self.cell.job().target)
    }

    fn disk(&self, tag: &str) -> Result<Arc<DataDir>, MoveError> {
        let disk = self.disks.disk(tag).filter(|disk| disk.is_usable());
        disk.ok_or_else(|| MoveError::Unexpected(format!("{tag} cannot be used: see disk-capacity for its state")))
    }

    /// The copy while it is made.
    pub(super) fn tmp(&self) -> Result<PathBuf, MoveError> {
        Ok(layout::move_tmp_dir(self.target()?.path(), self.gpid()))
    }

    /// Fails if the process stops, or if an operator cancelled while that is possible.
    pub(super) fn check(&self) -> Result<(), MoveError> {
        let record = self.cell.record();
        if self.stop.is_cancelled() {
            return Err(MoveError::Stopped);
        }
        let stops = self.cell.cancel.is_cancelled() && can_turn_back(record.job.state) && !record.leaving;
        if stops && record.ending.is_none() { Err(MoveError::Cancelled) } else { Ok(()) }
    }

    /// A step of the window is over.
    pub(super) fn lap(&mut self, step: &'static str) {
        self.window.step(step, self.clock.mono());
    }

    /// Whether the partition is whole without this node's copy, so that nobody takes it back in. What cannot be learned
    /// soon is no reason to give up.
    pub(super) fn is_replaced(&self) -> bool {
        let word = async { tokio::time::timeout(WORD, self.host.is_replaced(self.gpid())).await };
        matches!(self.answer(word), Ok(Ok(Ok(true))))
    }

    /// Passes a fault point.
    pub(super) fn pass(&self, point: Point, path: &Path) -> Result<(), MoveError> {
        fault::pass(point, path).map_err(MoveError::io(path))
    }

    /// Whether the process stops, or in a test does as if it had died.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled() || self.options.stop_on_error
    }

    /// Waits a little; a stop ends the wait.
    pub(super) fn pause(&self, time: Duration) {
        let stop = self.stop.clone();
        self.runtime.block_on(async move {
            let _ = tokio::time::timeout(time.min(PAUSE_MAX), stop.cancelled()).await;
        });
    }

    /// What the host answers, unless the process stops first: it does not wait for an answer that may take long, and
    /// without its runtime none would come.
    pub(super) fn answer<T>(&self, call: impl Future<Output = T>) -> Result<T, MoveError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                answer = call => Ok(answer),
                () = self.stop.cancelled() => Err(MoveError::Stopped),
            }
        })
    }

    /// Asks the host, again and again while that may help and the budget lasts.
    pub(super) fn ask<T, F>(&self, budget: Duration, call: impl Fn() -> F) -> Result<T, MoveError>
    where
        F: Future<Output = WireResult<T>>,
    {
        let until = self.clock.mono() + budget;
        let mut pause = PAUSE_FIRST;
        loop {
            self.check()?;
            let error = match self.answer(call())? {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if !may_pass(error.code) || self.clock.mono() + pause > until {
                return Err(error.into());
            }
            self.cell.note(|record| {
                record.job.retries += 1;
                record.job.last_error = Some(error.to_string());
            });
            self.pause(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// Whether trying again may help.
pub(super) fn is_passing(error: &MoveError) -> bool {
    match error {
        MoveError::Host(error) => may_pass(error.code),
        MoveError::Cancelled | MoveError::Stopped | MoveError::Replaced(_) => false,
        MoveError::Io { .. } | MoveError::Copy(_) | MoveError::Storage(_) | MoveError::Unexpected(_) => true,
    }
}

/// Whether asking again may help.
const fn may_pass(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Unreachable
            | ErrorCode::Timeout
            | ErrorCode::NotReady
            | ErrorCode::NotServing
            | ErrorCode::NotPrimary
            | ErrorCode::OutcomeUnknown
            | ErrorCode::BallotMismatch
            | ErrorCode::PartitionBusy
            | ErrorCode::Busy
    )
}

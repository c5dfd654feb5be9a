//! Disk moves, step by step as rule MOVES wants them; there and back, and through crashes at any step.
//!
//! ```text
//!  Queued ─lock─> Leading ─handed over─> Copying ─> Leaving ─ballot seen─> Closing ─> Sealing ─> Renaming ─> Parting
//!                                                     │ out without `moving`                                    │ opened
//!                                                     v                                                         v
//!                                                   Over <───── member again, hand back ───── Learning <── Rejoining
//! ```
//!
//! The job itself is durable. What a crash interrupted goes on by what the directories and the configuration say.

use common::types::{ConfigChange, Gpid, Incarnation, Member, Moving, MovingRequest, ReplicaStatus};
use pacifica::Event;
use replica_state::recover::{DirKind, Info, Seal};
use uuid::Uuid;

use crate::disk::{Dir, DirChange, DirId, Then};
use crate::happening::Requested;
use crate::planted::Planted;
use crate::world::World;

/// How long a move is waited for, in milliseconds of wall time.
const DEADLINE_MS: u64 = 15_000;
/// Ticks after which a job that cannot go on before CLOSED is given up.
const TICKS_OF_PATIENCE: u64 = 80;
/// Ticks between two requests of the same kind.
const TICKS_OF_A_RETRY: u64 = 8;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Queued,
    Leading,
    Copying,
    Leaving,
    Closing,
    Sealing,
    Renaming,
    Parting,
    Rejoining,
    Learning,
    /// Failed, but a late change may still take the replica out for this job: then the move is ended at once.
    Over,
}

/// A disk move.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) job: Uuid,
    target: usize,
    pub(crate) step: Step,
    since: u64,
    source: Option<(usize, DirId)>,
    copy: Option<DirId>,
    incarnation: Incarnation,
    was_primary: bool,
    /// The partition's lock was given back.
    unlocked: bool,
}

impl Move {
    /// Whether the job has the copy in its hands: nothing else makes, adopts or opens one.
    pub(crate) const fn holds_copy(&self) -> bool {
        matches!(self.step, Step::Closing | Step::Sealing | Step::Renaming | Step::Parting)
    }

    /// Whether the job is still on its way, or its end not yet known to the meta server.
    pub(crate) const fn is_running(&self) -> bool {
        !matches!(self.step, Step::Over) || !self.unlocked
    }
}

impl World {
    /// An operator orders a move to the other disk.
    pub(crate) fn order_move(&mut self, at: usize, gpid: Gpid) {
        let job = Uuid::from_u128(u128::from(self.serial()));
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.up) else { return };
        let Some(runtime) = node.runtimes.get(&gpid) else { return };
        let target = 1 - runtime.disk;
        let roomy = node.disks.get(target).is_some_and(|disk| disk.present && !disk.full);
        if node.moves.get(&gpid).is_some_and(Move::is_running) || !roomy {
            return;
        }
        let since = node.ticks;
        let new = Move {
            job,
            target,
            step: Step::Queued,
            since,
            source: None,
            copy: None,
            incarnation: Incarnation(0),
            was_primary: false,
            unlocked: false,
        };
        self.trace.say(self.now, || format!("node {at} {gpid}: job {job} moves it to disk {target}"));
        node.moves.insert(gpid, new);
        self.clear_leftovers(at, gpid);
    }

    /// Leftovers of earlier moves become garbage before a new one begins.
    fn clear_leftovers(&mut self, at: usize, gpid: Gpid) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        for dir in node.disks.iter_mut().filter(|disk| disk.present).flat_map(|disk| disk.dirs.values_mut()) {
            if dir.gpid == gpid && matches!(dir.kind, DirKind::MoveTmp | DirKind::Origin) {
                dir.kind = DirKind::Garbage;
            }
        }
    }

    /// Takes the jobs of a node on, with each tick.
    pub(crate) fn continue_moves(&mut self, at: usize) {
        let Some(node) = self.nodes.get(at) else { return };
        let jobs: Vec<(Gpid, Step)> = node.moves.iter().map(|(gpid, job)| (*gpid, job.step)).collect();
        for (gpid, step) in jobs {
            match step {
                Step::Queued => self.lock_for_move(at, gpid),
                Step::Leading => self.hand_over_for_move(at, gpid),
                Step::Leaving => self.leave_for_move(at, gpid),
                Step::Rejoining => self.rejoin(at, gpid),
                Step::Learning => self.await_member(at, gpid),
                Step::Over => self.end_late_move(at, gpid),
                Step::Copying | Step::Closing | Step::Sealing | Step::Renaming | Step::Parting => {}
            }
        }
    }

    fn job(&mut self, at: usize, gpid: Gpid) -> Option<&mut Move> {
        self.nodes.get_mut(at)?.moves.get_mut(&gpid)
    }

    fn enter_step(&mut self, at: usize, gpid: Gpid, step: Step) {
        self.trace.mark((7, at, gpid, step as u8));
        self.trace.say(self.now, || format!("node {at} {gpid}: move is {step:?}"));
        let Some(node) = self.nodes.get_mut(at) else { return };
        let ticks = node.ticks;
        if let Some(job) = node.moves.get_mut(&gpid) {
            (job.step, job.since) = (step, ticks);
        }
    }

    /// Ticks that the present step has lasted.
    fn waited(&self, at: usize, gpid: Gpid) -> u64 {
        let Some(node) = self.nodes.get(at) else { return 0 };
        node.moves.get(&gpid).map_or(0, |job| node.ticks - job.since)
    }

    fn lock_for_move(&mut self, at: usize, gpid: Gpid) {
        let Some(job) = self.job(at, gpid).map(|job| job.job) else { return };
        let now = self.meta.now(self.now);
        match self.meta.cluster.lock(gpid, job, now) {
            Ok(record) if self.meta.up => {
                if let Some(record) = record {
                    self.install(record);
                }
                self.enter_step(at, gpid, Step::Leading);
            }
            _ if self.waited(at, gpid) > TICKS_OF_PATIENCE => self.end_job(at, gpid),
            _ => {}
        }
    }

    /// A primary is handed over first.
    fn hand_over_for_move(&mut self, at: usize, gpid: Gpid) {
        let waited = self.waited(at, gpid);
        let status = self.runtime(at, gpid).map(|runtime| runtime.core.status());
        match status {
            Some(ReplicaStatus::Secondary) => self.copy_for_move(at, gpid),
            Some(ReplicaStatus::Primary) if waited <= TICKS_OF_PATIENCE => {
                if let Some(job) = self.job(at, gpid) {
                    job.was_primary = true;
                }
                if waited.is_multiple_of(TICKS_OF_A_RETRY) {
                    self.drive(at, gpid, Event::HandOver { to: None });
                }
            }
            _ if waited > TICKS_OF_PATIENCE => self.end_job(at, gpid),
            _ => {}
        }
    }

    /// A checkpoint of the source is copied while writes go on.
    fn copy_for_move(&mut self, at: usize, gpid: Gpid) {
        self.flush(at, gpid);
        let copy = self.fresh_dir();
        let Some(runtime) = self.runtime(at, gpid) else { return };
        let (source, data) = ((runtime.disk, runtime.dir), runtime.storage.clone());
        let Some(job) = self.job(at, gpid) else { return };
        (job.source, job.copy) = (Some(source), Some(copy));
        let (target, manifest_job) = (job.target, Some(job.job));
        let dir = Dir { kind: DirKind::MoveTmp, gpid, info: None, seal: None, manifest_job, data };
        self.enter_step(at, gpid, Step::Copying);
        self.start_file_op(at, target, copy, DirChange::Create(Box::new(dir)), Then::MoveStep { gpid });
    }

    /// The leaver asks the primary to drop it, and closes only when it has seen the new ballot.
    fn leave_for_move(&mut self, at: usize, gpid: Gpid) {
        let waited = self.waited(at, gpid);
        let Some(node) = self.nodes.get(at) else { return };
        let Some(job) = node.moves.get(&gpid) else { return };
        let (id, hand_back) = (job.job, job.was_primary);
        let out = self.moving_of(at, gpid).filter(|moving| moving.job == id);
        let deadline_ms = self.meta.now(self.now).wall_ms + DEADLINE_MS;
        let still = self.runtime(at, gpid).map(|runtime| runtime.core.status());
        if let Some(moving) = out {
            return self.close_for_move(at, gpid, moving.incarnation);
        }
        match still {
            Some(ReplicaStatus::Secondary) if waited <= TICKS_OF_PATIENCE => {
                if waited.is_multiple_of(TICKS_OF_A_RETRY) {
                    self.drive(at, gpid, Event::Leave(MovingRequest { job: id, deadline_ms, hand_back }));
                }
            }
            _ => self.end_job(at, gpid),
        }
    }

    fn moving_of(&self, at: usize, gpid: Gpid) -> Option<Moving> {
        let node = self.nodes.get(at)?;
        let moving = node.configs.get(&gpid)?.moving?;
        (moving.peer == node.peer()).then_some(moving)
    }

    /// Closes the source and says in it, durably, for which job.
    fn close_for_move(&mut self, at: usize, gpid: Gpid, incarnation: Incarnation) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(job) = node.moves.get_mut(&gpid) else { return };
        job.incarnation = incarnation;
        let (id, source) = (job.job, job.source);
        node.runtimes.remove(&gpid);
        self.enter_step(at, gpid, Step::Closing);
        let Some((disk, dir)) = source else { return };
        let info = self.nodes.get(at).and_then(|node| node.disks.get(disk)?.dirs.get(&dir)?.info);
        if let Some(info) = info {
            let info = Info { job: Some(id), ..info };
            self.start_file_op(at, disk, dir, DirChange::Info(info), Then::MoveStep { gpid });
        }
    }

    /// A durable step of the job is complete.
    pub(crate) fn move_step_done(&mut self, at: usize, gpid: Gpid) {
        let kept = self.has(Planted::MemberKeptAcrossMove);
        let Some(job) = self.job(at, gpid) else { return };
        match job.step {
            Step::Copying if kept => {
                let held = self.runtime(at, gpid).map_or(Incarnation(0), |runtime| runtime.me.incarnation);
                self.close_for_move(at, gpid, held);
            }
            Step::Copying => self.enter_step(at, gpid, Step::Leaving),
            Step::Closing => self.seal(at, gpid),
            Step::Sealing => self.rename_for_move(at, gpid, Step::Renaming),
            Step::Renaming => self.rename_for_move(at, gpid, Step::Parting),
            Step::Parting => self.open_moved(at, gpid),
            Step::Queued | Step::Leading | Step::Leaving | Step::Rejoining | Step::Learning | Step::Over => {}
        }
    }

    fn seal(&mut self, at: usize, gpid: Gpid) {
        let kept = self.has(Planted::MemberKeptAcrossMove);
        self.enter_step(at, gpid, Step::Sealing);
        let Some(node) = self.nodes.get(at) else { return };
        let Some(job) = node.moves.get(&gpid) else { return };
        let (Some(copy), Some((source, dir))) = (job.copy, job.source) else { return };
        let Some(disk) = node.disks.get(job.target) else { return };
        let Some(old) = node.disks.get(source).and_then(|disk| disk.dirs.get(&dir)).and_then(|dir| dir.info) else {
            return;
        };
        let ballot = if kept { common::types::Ballot(0) } else { old.ballot };
        let info = Info { gpid, incarnation: job.incarnation, ballot, job: Some(job.job), disk: disk.uuid };
        let last = disk.dirs.get(&copy).map(|dir| dir.data.applied).unwrap_or_default();
        let seal = Seal { job: job.job, incarnation: job.incarnation, last };
        let target = job.target;
        self.start_file_op(at, target, copy, DirChange::Seal(info, seal), Then::MoveStep { gpid });
    }

    /// Target before origin.
    fn rename_for_move(&mut self, at: usize, gpid: Gpid, step: Step) {
        self.enter_step(at, gpid, step);
        let Some(job) = self.job(at, gpid) else { return };
        let (Some(copy), Some((source, dir))) = (job.copy, job.source) else { return };
        let target = job.target;
        let then = Then::MoveStep { gpid };
        if step == Step::Renaming {
            self.start_file_op(at, target, copy, DirChange::Rename(DirKind::Live), then);
        } else {
            self.start_file_op(at, source, dir, DirChange::Rename(DirKind::Origin), then);
        }
    }

    fn open_moved(&mut self, at: usize, gpid: Gpid) {
        let Some(incarnation) = self.job(at, gpid).map(|job| job.incarnation) else { return };
        if let Some(node) = self.nodes.get_mut(at).filter(|_| self.planted != Some(Planted::MemberKeptAcrossMove)) {
            node.opening.insert(gpid);
        }
        self.open(at, gpid, incarnation);
        if self.has(Planted::MemberKeptAcrossMove) {
            self.end_job(at, gpid);
        } else {
            self.enter_step(at, gpid, Step::Rejoining);
            self.rejoin(at, gpid);
        }
    }

    /// Asks the meta server for a role as a learner under the incarnation that it recorded.
    fn rejoin(&mut self, at: usize, gpid: Gpid) {
        let waited = self.waited(at, gpid);
        let Some(node) = self.nodes.get(at) else { return };
        let Some(job) = node.moves.get(&gpid) else { return };
        let Some(config) = node.configs.get(&gpid) else { return };
        let asking = node.proposals.contains_key(&(gpid, Requested::Move));
        let me = Member { peer: node.peer(), incarnation: job.incarnation };
        if config.copies().any(|copy| copy == me) {
            return self.enter_step(at, gpid, Step::Learning);
        }
        match config.moving {
            Some(moving) if moving.job == job.job => {
                if !asking && waited.is_multiple_of(TICKS_OF_A_RETRY) {
                    let (expected, change) = (config.ballot, ConfigChange::Rejoin { job: job.job });
                    self.ask_meta(at, gpid, Requested::Move, expected, change);
                }
            }
            // The deadline passed and the configuration decided without us: the copy is surplus.
            _ => self.end_job(at, gpid),
        }
    }

    /// The meta server answered a request of the job; the configuration says what is next.
    pub(crate) fn move_answered(&mut self, at: usize, gpid: Gpid, refused: bool) {
        self.trace.say(self.now, || {
            format!("node {at} {gpid}: the request of the move was {}", if refused { "refused" } else { "decided" })
        });
    }

    fn await_member(&mut self, at: usize, gpid: Gpid) {
        let Some(node) = self.nodes.get(at) else { return };
        let Some(job) = node.moves.get(&gpid) else { return };
        let Some(config) = node.configs.get(&gpid) else { return };
        let me = Member { peer: node.peer(), incarnation: job.incarnation };
        let hand_back = job.was_primary;
        if config.members().any(|member| member == me) {
            self.end_job(at, gpid);
            if hand_back {
                self.drive(at, gpid, Event::HandOver { to: Some(me) });
            }
        } else if !config.copies().any(|copy| copy == me) {
            self.end_job(at, gpid);
        }
    }

    /// The job is over; its lock is given back.
    fn end_job(&mut self, at: usize, gpid: Gpid) {
        self.enter_step(at, gpid, Step::Over);
        self.drive(at, gpid, Event::Stay);
        self.unlock(at, gpid);
    }

    fn unlock(&mut self, at: usize, gpid: Gpid) {
        let Some(job) = self.job(at, gpid).map(|job| job.job) else { return };
        if !self.meta.up {
            return;
        }
        if let Ok(Some(record)) = self.meta.cluster.unlock(gpid, job) {
            self.install(record);
        }
        if let Some(job) = self.job(at, gpid) {
            job.unlocked = true;
        }
    }

    /// What a job that is over left behind at the meta server.
    fn end_late_move(&mut self, at: usize, gpid: Gpid) {
        if !self.waited(at, gpid).is_multiple_of(TICKS_OF_A_RETRY) {
            return;
        }
        self.unlock(at, gpid);
        let Some(node) = self.nodes.get(at) else { return };
        let Some(job) = node.moves.get(&gpid).map(|job| job.job) else { return };
        let Some(config) = node.configs.get(&gpid) else { return };
        let ours = config.moving.is_some_and(|moving| moving.job == job);
        let asking = node.proposals.contains_key(&(gpid, Requested::Move));
        let named = config.copy_on(node.peer()).is_some();
        if ours && !asking && !named {
            let expected = config.ballot;
            self.ask_meta(at, gpid, Requested::Move, expected, ConfigChange::EndMove { job });
        }
    }

    /// After a restart a job goes on from what was found.
    pub(crate) fn resume_moves(&mut self, at: usize) {
        let Some(node) = self.nodes.get(at) else { return };
        let jobs: Vec<(Gpid, Step, Incarnation)> =
            node.moves.iter().map(|(gpid, job)| (*gpid, job.step, job.incarnation)).collect();
        for (gpid, step, incarnation) in jobs {
            let held = self.runtime(at, gpid).map(|runtime| runtime.me.incarnation);
            let moved = step != Step::Over && held == Some(incarnation);
            let next = if moved { Step::Rejoining } else { Step::Over };
            self.enter_step(at, gpid, next);
        }
    }
}

//! What operators are shown of procedures: as procedures, and as jobs in one list with the moves between disks.

use common::job::{Job, JobKind, JobOutcome, JobState, JobStep};
use common::procedure::{ProcedureFilter, ProcedureInfo, ProcedureState};
use common::types::{Now, PeerId, Time};

use super::{Procedure, RegionMigration, RegionStep, Work};
use crate::cluster::Cluster;

impl Cluster {
    /// The procedures that match, oldest first.
    #[must_use]
    pub fn procedure_infos(&self, filter: ProcedureFilter, now: Now) -> Vec<ProcedureInfo> {
        let fits = |procedure: &&Procedure| filter.state.is_none_or(|state| procedure.state == state);
        let limit = filter.limit.map_or(usize::MAX, |limit| limit as usize);
        let newest = self.procedures.values().rev().filter(fits).take(limit);
        let mut infos: Vec<_> = newest.map(|procedure| self.procedure_info(procedure, now)).collect();
        infos.reverse();
        infos
    }

    /// A procedure, with what its nodes last reported.
    #[must_use]
    pub fn procedure_info(&self, procedure: &Procedure, now: Now) -> ProcedureInfo {
        let Work::RegionMigration(migration) = &procedure.work;
        let learns = migration.step == RegionStep::CatchUp && !procedure.state.has_ended();
        let told = self.learned_bytes(migration).filter(|_| learns);
        let (bytes_done, bytes_total) = told.unwrap_or((migration.bytes_done, migration.bytes_done));
        ProcedureInfo {
            id: procedure.id,
            kind: procedure.work.kind(),
            state: procedure.state,
            step: procedure.work.step().to_owned(),
            percent: percent(procedure, migration.step, bytes_done, bytes_total),
            lag: self.lag_of(migration, now.mono).filter(|_| learns),
            attempts: procedure.attempts,
            gpid: Some(migration.gpid),
            from: Some(migration.from),
            to: Some(migration.to),
            error: procedure.error.clone(),
            note: procedure.note.clone(),
            history: procedure.history.clone(),
            write_pause_ms: migration.write_pause_ms,
            bytes_done,
            bytes_total,
            queued_at_ms: procedure.queued_at_ms,
            started_at_ms: procedure.started_at_ms,
            updated_at_ms: procedure.updated_at_ms,
            finished_at_ms: procedure.finished_at_ms,
            deadline_at_ms: procedure.deadline_at_ms,
        }
    }

    /// What the target fetched, and what it was offered to fetch, in bytes; `None` if it does not say.
    pub(super) fn learned_bytes(&self, migration: &RegionMigration) -> Option<(u64, u64)> {
        let report = self.vitals.get(&migration.to)?.replicas.get(&migration.gpid)?;
        let same = migration.target.is_some_and(|target| target.incarnation == report.incarnation);
        same.then_some((report.learned_bytes, report.learn_bytes))
    }

    /// Mutations that the target lacks; `None` if it or the primary does not say.
    pub(super) fn lag_of(&self, migration: &RegionMigration, now: Time) -> Option<u64> {
        let report = |peer: PeerId| self.vitals(peer, now)?.replicas.get(&migration.gpid);
        let primary = self.config(migration.gpid)?.primary?;
        let (ahead, behind) = (report(primary.peer)?, report(migration.to)?);
        let same = migration.target.is_some_and(|target| target.incarnation == behind.incarnation);
        same.then(|| ahead.committed.0.saturating_sub(behind.committed.0))
    }

    /// Migrations that concern a node, as jobs; of all nodes if `None`.
    pub(crate) fn region_jobs(&self, node: Option<PeerId>, now: Now) -> impl Iterator<Item = Job> {
        let of_node =
            move |migration: &RegionMigration| node.is_none_or(|node| node == migration.from || node == migration.to);
        self.procedures.values().filter_map(move |procedure| {
            let Work::RegionMigration(migration) = &procedure.work;
            of_node(migration).then(|| job_of(migration, &self.procedure_info(procedure, now)))
        })
    }
}

/// The copy is nearly all of the way.
fn percent(procedure: &Procedure, step: RegionStep, done: u64, total: u64) -> u8 {
    match (procedure.state, step) {
        (ProcedureState::Completed, _) => 100,
        (_, RegionStep::Queued | RegionStep::Start | RegionStep::Rollback) => 0,
        (_, RegionStep::CatchUp) => {
            let share = u128::from(done) * 90 / u128::from(total.max(1));
            u8::try_from(share).unwrap_or(90).min(90)
        }
        (_, RegionStep::HandOver) => 92,
        (_, RegionStep::Leave) => 95,
        (_, RegionStep::Collect) => 98,
    }
}

/// The states that both kinds of moves have in common.
const fn job_state(step: RegionStep) -> JobState {
    match step {
        RegionStep::Queued | RegionStep::Rollback => JobState::Idle,
        RegionStep::Start => JobState::Start,
        RegionStep::CatchUp => JobState::Moving,
        RegionStep::HandOver | RegionStep::Leave => JobState::Moved,
        RegionStep::Collect => JobState::Closed,
    }
}

const fn outcome(state: ProcedureState) -> JobOutcome {
    match state {
        ProcedureState::Queued | ProcedureState::Running => JobOutcome::Running,
        ProcedureState::Completed => JobOutcome::Completed,
        ProcedureState::Failed => JobOutcome::Failed,
        ProcedureState::Cancelled => JobOutcome::Cancelled,
    }
}

fn job_of(migration: &RegionMigration, info: &ProcedureInfo) -> Job {
    let state = match info.state {
        ProcedureState::Completed => JobState::Completed,
        ProcedureState::Failed | ProcedureState::Cancelled => JobState::Idle,
        ProcedureState::Queued | ProcedureState::Running => job_state(migration.step),
    };
    Job {
        id: info.id,
        kind: JobKind::Region,
        subject: migration.gpid,
        node: migration.to,
        source: migration.from.to_string(),
        target: migration.to.to_string(),
        state,
        outcome: outcome(info.state),
        history: job_history(info, state),
        bytes_total: info.bytes_total,
        bytes_done: info.bytes_done,
        bytes_resumed: 0,
        rate_bytes_per_s: None,
        max_rate_bytes_per_s: 0,
        throttled_by: None,
        retries: info.attempts,
        demote: true,
        was_primary: info.history.iter().any(|step| step.step == RegionStep::HandOver.name()),
        learn_kind: None,
        window_ms: None,
        write_pause_ms: info.write_pause_ms,
        purge_origin: false,
        queued_at_ms: info.queued_at_ms,
        started_at_ms: info.started_at_ms,
        updated_at_ms: info.updated_at_ms,
        finished_at_ms: info.finished_at_ms,
        last_error: info.error.as_ref().map(|error| error.message.clone()),
    }
}

fn job_history(info: &ProcedureInfo, last: JobState) -> Vec<JobStep> {
    let named = |name: &str| RegionStep::ALL.into_iter().find(|step| step.name() == name);
    let steps = info.history.iter().filter_map(|step| Some((job_state(named(&step.step)?), step.at_ms)));
    let end = info.finished_at_ms.map(|at_ms| (last, at_ms));
    let mut history: Vec<JobStep> = Vec::new();
    for (state, at_ms) in steps.chain(end) {
        if history.last().is_none_or(|before| before.state != state) {
            history.push(JobStep { state, at_ms });
        }
    }
    history
}

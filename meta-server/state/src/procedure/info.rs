//! What operators are shown of procedures: as procedures, and as jobs in one list with the moves between disks.

use common::job::{Job, JobKind, JobOutcome, JobState, JobStep};
use common::procedure::{ProcedureFilter, ProcedureInfo, ProcedureState};
use common::types::{Now, PeerId, Time};

use super::{Procedure, RegionStep, Subject, Work};
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
        let work = &procedure.work;
        let Subject { gpid, from, to, .. } = work.subject();
        let learns = job_state(work) == JobState::Moving && !procedure.state.has_ended();
        let told = self.learned_bytes(work).filter(|_| learns);
        let (bytes_done, bytes_total) = told.unwrap_or((work.bytes_done(), work.bytes_done()));
        ProcedureInfo {
            id: procedure.id,
            kind: procedure.work.kind(),
            state: procedure.state,
            step: procedure.work.step().to_owned(),
            percent: percent(procedure, bytes_done, bytes_total),
            lag: self.lag_of(work, now.mono).filter(|_| learns),
            attempts: procedure.attempts,
            gpid: Some(gpid),
            from: Some(from),
            to: Some(to),
            error: procedure.error.clone(),
            note: procedure.note.clone(),
            history: procedure.history.clone(),
            write_pause_ms: write_pause_ms(work),
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
    pub(super) fn learned_bytes(&self, work: &Work) -> Option<(u64, u64)> {
        let Subject { gpid, to, target, .. } = work.subject();
        let report = self.vitals.get(&to)?.replicas.get(&gpid)?;
        let same = target.is_some_and(|target| target.incarnation == report.incarnation);
        same.then_some((report.learned_bytes, report.learn_bytes))
    }

    /// Mutations that the target lacks; `None` if it or the primary does not say.
    pub(super) fn lag_of(&self, work: &Work, now: Time) -> Option<u64> {
        let Subject { gpid, to, target, .. } = work.subject();
        let report = |peer: PeerId| self.vitals(peer, now)?.replicas.get(&gpid);
        let primary = self.config(gpid)?.primary?;
        let (ahead, behind) = (report(primary.peer)?, report(to)?);
        let same = target.is_some_and(|target| target.incarnation == behind.incarnation);
        same.then(|| ahead.committed.0.saturating_sub(behind.committed.0))
    }

    /// Migrations that concern a node, as jobs; of all nodes if `None`.
    pub(crate) fn region_jobs(&self, node: Option<PeerId>, now: Now) -> impl Iterator<Item = Job> {
        let of_node = move |subject: Subject| node.is_none_or(|node| node == subject.from || node == subject.to);
        let those = self.procedures.values().filter(move |procedure| of_node(procedure.work.subject()));
        those.map(move |procedure| job_of(&procedure.work, &self.procedure_info(procedure, now)))
    }
}

/// The copy is nearly all of the way.
fn percent(procedure: &Procedure, done: u64, total: u64) -> u8 {
    match (procedure.state, &procedure.work) {
        (ProcedureState::Completed, _) => 100,
        (_, Work::Rebuild(_)) => copied_percent(done, total),
        (_, Work::RegionMigration(migration)) => match migration.step {
            RegionStep::Queued | RegionStep::Start | RegionStep::Rollback => 0,
            RegionStep::CatchUp => copied_percent(done, total),
            RegionStep::HandOver => 92,
            RegionStep::Leave => 95,
            RegionStep::Collect => 98,
        },
    }
}

fn copied_percent(done: u64, total: u64) -> u8 {
    let share = u128::from(done) * 90 / u128::from(total.max(1));
    u8::try_from(share).unwrap_or(90).min(90)
}

const fn write_pause_ms(work: &Work) -> Option<u64> {
    match work {
        Work::RegionMigration(migration) => migration.write_pause_ms,
        Work::Rebuild(_) => None,
    }
}

/// The states that all kinds of moves have in common.
const fn job_state(work: &Work) -> JobState {
    match work {
        Work::RegionMigration(migration) => job_state_of(migration.step),
        Work::Rebuild(_) => JobState::Moving,
    }
}

const fn job_state_of(step: RegionStep) -> JobState {
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

fn job_of(work: &Work, info: &ProcedureInfo) -> Job {
    let Subject { gpid, from, to, .. } = work.subject();
    let state = match info.state {
        ProcedureState::Completed => JobState::Completed,
        ProcedureState::Failed | ProcedureState::Cancelled => JobState::Idle,
        ProcedureState::Queued | ProcedureState::Running => job_state(work),
    };
    Job {
        id: info.id,
        kind: JobKind::Region,
        subject: gpid,
        node: to,
        source: from.to_string(),
        target: to.to_string(),
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
    let steps = info.history.iter().filter_map(|step| Some((job_state_of(named(&step.step)?), step.at_ms)));
    let end = info.finished_at_ms.map(|at_ms| (last, at_ms));
    let mut history: Vec<JobStep> = Vec::new();
    for (state, at_ms) in steps.chain(end) {
        if history.last().is_none_or(|before| before.state != state) {
            history.push(JobStep { state, at_ms });
        }
    }
    history
}

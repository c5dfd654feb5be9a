//! What operators are shown of procedures: as procedures, and as jobs in one list with the moves between disks.

use common::job::{Job, JobKind, JobOutcome, JobState, JobStep};
use common::procedure::{PartitionCount, ProcedureFilter, ProcedureInfo, ProcedureState, ProcedureSubject};
use common::types::{Now, PeerId, Time};

use super::table::{partition_count, waits_for};
use super::{CreateStep, Procedure, RegionStep, Subject, Transfer, Work};
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
        let open = !procedure.state.has_ended();
        let learns = job_state(work) == Some(JobState::Moving) && open;
        let told = self.learned_bytes(work).filter(|_| learns);
        let (bytes_done, bytes_total) = told.unwrap_or((work.bytes_done(), work.bytes_done()));
        // Of what is over nothing is counted: thousands of procedures are kept.
        let partitions = open.then(|| partition_count(self, procedure, now)).flatten();
        let waits_for = || open.then(|| waits_for(self, procedure, now)).flatten();
        ProcedureInfo {
            id: procedure.id,
            kind: procedure.work.kind(),
            state: procedure.state,
            step: procedure.work.step().to_owned(),
            percent: percent(procedure, (bytes_done, bytes_total), partitions),
            lag: self.lag_of(work, now.mono).filter(|_| learns),
            attempts: procedure.attempts,
            subject: self.shown(work.subject()),
            partitions,
            error: procedure.error.clone(),
            note: procedure.note.clone().or_else(waits_for),
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

    fn shown(&self, subject: Subject) -> ProcedureSubject {
        match subject {
            Subject::Replica(Transfer { gpid, from, to, .. }) => ProcedureSubject::Replica { gpid, from, to },
            Subject::Table(table_id) => {
                ProcedureSubject::Table { table_id, name: self.table_name(table_id).to_owned() }
            }
        }
    }

    /// What the target fetched, and what it was offered to fetch, in bytes; `None` if it does not say.
    pub(super) fn learned_bytes(&self, work: &Work) -> Option<(u64, u64)> {
        let Transfer { gpid, to, target, .. } = work.transfer()?;
        let report = self.vitals.get(&to)?.replicas.get(&gpid)?;
        let same = target.is_some_and(|target| target.incarnation == report.incarnation);
        same.then_some((report.learned_bytes, report.learn_bytes))
    }

    /// Mutations that the target lacks; `None` if it or the primary does not say.
    pub(super) fn lag_of(&self, work: &Work, now: Time) -> Option<u64> {
        let Transfer { gpid, to, target, .. } = work.transfer()?;
        let report = |peer: PeerId| self.vitals(peer, now)?.replicas.get(&gpid);
        let primary = self.config(gpid)?.primary?;
        let (ahead, behind) = (report(primary.peer)?, report(to)?);
        let same = target.is_some_and(|target| target.incarnation == behind.incarnation);
        same.then(|| ahead.committed.0.saturating_sub(behind.committed.0))
    }

    /// Migrations that concern a node, as jobs; of all nodes if `None`.
    pub(crate) fn region_jobs(&self, node: Option<PeerId>, now: Now) -> impl Iterator<Item = Job> {
        let of_node = move |transfer: &Transfer| node.is_none_or(|node| node == transfer.from || node == transfer.to);
        self.procedures.values().filter_map(move |procedure| {
            let transfer = procedure.work.transfer().filter(of_node)?;
            let state = job_state(&procedure.work)?;
            Some(job_of(transfer, state, &self.procedure_info(procedure, now)))
        })
    }
}

/// Of a move the copy is nearly all of the way; a table that is led throughout is half of it.
fn percent(procedure: &Procedure, (done, total): (u64, u64), partitions: Option<PartitionCount>) -> u8 {
    let counted = |most| partitions.map_or(0, |count| share(count.done.into(), count.total.into(), most));
    match (procedure.state, &procedure.work) {
        (ProcedureState::Completed, _) => 100,
        (_, Work::Rebuild(_)) => share(done, total, 90),
        (_, Work::RegionMigration(migration)) => match migration.step {
            RegionStep::Queued | RegionStep::Start | RegionStep::Rollback => 0,
            RegionStep::CatchUp => share(done, total, 90),
            RegionStep::HandOver => 92,
            RegionStep::Leave => 95,
            RegionStep::Collect => 98,
        },
        (_, Work::CreateTable(create)) => match create.step {
            CreateStep::Lead => counted(49),
            CreateStep::Fill => 50 + counted(49),
            CreateStep::Rollback => 0,
        },
        (_, Work::DropTable(_)) => counted(99),
    }
}

/// So much of `most` percent.
fn share(done: u64, total: u64, most: u8) -> u8 {
    let share = u128::from(done) * u128::from(most) / u128::from(total.max(1));
    u8::try_from(share).unwrap_or(most).min(most)
}

const fn write_pause_ms(work: &Work) -> Option<u64> {
    match work {
        Work::RegionMigration(migration) => migration.write_pause_ms,
        Work::Rebuild(_) | Work::CreateTable(_) | Work::DropTable(_) => None,
    }
}

/// The states that all kinds of moves have in common; `None`: it is no move.
const fn job_state(work: &Work) -> Option<JobState> {
    match work {
        Work::RegionMigration(migration) => Some(job_state_of(migration.step)),
        Work::Rebuild(_) => Some(JobState::Moving),
        Work::CreateTable(_) | Work::DropTable(_) => None,
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

/// A move as a job; `state`: while it is under way.
fn job_of(transfer: Transfer, state: JobState, info: &ProcedureInfo) -> Job {
    let Transfer { gpid, from, to, .. } = transfer;
    let state = match info.state {
        ProcedureState::Completed => JobState::Completed,
        ProcedureState::Failed | ProcedureState::Cancelled => JobState::Idle,
        ProcedureState::Queued | ProcedureState::Running => state,
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

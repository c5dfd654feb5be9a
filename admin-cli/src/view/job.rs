//! Jobs: `disk-migrate`, `disk-migrate-report`, and `jobs`, which also lists tables that come and go.

use common::job::{Job, JobKind, JobOutcome, JobState, JobStep, LearnKind, ListedKind, ThrottledBy};
use common::procedure::{ProcedureInfo, ProcedureState, ProcedureSubject};
use common::types::PeerId;
use serde::Serialize;
use uuid::Uuid;

use super::AddressBook;
use crate::output::{Output, or_dash, table};
use crate::time::{rfc3339, size, span};

/// A state entered, and when.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct StepView {
    pub state: JobState,
    pub at: String,
}

/// A job.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct JobView {
    pub id: Uuid,
    pub kind: ListedKind,
    /// A partition, or the name of a table.
    pub subject: String,
    /// Null where nothing moves, as are source and target.
    pub node: Option<String>,
    pub source: Option<String>,
    pub target: Option<String>,
    pub state: JobState,
    /// Of a procedure its step, of a move between disks its state.
    pub step: String,
    pub outcome: JobOutcome,
    pub history: Vec<StepView>,
    pub percent: u8,
    pub bytes_total: u64,
    pub bytes_done: u64,
    pub bytes_resumed: u64,
    pub rate_bytes_per_s: Option<u64>,
    pub max_rate_bytes_per_s: u64,
    pub throttled_by: Option<ThrottledBy>,
    pub eta_ms: Option<u64>,
    pub retries: u32,
    pub learn_kind: Option<LearnKind>,
    pub window_ms: Option<u64>,
    pub write_pause_ms: Option<u64>,
    pub purge_origin: bool,
    pub queued_at: String,
    pub started_at: Option<String>,
    pub updated_at: String,
    pub finished_at: Option<String>,
    pub last_error: Option<String>,
}

/// Jobs.
#[derive(Clone, Debug, Serialize)]
pub struct Jobs {
    /// Oldest first.
    pub jobs: Vec<JobView>,
}

/// The job that a command started.
#[derive(Clone, Debug, Serialize)]
pub struct OneJob {
    /// It.
    pub job: JobView,
}

impl JobView {
    /// From the record, with the node's address.
    #[must_use]
    pub fn new(job: &Job, book: &AddressBook) -> Self {
        let step = |step: &JobStep| StepView { state: step.state, at: rfc3339(step.at_ms) };
        let place = |name: &str| match (job.kind, name.parse()) {
            (JobKind::Region, Ok(peer)) => book.name(PeerId(peer)),
            (JobKind::Region | JobKind::Disk, _) => name.to_owned(),
        };
        Self {
            id: job.id,
            kind: job.kind.into(),
            subject: job.subject.to_string(),
            node: Some(book.name(job.node)),
            source: Some(place(&job.source)),
            target: Some(place(&job.target)),
            state: job.state,
            step: job.state.to_string(),
            outcome: job.outcome,
            history: job.history.iter().map(step).collect(),
            percent: job.percent(),
            bytes_total: job.bytes_total,
            bytes_done: job.bytes_done,
            bytes_resumed: job.bytes_resumed,
            rate_bytes_per_s: job.rate_bytes_per_s,
            max_rate_bytes_per_s: job.max_rate_bytes_per_s,
            throttled_by: job.throttled_by,
            eta_ms: job.eta_ms(),
            retries: job.retries,
            learn_kind: job.learn_kind,
            window_ms: job.window_ms,
            write_pause_ms: job.write_pause_ms,
            purge_origin: job.purge_origin,
            queued_at: rfc3339(job.queued_at_ms),
            started_at: job.started_at_ms.map(rfc3339),
            updated_at: rfc3339(job.updated_at_ms),
            finished_at: job.finished_at_ms.map(rfc3339),
            last_error: job.last_error.clone(),
        }
    }

    /// A table that comes or goes, in the same list; `None`: it is a move, which has a job of its own.
    #[must_use]
    pub fn of_table(info: &ProcedureInfo) -> Option<Self> {
        let ProcedureSubject::Table { name, .. } = &info.subject else { return None };
        let (state, outcome) = match info.state {
            ProcedureState::Queued => (JobState::Idle, JobOutcome::Running),
            ProcedureState::Running => (JobState::Moving, JobOutcome::Running),
            ProcedureState::Completed => (JobState::Completed, JobOutcome::Completed),
            ProcedureState::Failed => (JobState::Idle, JobOutcome::Failed),
            ProcedureState::Cancelled => (JobState::Idle, JobOutcome::Cancelled),
        };
        Some(Self {
            id: info.id,
            kind: ListedKind::Table,
            subject: name.clone(),
            node: None,
            source: None,
            target: None,
            state,
            step: info.step.clone(),
            outcome,
            history: Vec::new(),
            percent: info.percent,
            bytes_total: 0,
            bytes_done: 0,
            bytes_resumed: 0,
            rate_bytes_per_s: None,
            max_rate_bytes_per_s: 0,
            throttled_by: None,
            eta_ms: None,
            retries: info.attempts,
            learn_kind: None,
            window_ms: None,
            write_pause_ms: None,
            purge_origin: false,
            queued_at: rfc3339(info.queued_at_ms),
            started_at: info.started_at_ms.map(rfc3339),
            updated_at: rfc3339(info.updated_at_ms),
            finished_at: info.finished_at_ms.map(rfc3339),
            last_error: info.error.as_ref().map(|error| error.message.clone()),
        })
    }

    /// Where it goes; nothing where nothing moves.
    pub(super) fn way(&self) -> Option<String> {
        let (source, target) = self.source.as_ref().zip(self.target.as_ref())?;
        Some(format!("{source} -> {target}"))
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.kind.to_string(),
            self.subject.clone(),
            or_dash(self.node.as_ref()),
            or_dash(self.way()),
            self.step.clone(),
            self.state.to_string(),
            self.outcome.to_string(),
            format!("{}%", self.percent),
            size(self.bytes_done),
            or_dash(self.throttled_by),
            or_dash(self.window_ms.map(span)),
            or_dash(self.write_pause_ms.map(span)),
            self.queued_at.clone(),
            or_dash(self.last_error.as_ref()),
        ]
    }
}

impl Jobs {
    /// The list as a command's result; a single job comes with its history.
    #[must_use]
    pub fn output(self, detailed: bool) -> Output {
        let header = [
            "id",
            "kind",
            "subject",
            "node",
            "move",
            "step",
            "state",
            "outcome",
            "done",
            "bytes",
            "throttled_by",
            "window",
            "pause",
            "queued_at",
            "last_error",
        ];
        let mut text = table(&header, self.jobs.iter().map(JobView::row));
        if let ([job], true) = (self.jobs.as_slice(), detailed) {
            text = format!("{text}\n{}", history(job));
        }
        Output::new(&self, text)
    }
}

fn history(job: &JobView) -> String {
    table(&["state", "at"], job.history.iter().map(|step| vec![step.state.to_string(), step.at.clone()]))
}

/// The figures with which a move ends, for people.
#[must_use]
pub fn figures(job: &Job, view: &JobView) -> String {
    let took = job.finished_at_ms.map(|end| span(end.saturating_sub(job.started_at_ms.unwrap_or(job.queued_at_ms))));
    let mut lines = vec![
        format!("job      {}", view.id),
        format!("moved    {} on {}: {}", view.subject, or_dash(view.node.as_ref()), or_dash(view.way())),
        format!("outcome  {}", view.outcome),
        format!("copied   {} of {}", size(view.bytes_done), size(view.bytes_total)),
        format!("took     {}", or_dash(took)),
        format!("window   {} (CLOSED to COMPLETED)", or_dash(view.window_ms.map(span))),
        format!("learned  {}", or_dash(view.learn_kind)),
        format!("retries  {}", view.retries),
    ];
    let pause = view.write_pause_ms.map(|ms| format!("paused   writes for {} (the table has one replica)", span(ms)));
    lines.extend(pause);
    lines.extend((view.bytes_resumed > 0).then(|| format!("resumed  {} after a restart", size(view.bytes_resumed))));
    format!("{}\n\n{}", lines.join("\n"), history(view))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{book, creation, job, migration};
    use super::*;

    #[test]
    fn a_job_has_the_fields_that_scripts_rely_on_and_null_for_what_is_unknown() {
        let expected = json!({"id": "00000000-0000-0000-0000-000000000007", "kind": "disk", "subject": "1.3",
            "node": "127.0.0.1:34801", "source": "disk1", "target": "disk2", "state": "MOVING", "step": "MOVING", "outcome": "running",
            "history": [{"state": "IDLE", "at": "1970-01-01T00:00:00.000Z"}], "percent": 25, "bytes_total": 2000,
            "bytes_done": 500, "bytes_resumed": 0, "rate_bytes_per_s": 1000, "max_rate_bytes_per_s": 0,
            "throttled_by": "node_limit", "eta_ms": 1500, "retries": 0, "learn_kind": null,
            "window_ms": null, "write_pause_ms": null, "purge_origin": false, "queued_at": "1970-01-01T00:00:00.000Z", "started_at": "1970-01-01T00:00:00.001Z",
            "updated_at": "1970-01-01T00:00:00.002Z", "finished_at": null, "last_error": null});
        assert_eq!(serde_json::to_value(JobView::new(&job(), &book())).unwrap(), expected);
    }

    #[test]
    fn a_move_between_nodes_shows_their_addresses() {
        let job = Job { kind: JobKind::Region, source: "0".to_owned(), target: "2".to_owned(), ..job() };
        let view = JobView::new(&job, &book());
        assert_eq!(view.way().as_deref(), Some("127.0.0.1:34801 -> 127.0.0.1:34803"));
    }

    #[test]
    fn a_table_that_comes_to_be_stands_in_the_list_without_nodes() {
        let view = JobView::of_table(&creation()).unwrap();
        let json = serde_json::to_value(&view).unwrap();
        for (field, value) in
            [("kind", json!("table")), ("subject", json!("t")), ("step", json!("fill")), ("node", json!(null))]
        {
            assert_eq!(json[field], value, "{field}");
        }
        assert!(Jobs { jobs: vec![view] }.output(false).text.contains("fill"));
        assert!(JobView::of_table(&migration()).is_none());
    }

    #[test]
    fn a_failed_job_shows_idle_and_its_cause() {
        let mut job = job();
        job.finish(JobOutcome::Failed, Some("the disk is full".to_owned()), 9);
        let json = Jobs { jobs: vec![JobView::new(&job, &book())] }.output(true).json;
        assert_eq!(json["jobs"][0]["state"], json!("IDLE"));
        assert_eq!(json["jobs"][0]["outcome"], json!("failed"));
        assert_eq!(json["jobs"][0]["last_error"], json!("the disk is full"));
    }

    #[test]
    fn a_table_of_one_replica_shows_for_how_long_its_writes_paused() {
        let mut job = job();
        (job.write_pause_ms, job.bytes_resumed) = (Some(130), 1 << 20);
        let view = JobView::new(&job, &book());
        let text = figures(&job, &view);
        assert!(text.contains("writes for 130ms") && text.contains("resumed  1.00 MiB"), "{text}");
        assert!(Jobs { jobs: vec![view] }.output(false).text.contains("130ms"));
    }

    #[test]
    fn the_figures_of_a_completed_move_name_window_and_history() {
        let mut job = job();
        (job.window_ms, job.learn_kind) = (Some(84), Some(LearnKind::Log));
        job.finish(JobOutcome::Completed, None, 61_000);
        let text = figures(&job, &JobView::new(&job, &book()));
        for part in ["window   84ms", "learned  log", "took     1m", "COMPLETED"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}

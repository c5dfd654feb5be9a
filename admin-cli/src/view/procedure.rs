//! Procedures: `region-migrate`, `job`, and what `create` and `drop` begin.

use common::procedure::{
    ProcedureError, ProcedureInfo, ProcedureKind, ProcedureState, ProcedureStep, ProcedureSubject,
};
use serde::Serialize;
use uuid::Uuid;

use super::AddressBook;
use crate::output::{or_dash, table};
use crate::time::{rfc3339, size, span};

/// A step entered, and when.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields of common::procedure, with times as text")]
pub struct ProcedureStepView {
    pub step: String,
    pub at: String,
}

/// A procedure.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields of common::procedure, with nodes as addresses and times as text")]
pub struct ProcedureView {
    pub id: Uuid,
    pub kind: ProcedureKind,
    pub state: ProcedureState,
    pub step: String,
    pub percent: u8,
    pub lag: Option<u64>,
    pub attempts: u32,
    pub gpid: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub table_id: Option<u32>,
    pub table: Option<String>,
    pub partitions_done: Option<u32>,
    pub partitions_total: Option<u32>,
    pub error: Option<ProcedureError>,
    pub note: Option<String>,
    pub history: Vec<ProcedureStepView>,
    pub write_pause_ms: Option<u64>,
    pub bytes_done: u64,
    pub bytes_total: u64,
    pub queued_at: String,
    pub started_at: Option<String>,
    pub updated_at: String,
    pub finished_at: Option<String>,
    pub deadline_at: Option<String>,
}

/// The procedure that a command started.
#[derive(Clone, Debug, Serialize)]
pub struct OneProcedure {
    /// It.
    pub procedure: ProcedureView,
}

impl ProcedureView {
    /// From what the meta server says, with the nodes' addresses.
    #[must_use]
    pub fn new(info: &ProcedureInfo, book: &AddressBook) -> Self {
        let step = |step: &ProcedureStep| ProcedureStepView { step: step.step.clone(), at: rfc3339(step.at_ms) };
        let (gpid, from, to, table) = match &info.subject {
            ProcedureSubject::Replica { gpid, from, to } => {
                (Some(gpid.to_string()), Some(book.name(*from)), Some(book.name(*to)), None)
            }
            ProcedureSubject::Table { table_id, name } => (None, None, None, Some((table_id.0, name.clone()))),
        };
        let (table_id, table) = table.unzip();
        Self {
            id: info.id,
            kind: info.kind,
            state: info.state,
            step: info.step.clone(),
            percent: info.percent,
            lag: info.lag,
            attempts: info.attempts,
            gpid,
            from,
            to,
            table_id,
            table,
            partitions_done: info.partitions.map(|count| count.done),
            partitions_total: info.partitions.map(|count| count.total),
            error: info.error.clone(),
            note: info.note.clone(),
            history: info.history.iter().map(step).collect(),
            write_pause_ms: info.write_pause_ms,
            bytes_done: info.bytes_done,
            bytes_total: info.bytes_total,
            queued_at: rfc3339(info.queued_at_ms),
            started_at: info.started_at_ms.map(rfc3339),
            updated_at: rfc3339(info.updated_at_ms),
            finished_at: info.finished_at_ms.map(rfc3339),
            deadline_at: info.deadline_at_ms.map(rfc3339),
        }
    }

    /// All of it, for people.
    #[must_use]
    pub fn text(&self, info: &ProcedureInfo) -> String {
        let took = info.finished_at_ms.map(|end| span(end.saturating_sub(info.started_at_ms.unwrap_or(end))));
        let error = self.error.as_ref().map(|error| format!("{}: {}", error.code, error.message));
        let mut rows = vec![("job", self.id.to_string())];
        rows.extend(self.subject_rows());
        rows.push(("state", format!("{} ({}), {}%", self.state, self.step, self.percent)));
        rows.extend(if info.is_of_table() { self.table_rows() } else { self.transfer_rows() });
        rows.extend([("took", or_dash(took)), ("error", or_dash(error)), ("note", or_dash(self.note.as_ref()))]);
        let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:9}{value}")).collect();
        let history = self.history.iter().map(|step| vec![step.step.clone(), step.at.clone()]);
        format!("{}\n\n{}", lines.join("\n"), table(&["step", "at"], history))
    }

    fn subject_rows(&self) -> Vec<(&'static str, String)> {
        if let (Some(id), Some(name)) = (self.table_id, &self.table) {
            return vec![("kind", self.kind.to_string()), ("table", format!("{name} (id {id})"))];
        }
        let [gpid, from, to] = [&self.gpid, &self.from, &self.to].map(|part| or_dash(part.as_ref()));
        vec![("moves", format!("{gpid}: {from} -> {to}"))]
    }

    /// How far a table is; nothing once that is over.
    fn table_rows(&self) -> Vec<(&'static str, String)> {
        let count = self.partitions_done.zip(self.partitions_total);
        count.map(|(done, total)| ("done", format!("{done} of {total} partitions"))).into_iter().collect()
    }

    fn transfer_rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("fetched", format!("{} of {}", size(self.bytes_done), size(self.bytes_total))),
            ("lag", or_dash(self.lag.map(|lag| format!("{lag} mutations")))),
            ("pause", or_dash(self.write_pause_ms.map(span))),
            ("attempts", self.attempts.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use common::rpc::ErrorCode;
    use serde_json::json;

    use super::super::fixture::{book, creation, migration as info};
    use super::*;

    #[test]
    fn a_procedure_has_the_fields_that_scripts_rely_on_and_null_for_what_is_unknown() {
        let expected = json!({"id": "00000000-0000-0000-0000-000000000007", "kind": "region_migration",
            "state": "running", "step": "catch_up", "percent": 40, "lag": 12, "attempts": 0, "gpid": "1.3",
            "from": "127.0.0.1:34801", "to": "127.0.0.1:34803", "table_id": null, "table": null,
            "partitions_done": null, "partitions_total": null, "error": null, "note": null,
            "history": [{"step": "queued", "at": "1970-01-01T00:00:00.000Z"}], "write_pause_ms": null,
            "bytes_done": 500, "bytes_total": 2000, "queued_at": "1970-01-01T00:00:00.000Z",
            "started_at": "1970-01-01T00:00:00.001Z", "updated_at": "1970-01-01T00:00:00.002Z",
            "finished_at": null, "deadline_at": "1970-01-01T00:05:00.001Z"});
        assert_eq!(serde_json::to_value(ProcedureView::new(&info(), &book())).unwrap(), expected);
    }

    #[test]
    fn a_table_is_named_with_how_many_of_its_partitions_are_done() {
        let view = ProcedureView::new(&creation(), &book());
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(
            (&json["kind"], &json["table"], &json["table_id"]),
            (&json!("create_table"), &json!("t"), &json!(4))
        );
        assert_eq!((&json["gpid"], &json["from"], &json["partitions_done"]), (&json!(null), &json!(null), &json!(3)));
        let text = view.text(&creation());
        for part in ["create_table", "t (id 4)", "(fill), 68%", "3 of 8 partitions", "waits for 4.1"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(!text.contains("fetched") && !text.contains("moves"), "{text}");
    }

    #[test]
    fn people_see_where_it_goes_how_far_it_is_and_what_went_wrong() {
        let error = ProcedureError { code: ErrorCode::NodeDead, message: "node 2 died".to_owned() };
        let info = ProcedureInfo { error: Some(error), write_pause_ms: Some(31), ..info() };
        let text = ProcedureView::new(&info, &book()).text(&info);
        for part in ["1.3: 127.0.0.1:34801 -> 127.0.0.1:34803", "catch_up), 40%", "12 mutations", "31ms", "NODE_DEAD"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}

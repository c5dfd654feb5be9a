//! Plans of moves between disks: `disk-balance` and `disk-drain`.

use common::job::Job;
use common::rpc::disk_plan::{BalanceBy, DiskPlan, DiskPlans, DiskShare, PlanGoal, PlannedMove, StayCause, Staying};
use common::rpc::node_admin::DiskStatus;
use common::rpc::{WireError, WireResult};
use serde::Serialize;
use uuid::Uuid;

use super::disk::status_text;
use super::{AddressBook, JobView};
use crate::output::{Output, table};
use crate::time::{size, span};

/// Characters of a bar.
const BAR: usize = 20;

/// What a node answered to a move that was submitted.
pub type Submitted = WireResult<Job>;

#[derive(Serialize)]
struct Plans {
    plans: Vec<PlanView>,
    /// Nodes for which there is no plan.
    unasked: Vec<Unasked>,
    /// Whether the moves were submitted.
    executed: bool,
    /// The jobs as they ended; absent if they were not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<JobView>>,
}

#[derive(Serialize)]
struct Unasked {
    node: String,
    error: WireError,
}

#[derive(Serialize)]
struct PlanView {
    node: String,
    goal: &'static str,
    /// Null in a plan that empties a disk.
    by: Option<BalanceBy>,
    /// The disk to be emptied, or null.
    disk: Option<String>,
    moves: Vec<MoveView>,
    disks: Vec<DiskShare>,
    stays: Vec<StayView>,
    gap_before: f64,
    gap_after: f64,
    bytes: u64,
    max_rate_bytes_per_s: u64,
    expected_ms: Option<u64>,
}

#[derive(Serialize)]
struct MoveView {
    gpid: String,
    source: String,
    target: String,
    bytes: u64,
    primary: bool,
    reason: String,
    /// Its job, once it was accepted.
    job: Option<Uuid>,
    /// Why it was not.
    refused: Option<WireError>,
}

#[derive(Serialize)]
struct StayView {
    gpid: String,
    cause: StayCause,
    members: u32,
    reason: String,
}

/// Plans, with what came of their moves if they were submitted; `followed`: to their end.
#[must_use]
pub fn plans(planned: &DiskPlans, submitted: &[Vec<Submitted>], followed: bool, book: &AddressBook) -> Output {
    let jobs = submitted.iter().flatten().filter_map(|answer| answer.as_ref().ok());
    let answers = |index: usize| submitted.get(index).map_or(&[][..], Vec::as_slice);
    let view = Plans {
        plans: planned.plans.iter().enumerate().map(|(i, plan)| PlanView::new(plan, answers(i), book)).collect(),
        unasked: planned.unasked.iter().map(|(peer, e)| Unasked { node: book.name(*peer), error: e.clone() }).collect(),
        executed: !submitted.is_empty(),
        jobs: followed.then(|| jobs.map(|job| JobView::new(job, book)).collect()),
    };
    let mut texts: Vec<String> = view.plans.iter().map(PlanView::text).collect();
    texts.extend(view.unasked.iter().map(|node| format!("node {}: no plan: {}\n", node.node, node.error.message)));
    texts.extend(view.outcome());
    Output::new(&view, texts.join("\n"))
}

impl Plans {
    fn outcome(&self) -> Option<String> {
        let all = || self.plans.iter().flat_map(|plan| &plan.moves);
        match (&self.jobs, self.executed) {
            (Some(jobs), _) => {
                let done = jobs.iter().filter(|job| job.outcome == common::job::JobOutcome::Completed).count();
                Some(format!("{done} of {} moves completed\n", all().count()))
            }
            (None, true) => {
                let accepted = all().filter(|work| work.job.is_some()).count();
                Some(format!("{accepted} of {} moves accepted; disk-migrate-report shows them\n", all().count()))
            }
            (None, false) => None,
        }
    }
}

impl PlanView {
    fn new(plan: &DiskPlan, submitted: &[Submitted], book: &AddressBook) -> Self {
        let (goal, by, disk) = match &plan.goal {
            PlanGoal::Balance(by) => ("balance", Some(*by), None),
            PlanGoal::Drain { disk } => ("drain", None, Some(disk.clone())),
        };
        let moves = plan.moves.iter().enumerate().map(|(i, work)| MoveView::new(work, submitted.get(i)));
        let stay = |stay: &Staying| StayView {
            gpid: stay.gpid.to_string(),
            cause: stay.cause,
            members: stay.members,
            reason: stay.reason.clone(),
        };
        Self {
            node: book.name(plan.node),
            goal,
            by,
            disk,
            moves: moves.collect(),
            disks: plan.disks.clone(),
            stays: plan.stays.iter().map(stay).collect(),
            gap_before: plan.gap_before,
            gap_after: plan.gap_after,
            bytes: plan.bytes,
            max_rate_bytes_per_s: plan.max_rate_bytes_per_s,
            expected_ms: plan.expected_ms,
        }
    }

    fn text(&self) -> String {
        let parts = [Some(self.title()), Some(self.shares()), self.moves_table(), self.stays_table()];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    fn title(&self) -> String {
        let what = match (&self.disk, self.by) {
            (Some(disk), _) => format!("{disk} is emptied"),
            (None, by) => format!("balance by {}", by.map_or("bytes", by_text)),
        };
        let node = &self.node;
        if self.moves.is_empty() {
            let why = if self.disk.is_none() { "even as far as whole replicas allow" } else { "see below what stays" };
            return format!("node {node}: {what}: nothing to move, {why}\n");
        }
        let rate = match self.max_rate_bytes_per_s {
            0 => "without a limit".to_owned(),
            rate => format!("at {}/s a copy", size(rate)),
        };
        let time = self.expected_ms.map_or_else(String::new, |ms| format!(", about {}", span(ms)));
        format!("node {node}: {what}: {} moves, {}{time} {rate}\n", self.moves.len(), size(self.bytes))
    }

    fn shares(&self) -> String {
        let most = self.disks.iter().flat_map(|disk| [disk.before, disk.after]).fold(0.0, f64::max);
        let by_bytes = matches!(self.by, None | Some(BalanceBy::Bytes));
        let full = if by_bytes { 1.0 } else { most };
        let cell = |share: f64| match by_bytes {
            true => format!("{} {:5.1}%", bar(share, full), share * 100.0),
            false => format!("{} {share:.1}", bar(share, full)),
        };
        let row = |disk: &DiskShare| {
            vec![
                disk.disk.clone(),
                status_text(disk.status).to_owned(),
                if disk.status == DiskStatus::IoError { "-".to_owned() } else { cell(disk.before) },
                if disk.status == DiskStatus::IoError { "-".to_owned() } else { cell(disk.after) },
                format!("{} -> {}", disk.replicas_before, disk.replicas_after),
                format!("{} -> {}", disk.primaries_before, disk.primaries_after),
                format!("{} -> {}", size(disk.bytes_before), size(disk.bytes_after)),
            ]
        };
        let header = ["disk", "status", "before", "after", "replicas", "primaries", "bytes"];
        table(&header, self.disks.iter().map(row))
    }

    fn moves_table(&self) -> Option<String> {
        let row = |work: &MoveView| {
            let outcome = match (&work.refused, work.job) {
                (Some(error), _) => format!("refused, {}: {}", error.code, error.message),
                (None, Some(job)) => format!("job {job}"),
                (None, None) => String::new(),
            };
            let way = format!("{} -> {}", work.source, work.target);
            let role = if work.primary { "primary" } else { "secondary" };
            vec![work.gpid.clone(), way, size(work.bytes), role.to_owned(), work.reason.clone(), outcome]
        };
        let header = ["gpid", "move", "bytes", "role", "why", ""];
        (!self.moves.is_empty()).then(|| table(&header, self.moves.iter().map(row)))
    }

    fn stays_table(&self) -> Option<String> {
        let row = |stay: &StayView| vec![stay.gpid.clone(), stay.reason.clone()];
        (!self.stays.is_empty()).then(|| table(&["stays", "why"], self.stays.iter().map(row)))
    }
}

impl MoveView {
    fn new(work: &PlannedMove, submitted: Option<&Submitted>) -> Self {
        let answer = submitted.map(Result::as_ref);
        Self {
            gpid: work.gpid.to_string(),
            source: work.source.clone(),
            target: work.target.clone(),
            bytes: work.bytes,
            primary: work.primary,
            reason: work.reason.clone(),
            job: answer.and_then(Result::ok).map(|job| job.id),
            refused: answer.and_then(Result::err).cloned(),
        }
    }
}

const fn by_text(by: BalanceBy) -> &'static str {
    match by {
        BalanceBy::Bytes => "bytes",
        BalanceBy::Count => "count",
        BalanceBy::Primaries => "primaries",
    }
}

fn bar(share: f64, full: f64) -> String {
    let part = if full > 0.0 { (share / full).clamp(0.0, 1.0) } else { 0.0 };
    let filled = (part * BAR as f64).round() as usize;
    format!("[{}{}]", "#".repeat(filled), ".".repeat(BAR.saturating_sub(filled)))
}

#[cfg(test)]
mod tests {
    use common::rpc::ErrorCode;
    use common::types::{Gpid, PeerId};
    use serde_json::json;

    use super::super::fixture::book;
    use super::*;

    fn planned() -> DiskPlans {
        let work = PlannedMove {
            gpid: Gpid::new(1, 3),
            source: "disk1".to_owned(),
            target: "disk2".to_owned(),
            bytes: 2 << 20,
            primary: false,
            reason: "disk1 has 60.0 % used and disk2 20.0 % used; then 40.0 % used and 40.0 % used".to_owned(),
        };
        let disk = |tag: &str, before, after| DiskShare {
            disk: tag.to_owned(),
            status: DiskStatus::Normal,
            before,
            after,
            bytes_before: 0,
            bytes_after: 0,
            replicas_before: 1,
            replicas_after: 1,
            primaries_before: 0,
            primaries_after: 0,
        };
        let plan = DiskPlan {
            node: PeerId(0),
            goal: PlanGoal::Balance(BalanceBy::Bytes),
            moves: vec![work],
            disks: vec![disk("disk1", 0.6, 0.4), disk("disk2", 0.2, 0.4)],
            stays: vec![],
            gap_before: 0.4,
            gap_after: 0.0,
            bytes: 2 << 20,
            max_rate_bytes_per_s: 100 << 20,
            expected_ms: Some(1020),
        };
        DiskPlans { plans: vec![plan], unasked: vec![] }
    }

    #[test]
    fn a_plan_has_the_fields_that_scripts_rely_on() {
        let json = plans(&planned(), &[], false, &book()).json;
        assert_eq!((&json["executed"], &json["unasked"], json.get("jobs")), (&json!(false), &json!([]), None));
        let plan = &json["plans"][0];
        assert_eq!(
            (&plan["node"], &plan["goal"], &plan["by"]),
            (&json!("127.0.0.1:34801"), &json!("balance"), &json!("bytes"))
        );
        let expected = json!({"gpid": "1.3", "source": "disk1", "target": "disk2", "bytes": 2 << 20, "primary": false,
            "reason": "disk1 has 60.0 % used and disk2 20.0 % used; then 40.0 % used and 40.0 % used",
            "job": null, "refused": null});
        assert_eq!(plan["moves"][0], expected);
        let disk = json!({"disk": "disk1", "status": "NORMAL", "before": 0.6, "after": 0.4, "bytes_before": 0,
            "bytes_after": 0, "replicas_before": 1, "replicas_after": 1, "primaries_before": 0, "primaries_after": 0});
        assert_eq!(plan["disks"][0], disk);
        assert_eq!((&plan["expected_ms"], &plan["stays"]), (&json!(1020), &json!([])));
    }

    #[test]
    fn people_see_bars_the_time_and_the_reason() {
        let text = plans(&planned(), &[], false, &book()).text;
        for part in [
            "1 moves, 2.00 MiB, about 1s at 100.00 MiB/s",
            "[############........]  60.0%",
            "disk1 -> disk2",
            "40.0 % used",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn what_a_node_refused_stands_beside_the_move() {
        let refused = vec![Err(WireError::new(ErrorCode::RedundancyTooLow, "2 members", "wait"))];
        let output = plans(&planned(), &[refused], false, &book());
        assert_eq!(output.json["plans"][0]["moves"][0]["refused"]["code"], json!("REDUNDANCY_TOO_LOW"));
        assert!(output.text.contains("refused, REDUNDANCY_TOO_LOW: 2 members") && output.text.contains("0 of 1 moves"));
    }
}

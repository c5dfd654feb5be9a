//! The plan with its words and figures.

use common::rpc::disk_plan::{BalanceBy, DiskPlan, DiskShare, PlanGoal, PlannedMove, Staying};
use common::types::ReplicaStatus;

use super::goal::{Problem, State, Step};
use super::model::{DiskFacts, NodeFacts, PlanOptions, ReplicaFacts};
use super::schedule::expected_ms;

pub(super) fn report(
    facts: &NodeFacts,
    goal: &PlanGoal,
    problem: &Problem,
    steps: &[Step],
    stays: Vec<Staying>,
    options: PlanOptions,
) -> DiskPlan {
    let mut state = problem.start.clone();
    let mut moves = Vec::new();
    for step in steps {
        let Some(next) = problem.after(&state, *step) else { continue };
        let words = Words { facts, goal, problem, before: &state, after: &next };
        moves.extend(words.planned(*step));
        state = next;
    }
    let rate = options.max_rate_bytes_per_s.unwrap_or(facts.max_rate_bytes_per_s);
    DiskPlan {
        node: facts.node,
        goal: goal.clone(),
        disks: shares(facts, problem, &state, &moves),
        stays,
        gap_before: problem.gap(&problem.start),
        gap_after: problem.gap(&state),
        bytes: moves.iter().map(|work| work.bytes).sum(),
        max_rate_bytes_per_s: rate,
        expected_ms: expected_ms(&moves, rate),
        moves,
    }
}

struct Words<'a> {
    facts: &'a NodeFacts,
    goal: &'a PlanGoal,
    problem: &'a Problem,
    before: &'a State,
    after: &'a State,
}

impl Words<'_> {
    fn planned(&self, step: Step) -> Option<PlannedMove> {
        let item = self.problem.items.get(step.item)?;
        let (from, to) = (self.facts.disks.get(item.disk)?, self.facts.disks.get(step.target)?);
        let replica = from.replicas.iter().find(|replica| replica.gpid == item.gpid)?;
        Some(PlannedMove {
            gpid: item.gpid,
            source: from.tag.clone(),
            target: to.tag.clone(),
            bytes: item.bytes,
            primary: replica.status == ReplicaStatus::Primary,
            reason: self.reason((&from.tag, item.disk), (&to.tag, step.target)),
        })
    }

    fn reason(&self, (from, source): (&str, usize), (to, target): (&str, usize)) -> String {
        let text = |state: &State, disk| self.amount(self.problem.share(state, disk));
        let (filled_before, filled) = (text(self.before, target), text(self.after, target));
        match self.goal {
            PlanGoal::Balance(_) => {
                let (high, left) = (text(self.before, source), text(self.after, source));
                format!("{from} has {high} and {to} {filled_before}; then {left} and {filled}")
            }
            PlanGoal::Drain { .. } => format!("{from} is to be empty; {to} has room: {filled_before}, then {filled}"),
        }
    }

    fn amount(&self, share: f64) -> String {
        match self.goal {
            PlanGoal::Balance(BalanceBy::Count) => format!("{} replicas", short(share)),
            PlanGoal::Balance(BalanceBy::Primaries) => format!("{} primaries", short(share)),
            PlanGoal::Balance(BalanceBy::Bytes) | PlanGoal::Drain { .. } => format!("{:.1} % used", share * 100.0),
        }
    }
}

/// A whole number without decimals: disks of equal capacity have those.
fn short(share: f64) -> String {
    if (share - share.round()).abs() < 1e-6 { format!("{share:.0}") } else { format!("{share:.1}") }
}

fn shares(facts: &NodeFacts, problem: &Problem, end: &State, moves: &[PlannedMove]) -> Vec<DiskShare> {
    let one = |(index, disk): (usize, &DiskFacts)| {
        let now = Held::of(facts, &disk.tag);
        let then = now.after(&disk.tag, moves);
        DiskShare {
            disk: disk.tag.clone(),
            status: disk.status,
            before: problem.share(&problem.start, index),
            after: problem.share(end, index),
            bytes_before: now.bytes,
            bytes_after: then.bytes,
            replicas_before: now.replicas,
            replicas_after: then.replicas,
            primaries_before: now.primaries,
            primaries_after: then.primaries,
        }
    };
    facts.disks.iter().enumerate().map(one).collect()
}

/// What a disk holds once the moves that are under way already have ended.
#[derive(Clone, Copy, Default)]
struct Held {
    bytes: u64,
    replicas: u32,
    primaries: u32,
}

impl Held {
    fn of(facts: &NodeFacts, tag: &str) -> Self {
        let all = facts.disks.iter().flat_map(|disk| disk.replicas.iter().map(|replica| (&disk.tag, replica)));
        let here = all.filter(|(disk, replica)| replica.moves_to.as_ref().unwrap_or(disk) == tag);
        here.fold(Self::default(), |held, (_, replica)| held.with(replica))
    }

    fn with(self, replica: &ReplicaFacts) -> Self {
        Self {
            bytes: self.bytes + replica.size_bytes,
            replicas: self.replicas + 1,
            primaries: self.primaries + u32::from(replica.status == ReplicaStatus::Primary),
        }
    }

    fn after(self, tag: &str, moves: &[PlannedMove]) -> Self {
        moves.iter().fold(self, |held, work| {
            let one = u32::from(work.primary);
            match (work.source == tag, work.target == tag) {
                (true, _) => Self {
                    bytes: held.bytes.saturating_sub(work.bytes),
                    replicas: held.replicas.saturating_sub(1),
                    primaries: held.primaries.saturating_sub(one),
                },
                (_, true) => Self {
                    bytes: held.bytes + work.bytes,
                    replicas: held.replicas + 1,
                    primaries: held.primaries + one,
                },
                (false, false) => held,
            }
        })
    }
}

//! Moves that even out the disks of one node, or empty one of them. Pure: facts in, a plan out; executed as jobs.
//!
//! **Share** of a disk: by bytes its used part of 1 (other programs' files included, set-aside directories not); by count
//! its replicas, divided by its capacity over the average capacity; by primaries its primaries.
//!
//! **Gap**: the highest share among disks that hold something movable, less the lowest among disks that take replicas;
//! never below 0. A plan's last state has a gap within [`TOLERANCE`] of the average share of the least gap that can be
//! reached, and among those states the one for which the fewest bytes are copied. With few replicas that is exact
//! (`exact`), with many it comes of taking from the fullest and giving to the emptiest, never past the average
//! (`greedy`).
//!
//! **Every step** leaves the gap no larger than it was, fits on its target with headroom although no space has come back
//! on any source (a move leaves its origin behind for days), and moves a replica that moves only once.
//!
//! ```text
//! facts (model) -> problem (goal) -> exact | greedy | drain -> moves -> plan with words (report) and time (schedule)
//! ```

mod drain;
mod exact;
mod goal;
mod greedy;
mod model;
mod report;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use common::rpc::disk_plan::{DiskPlan, PlanGoal, Staying};
use common::types::Gpid;

pub use goal::TOLERANCE;
use goal::{Problem, Step};
pub use model::{DiskFacts, NodeFacts, PlanOptions, ReplicaFacts, Right};

/// The plan for a node. Replicas of the partitions in `taken` are left alone: a plan for another node moves them.
///
/// A disk to be emptied that the node does not have gives a plan without moves; the caller has checked that.
#[must_use]
pub fn plan_disks(facts: &NodeFacts, goal: &PlanGoal, options: PlanOptions, taken: &BTreeSet<Gpid>) -> DiskPlan {
    match goal {
        PlanGoal::Balance(by) => {
            let problem = Problem::new(facts, *by, options, taken);
            let steps = balance(&problem);
            report::report(facts, goal, &problem, &steps, Vec::new(), options)
        }
        PlanGoal::Drain { disk } => {
            let problem = Problem::new(facts, Default::default(), options, taken);
            let (steps, stays): (Vec<Step>, Vec<Staying>) = drain::drain(facts, &problem, disk, options, taken);
            report::report(facts, goal, &problem, &steps, stays, options)
        }
    }
}

fn balance(problem: &Problem) -> Vec<Step> {
    exact::search(problem).unwrap_or_else(|| greedy::search(problem))
}

//! Emptying a disk: every replica to the least full disk that has room, the largest first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use common::rpc::disk_plan::{StayCause, Staying};
use common::rpc::node_admin::DiskStatus;
use common::types::Gpid;

use super::goal::{Problem, State, Step};
use super::model::{DiskFacts, NodeFacts, PlanOptions, ReplicaFacts};

/// How a target is chosen.
#[derive(Clone, Copy)]
enum Choice {
    /// The least full.
    Emptiest,
    /// The one where the least room is left: it finds room for more where there is little.
    Tightest,
}

/// The moves that empty a disk, and what stays on it all the same.
pub(super) fn drain(
    facts: &NodeFacts,
    problem: &Problem,
    tag: &str,
    options: PlanOptions,
    taken: &BTreeSet<Gpid>,
) -> (Vec<Step>, Vec<Staying>) {
    let Some((index, disk)) = facts.disks.iter().enumerate().find(|(_, disk)| disk.tag == tag) else {
        return (Vec::new(), Vec::new());
    };
    if disk.status == DiskStatus::IoError {
        return (Vec::new(), disk.replicas.iter().map(cured).collect());
    }
    let (even, tight) = (place(problem, index, Choice::Emptiest), place(problem, index, Choice::Tightest));
    let steps = if tight.len() > even.len() { tight } else { even };
    let moved: BTreeSet<Gpid> = steps.iter().filter_map(|step| Some(problem.items.get(step.item)?.gpid)).collect();
    (steps, left_behind(disk, &moved, options, taken))
}

fn place(problem: &Problem, disk: usize, choice: Choice) -> Vec<Step> {
    let mut items: Vec<_> = problem.items.iter().enumerate().filter(|(_, item)| item.disk == disk).collect();
    items.sort_by_key(|(index, item)| (Reverse(item.bytes), *index));
    let (mut state, mut steps) = (problem.start.clone(), Vec::new());
    for (item, _) in items {
        if let Some((step, next)) = best(problem, &state, item, choice) {
            steps.push(step);
            state = next;
        }
    }
    steps
}

fn best(problem: &Problem, state: &State, item: usize, choice: Choice) -> Option<(Step, State)> {
    let steps = (0..problem.disks.len()).map(|target| Step { item, target });
    let possible = steps.filter_map(|step| Some((step, problem.after(state, step)?)));
    possible.min_by(|(a, after_a), (b, after_b)| match choice {
        Choice::Emptiest => problem.share(after_a, a.target).total_cmp(&problem.share(after_b, b.target)),
        Choice::Tightest => room(problem, after_a, a.target).cmp(&room(problem, after_b, b.target)),
    })
}

fn room(problem: &Problem, state: &State, disk: usize) -> u64 {
    problem.disks.get(disk).map_or(0, |disk| state.room(disk.pool))
}

fn left_behind(disk: &DiskFacts, moved: &BTreeSet<Gpid>, options: PlanOptions, taken: &BTreeSet<Gpid>) -> Vec<Staying> {
    let rest = disk.replicas.iter().filter(|replica| !moved.contains(&replica.gpid));
    let cause = |replica: &ReplicaFacts| match replica.may_move(options) {
        Err(cause) => cause,
        Ok(()) if taken.contains(&replica.gpid) => StayCause::Moves,
        Ok(()) => StayCause::NoRoom,
    };
    rest.map(|replica| staying(replica, cause(replica), replica.members)).collect()
}

fn cured(replica: &ReplicaFacts) -> Staying {
    let left = replica.members.saturating_sub(usize::from(replica.is_member));
    let cause = match left {
        0 => StayCause::Lost,
        left if left >= replica.replica_count as usize => StayCause::Cured,
        _ => StayCause::Waits,
    };
    staying(replica, cause, left)
}

fn staying(replica: &ReplicaFacts, cause: StayCause, members: usize) -> Staying {
    let (gpid, wanted) = (replica.gpid, replica.replica_count);
    let reason = match (cause, &replica.moves_to) {
        (StayCause::Moves, Some(target)) => format!("{gpid} is on its way to {target} already"),
        (StayCause::Moves, None) => format!("another job has partition {gpid}; drain again once it has ended"),
        (StayCause::NoMember, _) => {
            format!("{gpid} is {} here and no member now; drain again once the partition is healthy", replica.status)
        }
        (StayCause::TooFewMembers, _) => {
            format!("{gpid} has {members} of {wanted} members and cannot miss one; drain again once it is healthy")
        }
        (StayCause::Single, _) => {
            format!("{gpid} is the only replica; with --include-single it moves, and writes to it pause meanwhile")
        }
        (StayCause::NoRoom, _) => {
            format!("no other disk of the node has room for {gpid} ({} bytes and headroom)", replica.size_bytes)
        }
        (StayCause::Cured, _) => format!("{gpid} has all {wanted} members without this disk"),
        (StayCause::Waits, _) => {
            format!("{gpid} has {members} of {wanted} members left; a new copy is made from them on a sound disk")
        }
        (StayCause::Lost, _) => {
            format!("no other member of {gpid} is left: bring the disk back, or see 'recover -g {gpid}'")
        }
    };
    let members = u32::try_from(members).unwrap_or(u32::MAX);
    Staying { gpid, cause, members, reason }
}

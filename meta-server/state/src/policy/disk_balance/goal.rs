//! The facts reduced to numbers: loads, weights, room, and how uneven a state is.

use std::collections::{BTreeMap, BTreeSet};

use common::rpc::disk_plan::BalanceBy;
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, ReplicaStatus};

use super::model::{DiskFacts, NodeFacts, PlanOptions, ReplicaFacts};

/// A gap this close to the least one is as good, as a part of the average share.
pub const TOLERANCE: f64 = 0.02;

/// What can be moved, and where to.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) disks: Vec<Disk>,
    /// In order of gpid.
    pub(super) items: Vec<Item>,
    pub(super) start: State,
}

#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// What its load is divided by; 0: it takes no part.
    pub(super) weight: f64,
    pub(super) accepts: bool,
    /// Whose room it uses: disks of one file system share it.
    pub(super) pool: usize,
    holds: BTreeSet<Gpid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) gpid: Gpid,
    pub(super) disk: usize,
    pub(super) load: u64,
    pub(super) bytes: u64,
}

/// One move of a plan, by index of item and target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) item: usize,
    pub(super) target: usize,
}

/// How full everything is at a moment of the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    loads: Vec<u64>,
    /// Items on each disk.
    items: Vec<u32>,
    /// Bytes that may still be put into each pool.
    rooms: Vec<u64>,
}

impl Problem {
    pub(super) fn new(facts: &NodeFacts, by: BalanceBy, options: PlanOptions, taken: &BTreeSet<Gpid>) -> Self {
        let pools = pools(facts);
        let weights = weights(facts, by);
        let disks: Vec<Disk> =
            facts.disks.iter().zip(weights).map(|(disk, weight)| reduce(disk, weight, &pools)).collect();
        let mut items: Vec<Item> = Vec::new();
        for (index, disk) in facts.disks.iter().enumerate().filter(|(_, disk)| disk.status != DiskStatus::IoError) {
            let may = |replica: &&ReplicaFacts| replica.may_move(options).is_ok() && !taken.contains(&replica.gpid);
            let item = |replica: &ReplicaFacts| Item {
                gpid: replica.gpid,
                disk: index,
                load: load(replica, by),
                bytes: replica.size_bytes,
            };
            items.extend(disk.replicas.iter().filter(may).map(item).filter(|item| item.load > 0));
        }
        items.sort_by_key(|item| item.gpid);
        let mut start = State { loads: loads(facts, by), items: vec![0; disks.len()], rooms: rooms(facts, &pools) };
        items.iter().for_each(|item| start.count(item.disk, 1));
        Self { disks, items, start }
    }

    pub(super) fn share(&self, state: &State, disk: usize) -> f64 {
        let weight = self.disks.get(disk).map_or(0.0, |disk| disk.weight);
        if weight > 0.0 { state.load(disk) as f64 / weight } else { 0.0 }
    }

    /// The highest share of which something can be taken, less the lowest to which something can be given.
    pub(super) fn gap(&self, state: &State) -> f64 {
        let part = || self.disks.iter().enumerate().filter(|(_, disk)| disk.weight > 0.0);
        let givers = part().filter(|(index, _)| state.items(*index) > 0);
        let takers = part().filter(|(_, disk)| disk.accepts);
        let highest = givers.map(|(index, _)| self.share(state, index)).max_by(f64::total_cmp);
        let lowest = takers.map(|(index, _)| self.share(state, index)).min_by(f64::total_cmp);
        highest.zip(lowest).map_or(0.0, |(highest, lowest)| (highest - lowest).max(0.0))
    }

    /// Average share of the disks that take part; moves do not change it.
    pub(super) fn average(&self) -> f64 {
        let part = self.disks.iter().enumerate().filter(|(_, disk)| disk.weight > 0.0);
        let (load, weight) =
            part.fold((0.0, 0.0), |(l, w), (index, disk)| (l + self.start.load(index) as f64, w + disk.weight));
        if weight > 0.0 { load / weight } else { 0.0 }
    }

    /// How much more than the least gap is as good.
    pub(super) fn slack(&self) -> f64 {
        TOLERANCE * self.average()
    }

    /// The state after a step; `None` if its target does not take it.
    pub(super) fn after(&self, state: &State, step: Step) -> Option<State> {
        let (item, disk) = (self.items.get(step.item)?, self.disks.get(step.target)?);
        let room = state.rooms.get(disk.pool).copied().unwrap_or(0);
        let fits = disk.accepts && item.disk != step.target && !disk.holds.contains(&item.gpid) && room >= item.bytes;
        fits.then(|| state.moved(item, step.target, disk.pool))
    }
}

impl State {
    pub(super) fn load(&self, disk: usize) -> u64 {
        self.loads.get(disk).copied().unwrap_or(0)
    }

    fn items(&self, disk: usize) -> u32 {
        self.items.get(disk).copied().unwrap_or(0)
    }

    /// Bytes that may still be put into a pool.
    pub(super) fn room(&self, pool: usize) -> u64 {
        self.rooms.get(pool).copied().unwrap_or(0)
    }

    fn count(&mut self, disk: usize, more: u32) {
        if let Some(items) = self.items.get_mut(disk) {
            *items += more;
        }
    }

    fn moved(&self, item: &Item, target: usize, pool: usize) -> Self {
        let mut next = self.clone();
        if let Some(load) = next.loads.get_mut(item.disk) {
            *load = load.saturating_sub(item.load);
        }
        if let Some(items) = next.items.get_mut(item.disk) {
            *items = items.saturating_sub(1);
        }
        if let Some(load) = next.loads.get_mut(target) {
            *load += item.load;
        }
        // The origin stays on its disk for days: no room comes back there.
        if let Some(room) = next.rooms.get_mut(pool) {
            *room = room.saturating_sub(item.bytes);
        }
        next.count(target, 1);
        next
    }
}

fn reduce(disk: &DiskFacts, weight: f64, pools: &BTreeMap<u64, Pool>) -> Disk {
    let pool = pools.get(&disk.file_system).map_or(usize::MAX, |pool| pool.index);
    let holds = disk.replicas.iter().map(|replica| replica.gpid).collect();
    Disk { weight, accepts: disk.accepts() && weight > 0.0, pool, holds }
}

fn load(replica: &ReplicaFacts, by: BalanceBy) -> u64 {
    match by {
        // An empty one weighs something too, so that it can be moved.
        BalanceBy::Bytes => replica.size_bytes.max(1),
        BalanceBy::Count => 1,
        BalanceBy::Primaries => u64::from(replica.status == ReplicaStatus::Primary),
    }
}

/// A file system.
struct Pool {
    index: usize,
    disks: u64,
    capacity_bytes: u64,
    /// Used by what is neither a replica nor set aside.
    others_bytes: u64,
    available_bytes: u64,
    /// Bytes of copies that are on their way into it.
    awaited_bytes: u64,
}

fn pools(facts: &NodeFacts) -> BTreeMap<u64, Pool> {
    let mut pools: BTreeMap<u64, Pool> = BTreeMap::new();
    for disk in facts.disks.iter().filter(|disk| disk.status != DiskStatus::IoError) {
        let index = pools.len();
        let pool = pools.entry(disk.file_system).or_insert(Pool {
            index,
            disks: 0,
            capacity_bytes: disk.capacity_bytes,
            others_bytes: disk.capacity_bytes.saturating_sub(disk.available_bytes),
            available_bytes: disk.available_bytes,
            awaited_bytes: 0,
        });
        pool.disks += 1;
        pool.others_bytes = pool.others_bytes.saturating_sub(disk.set_aside_bytes + disk.replica_bytes());
        pool.awaited_bytes += arriving(facts, &disk.tag).map(|replica| replica.size_bytes).sum::<u64>();
    }
    pools
}

/// Replicas of other disks that are on their way to this one.
fn arriving<'a>(facts: &'a NodeFacts, tag: &'a str) -> impl Iterator<Item = &'a ReplicaFacts> {
    facts.disks.iter().flat_map(|disk| &disk.replicas).filter(move |replica| replica.moves_to.as_deref() == Some(tag))
}

fn rooms(facts: &NodeFacts, pools: &BTreeMap<u64, Pool>) -> Vec<u64> {
    let room = |pool: &Pool| pool.available_bytes.saturating_sub(pool.awaited_bytes + facts.headroom_bytes);
    let by_index: BTreeMap<usize, u64> = pools.values().map(|pool| (pool.index, room(pool))).collect();
    by_index.into_values().collect()
}

/// The disks of one file system are equal parts of it.
fn part_bytes(disk: &DiskFacts, pools: &BTreeMap<u64, Pool>) -> f64 {
    let broken = disk.status == DiskStatus::IoError;
    let pool = pools.get(&disk.file_system).filter(|_| !broken);
    pool.map_or(0.0, |pool| pool.capacity_bytes as f64 / pool.disks.max(1) as f64)
}

fn weights(facts: &NodeFacts, by: BalanceBy) -> Vec<f64> {
    let pools = pools(facts);
    let parts: Vec<f64> = facts.disks.iter().map(|disk| part_bytes(disk, &pools)).collect();
    let sound = parts.iter().filter(|part| **part > 0.0).count();
    let average = parts.iter().sum::<f64>() / sound.max(1) as f64;
    let weight = |part: f64| match by {
        BalanceBy::Bytes => part,
        BalanceBy::Count if average > 0.0 => part / average,
        BalanceBy::Primaries if part > 0.0 => 1.0,
        BalanceBy::Count | BalanceBy::Primaries => 0.0,
    };
    parts.into_iter().map(weight).collect()
}

/// Loads as they will be once the moves under way have ended.
fn loads(facts: &NodeFacts, by: BalanceBy) -> Vec<u64> {
    let pools = pools(facts);
    let of_disk = |disk: &DiskFacts| {
        let others = pools.get(&disk.file_system).map_or(0, |pool| pool.others_bytes / pool.disks.max(1));
        let base = if by == BalanceBy::Bytes && disk.status != DiskStatus::IoError { others } else { 0 };
        let here = disk.replicas.iter().filter(|replica| replica.moves_to.is_none());
        base + here.chain(arriving(facts, &disk.tag)).map(|replica| load(replica, by)).sum::<u64>()
    };
    facts.disks.iter().map(of_disk).collect()
}

//! A node that is drained: its replicas go to other nodes, a few at a time, each by a migration of its own.
//!
//! The wish is durable (`Node::draining`); what follows from it is looked for in every round, so a drain survives
//! whatever ends a migration. No copy comes to such a node (placement), and its learners are dropped (guardian).

use std::time::Duration;

use common::procedure::{MigrateRegion, ProcedureState};
use common::types::{Gpid, Now, PeerId, Time};

use super::options::GuardianOptions;
use super::placement::Loads;
use crate::cluster::Cluster;
use crate::node::Node;
use crate::partition::Partition;
use crate::procedure::{Procedure, RegionMigration, Work};

/// Replicas that leave one node side by side.
const AT_ONCE: usize = 4;
/// What a target may take to catch up, in milliseconds: 1 hour, for nobody waits for it.
const CATCH_UP_MS: u64 = 3_600_000;
/// After a migration that failed, the next of the same replica waits, doubled each time.
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// The migrations that drained nodes need to begin now.
#[must_use]
pub fn node_drains(cluster: &Cluster, options: GuardianOptions, now: Now) -> Vec<MigrateRegion> {
    let mut drained = cluster.nodes().filter(|node| node.draining && cluster.is_alive(node.peer, now.mono)).peekable();
    if drained.peek().is_none() {
        return Vec::new();
    }
    let mut loads = Loads::of(cluster, options.node_steady_after, now.mono);
    drained.flat_map(|node| leaving(cluster, &mut loads, node, now)).collect()
}

fn leaving(cluster: &Cluster, loads: &mut Loads, node: &Node, now: Now) -> Vec<MigrateRegion> {
    let from = node.peer;
    let leaves = |procedure: &&Procedure| migration(procedure).is_some_and(|migration| migration.from == from);
    let under_way = cluster.open_procedures().filter(leaves).count();
    let may_go = cluster.live_partitions().filter(|p| may_leave(cluster, p, from, now));
    let chosen = may_go.filter_map(|partition| {
        let to = loads.place_copy(cluster, partition)?;
        Some(MigrateRegion { gpid: partition.config.gpid, from, to, replay_timeout_ms: CATCH_UP_MS })
    });
    chosen.take(AT_ONCE.saturating_sub(under_way)).collect()
}

/// A partition that lacks something is cured first.
fn may_leave(cluster: &Cluster, partition: &Partition, from: PeerId, now: Now) -> bool {
    let config = &partition.config;
    let locked = partition.lock.is_some_and(|lock| cluster.is_held(lock, now));
    let whole = config.is_healthy() && config.moving.is_none() && partition.frozen.is_none();
    config.is_member(from) && whole && !locked && !pauses(cluster, config.gpid, from, now.wall_ms)
}

fn pauses(cluster: &Cluster, gpid: Gpid, from: PeerId, now_ms: u64) -> bool {
    let concerns = |procedure: &&Procedure| {
        migration(procedure).is_some_and(|migration| (migration.gpid, migration.from) == (gpid, from))
    };
    let tries = cluster.ended_procedures().rev().filter(concerns);
    let failed: Vec<_> = tries.take_while(|procedure| procedure.state == ProcedureState::Failed).collect();
    let Some(last) = failed.first().and_then(|procedure| procedure.finished_at_ms) else { return false };
    let doubled = PAUSE.saturating_mul(1 << (failed.len() - 1).min(16)).min(PAUSE_MAX);
    now_ms.saturating_sub(last) < u64::try_from(doubled.as_millis()).unwrap_or(u64::MAX)
}

const fn migration(procedure: &Procedure) -> Option<&RegionMigration> {
    match &procedure.work {
        Work::RegionMigration(migration) => Some(migration),
        Work::Rebuild(_) | Work::CreateTable(_) | Work::DropTable(_) => None,
    }
}

/// Why a drained node cannot become empty as things are: a replica that no other node takes.
#[must_use]
pub fn drain_blocked(cluster: &Cluster, options: GuardianOptions, node: &Node, now: Time) -> Option<String> {
    if !node.draining {
        return None;
    }
    let loads = Loads::of(cluster, options.node_steady_after, now);
    let here = cluster.live_partitions().filter(|p| p.config.is_member(node.peer) && p.lock.is_none());
    let stuck: Vec<Gpid> =
        here.filter(|p| loads.clone().place_copy(cluster, p).is_none()).map(|p| p.config.gpid).collect();
    let first = stuck.first()?;
    Some(format!("no other node takes {} of its replicas, the first is {first}", stuck.len()))
}

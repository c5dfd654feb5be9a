//! Moves that go on beneath the faults.

use anyhow::{Context as _, Result};
use common::procedure::MigrateRegion;
use common::rpc::node_admin::DiskMigrate;

use super::trial::TABLE;
use crate::cluster::Cluster;

/// A new copy may take so long to catch up.
const REPLAY_TIMEOUT_MS: u64 = 20_000;

/// Moves a replica to the other disk of its node; says which.
///
/// # Errors
/// Refused, or the node does not answer.
pub(super) async fn between_disks(cluster: &Cluster, node: usize, pick: usize, max_rate: u64) -> Result<String> {
    let server = cluster.node(node)?;
    let disks = server.disks().await?;
    let replicas: Vec<_> =
        disks.iter().flat_map(|disk| disk.replicas.iter().map(|replica| (replica.gpid, disk.disk.clone()))).collect();
    let (gpid, source) = replicas.get(pick % replicas.len().max(1)).cloned().context("it holds nothing")?;
    let target = server.disks.iter().map(|(tag, _)| tag).find(|tag| **tag != source).cloned().unwrap_or_default();
    let text = format!("move {gpid} on node{} from {source} to {target} at {max_rate} B/s", node + 1);
    let max_rate_bytes_per_s = Some(max_rate);
    let request = DiskMigrate { gpid, source, target, demote: true, max_rate_bytes_per_s, purge_origin: true };
    server.disk_migrate(request).await?;
    Ok(text)
}

/// Moves a replica of a partition to a node that has none, or makes that node's the primary; says which.
///
/// # Errors
/// Refused, or the meta server does not answer.
pub(super) async fn between_nodes(cluster: &Cluster, partition: u32, pick: usize) -> Result<String> {
    let route = cluster.route(TABLE).await?;
    let config = route.configs.get(usize::try_from(partition)?).context("no such partition")?;
    let members: Vec<_> = config.members().map(|member| member.peer).collect();
    let from = *members.get(pick % members.len().max(1)).context("it has no members")?;
    let peers: Vec<_> = cluster.info().await?.nodes.iter().map(|node| node.peer_id).filter(|p| *p != from).collect();
    let to = *peers.get((pick / 7) % peers.len().max(1)).context("there is no other node")?;
    let request = MigrateRegion { gpid: config.gpid, from, to, replay_timeout_ms: REPLAY_TIMEOUT_MS };
    let begun = cluster.ask(async move |meta, deadline| meta.migrate_region(deadline, request).await).await?;
    Ok(format!("move {} from peer {from} to peer {to}: {}", config.gpid, begun.id))
}

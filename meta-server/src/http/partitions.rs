//! `/admin/partitions`: the partitions, and what is wrong with them.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::types::{Gpid, Member, SlotRange, TableId};
use meta_state::{PartitionFilter, PartitionHealth};
use serde::Serialize;
use uuid::Uuid;

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;
use super::peer::{AddressBook, Peer};

/// Partitions in one answer, unless told otherwise, and at most.
const USUAL: usize = 1000;
const MOST: usize = 20_000;

#[derive(Serialize)]
pub(super) struct Partitions {
    /// How many there are; fewer are shown if the limit is lower.
    total: usize,
    partitions: Vec<View>,
}

#[derive(Serialize)]
struct View {
    gpid: Gpid,
    region_id: u64,
    table: String,
    slots: SlotRange,
    ballot: u64,
    replica_count: u32,
    primary: Option<Peer>,
    secondaries: Vec<Peer>,
    learners: Vec<Peer>,
    reasons: Vec<String>,
    locked_by: Option<Uuid>,
}

pub(super) async fn partitions(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Partitions>> {
    let params = Params::of(&uri, &["gpid", "table_id", "unhealthy", "limit"])?;
    let filter = PartitionFilter {
        gpid: params.optional("gpid", "a partition, as 1.3")?,
        table: params.optional("table_id", "the number of a table")?.map(TableId),
        unhealthy: params.optional("unhealthy", "true or false")?.unwrap_or_default(),
    };
    let limit = params.limit(USUAL, MOST)?;
    let owner = door.owner()?;
    let ask = owner.ask(move |owner| {
        let (cluster, now) = (owner.cluster(), owner.now());
        let found: Vec<_> = cluster.partition_healths(filter, now).collect();
        let nodes: Vec<_> = cluster.nodes().map(|node| (node.peer, node.address.clone())).collect();
        Ok((found, AddressBook::new(nodes)))
    });
    let (found, book) = ask.await?;
    let total = found.len();
    Ok(Json(Partitions { total, partitions: found.into_iter().take(limit).map(|p| view(p, &book)).collect() }))
}

fn view(health: PartitionHealth, book: &AddressBook) -> View {
    let PartitionHealth { config, table, reasons, locked_by } = health;
    let peers = |members: &[Member]| members.iter().map(|member| book.peer(member.peer)).collect();
    View {
        gpid: config.gpid,
        region_id: config.gpid.region_id(),
        table,
        slots: config.slots,
        ballot: config.ballot.0,
        replica_count: config.replica_count,
        primary: config.primary.map(|member| book.peer(member.peer)),
        secondaries: peers(&config.secondaries),
        learners: peers(&config.learners),
        reasons,
        locked_by,
    }
}

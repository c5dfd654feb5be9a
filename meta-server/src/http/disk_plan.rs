//! `/admin/disk-plan`: which moves would even out the disks of a node. Changes nothing.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::rpc::disk_plan::{BalanceBy, DiskPlan, DiskPlans, PlanGoal, PlanRequest, PlannedMove};
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, PeerId};
use serde::Serialize;

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;
use super::peer::{AddressBook, Peer};
use crate::service;

#[derive(Serialize)]
pub(super) struct Plans {
    plans: Vec<Plan>,
    /// Nodes that could not be asked.
    unasked: Vec<Unasked>,
}

#[derive(Serialize)]
struct Plan {
    node: Peer,
    gap_before: f64,
    gap_after: f64,
    bytes: u64,
    expected_ms: Option<u64>,
    moves: Vec<Move>,
    disks: Vec<Disk>,
}

#[derive(Serialize)]
struct Move {
    gpid: Gpid,
    source: String,
    target: String,
    bytes: u64,
    primary: bool,
    reason: String,
}

#[derive(Serialize)]
struct Disk {
    disk: String,
    status: DiskStatus,
    before: f64,
    after: f64,
}

#[derive(Serialize)]
struct Unasked {
    node: Peer,
    message: String,
}

pub(super) async fn plan(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Plans>> {
    let params = Params::of(&uri, &["node", "by"])?;
    let node = params.optional("node", "the peer id of a node, as /admin/nodes shows it")?.map(PeerId);
    let by: Option<BalanceBy> = params.word("by", "bytes, count or primaries")?;
    let goal = PlanGoal::Balance(by.unwrap_or_default());
    let request = PlanRequest { node, goal, include_single: false, max_rate_bytes_per_s: None };
    let owner = door.owner()?;
    let plans = service::plan(&owner, &door.links, request).await?;
    let nodes = owner.ask(|owner| Ok(owner.cluster().nodes().map(|n| (n.peer, n.address.clone())).collect::<Vec<_>>()));
    Ok(Json(view(plans, &AddressBook::new(nodes.await?))))
}

fn view(plans: DiskPlans, book: &AddressBook) -> Plans {
    let unasked =
        |(peer, error): (PeerId, common::rpc::WireError)| Unasked { node: book.peer(peer), message: error.message };
    Plans {
        plans: plans.plans.into_iter().map(|plan| one(plan, book)).collect(),
        unasked: plans.unasked.into_iter().map(unasked).collect(),
    }
}

fn one(plan: DiskPlan, book: &AddressBook) -> Plan {
    let moves = plan.moves.into_iter().map(|PlannedMove { gpid, source, target, bytes, primary, reason }| Move {
        gpid,
        source,
        target,
        bytes,
        primary,
        reason,
    });
    let disks =
        plan.disks.into_iter().map(|d| Disk { disk: d.disk, status: d.status, before: d.before, after: d.after });
    Plan {
        node: book.peer(plan.node),
        gap_before: plan.gap_before,
        gap_after: plan.gap_after,
        bytes: plan.bytes,
        expected_ms: plan.expected_ms,
        moves: moves.collect(),
        disks: disks.collect(),
    }
}

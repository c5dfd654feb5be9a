//! `/admin/cluster`: counts, and what holds for the whole cluster.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::rpc::meta_admin::ClusterInfo;
use common::time::rfc3339;
use meta_state::policy::GuardianOptions;
use serde::Serialize;
use uuid::Uuid;

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;

#[derive(Serialize)]
pub(super) struct View {
    cluster: Uuid,
    tables: u32,
    partitions: u32,
    healthy: u32,
    maintenance: bool,
    maintenance_since: Option<String>,
    enable_region_failover: bool,
    replica_lost_delay_ms: u64,
}

pub(super) async fn cluster(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<View>> {
    Params::of(&uri, &[])?;
    let owner = door.owner()?;
    let ask = owner.ask(|owner| Ok((owner.info(), owner.guardian_options())));
    let (info, guardian) = ask.await?;
    Ok(Json(view(&info, guardian)))
}

fn view(info: &ClusterInfo, guardian: GuardianOptions) -> View {
    View {
        cluster: info.cluster,
        tables: info.tables,
        partitions: info.partitions,
        healthy: info.healthy,
        maintenance: info.maintenance_since_ms.is_some(),
        maintenance_since: info.maintenance_since_ms.map(rfc3339),
        enable_region_failover: guardian.enable_region_failover,
        replica_lost_delay_ms: u64::try_from(guardian.replica_lost_delay.as_millis()).unwrap_or(u64::MAX),
    }
}

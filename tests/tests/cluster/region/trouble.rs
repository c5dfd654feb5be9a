//! Moves that do not come to their end: what was there before is there after, and the cause is kept.

use anyhow::Result;
use common::procedure::{MigrateRegion, ProcedureInfo, ProcedureState};
use common::rpc::ErrorCode;
use common::rpc::rates::RateChange;
use common::types::PeerId;
use tokio::time::Instant;

use super::{GPID, Ground, index};
use crate::support::{TABLE, turn};

/// The copy of these clusters takes more than two minutes at this rate, longer than anything here is waited for.
const SLOW: u64 = 128 << 10;
/// Seconds whose bytes the limit lets through at once.
const BURST_S: u64 = 3;

/// In the midst of catching up, as slowly as the nodes' limit of copies has it.
async fn catching_up() -> Result<(Ground, MigrateRegion, ProcedureInfo)> {
    let ground = Ground::with(vec![("migrate.max_rate", SLOW.to_string())]).await?;
    let request = ground.request(true).await?;
    catching_up_on(ground, request).await
}

async fn catching_up_on(ground: Ground, request: MigrateRegion) -> Result<(Ground, MigrateRegion, ProcedureInfo)> {
    let id = ground.migrate(request).await?.id;
    let learns = |info: &ProcedureInfo| info.step == "catch_up" && info.bytes_done > SLOW && info.lag.is_some();
    let info = ground.when(id, "the middle of the copy", learns).await?;
    assert!(info.percent < 90 && info.bytes_total > info.bytes_done, "{info:?}");
    Ok((ground, request, info))
}

/// The members are those of before, and one of them leads as before.
async fn as_before(ground: &Ground, request: &MigrateRegion) -> Result<()> {
    let config = ground.cluster.healthy(TABLE).await?.configs[0].clone();
    assert!(config.copy_on(request.to).is_none() && config.is_member(request.from), "{config:?}");
    assert_eq!((config.gpid, config.primary.map(|p| p.peer)), (GPID, Some(request.from)));
    Ok(())
}

async fn set_rate(ground: &Ground, peer: PeerId, change: RateChange) -> Result<()> {
    let node = ground.cluster.node(index(peer))?;
    node.ask(async move |node, deadline| node.disk_migrate_rate(deadline, change).await).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_killed_while_it_catches_up_leaves_everything_as_it_was() -> Result<()> {
    let _turn = turn().await;
    let (mut ground, request, info) = catching_up().await?;
    ground.cluster.node_mut(index(request.to))?.process.kill()?;
    let info = ground.ended(info.id).await?;
    assert_eq!(info.state, ProcedureState::Failed, "{info:?}");
    let cause = info.error.as_ref().map(|error| error.code);
    assert_eq!(cause, Some(ErrorCode::NodeDead), "{info:?}");
    as_before(&ground, &request).await?;
    ground.cluster.node_mut(index(request.to))?.process.start()?;
    ground.cluster.all_alive().await?;
    ground.set_aside_on(request.to).await?;
    as_before(&ground, &request).await?;
    let report = ground.whole(request.from).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_the_target_catches_up_leaves_everything_as_it_was() -> Result<()> {
    let _turn = turn().await;
    let (ground, request, info) = catching_up().await?;
    let id = info.id;
    ground.cluster.ask(async move |meta, deadline| meta.cancel_procedure(deadline, id).await).await?;
    let info = ground.ended(id).await?;
    assert_eq!((info.state, info.error.as_ref()), (ProcedureState::Cancelled, None), "{info:?}");
    ground.set_aside_on(request.to).await?;
    as_before(&ground, &request).await?;
    let again = ground.cluster.ask(async move |meta, deadline| meta.cancel_procedure(deadline, id).await).await;
    assert_eq!(again.unwrap_err().code, ErrorCode::JobEnded);
    let report = ground.whole(request.from).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_too_slow_is_given_up_at_its_deadline() -> Result<()> {
    let _turn = turn().await;
    let ground = Ground::with(vec![("migrate.max_rate", SLOW.to_string())]).await?;
    let request = MigrateRegion { replay_timeout_ms: 5000, ..ground.request(false).await? };
    let id = ground.migrate(request).await?.id;
    let info = ground.ended(id).await?;
    let cause = info.error.as_ref().map(|error| error.code);
    assert_eq!((info.state, cause), (ProcedureState::Failed, Some(ErrorCode::Timeout)), "{info:?}");
    ground.set_aside_on(request.to).await?;
    let config = ground.cluster.healthy(TABLE).await?.configs[0].clone();
    assert!(config.copy_on(request.to).is_none() && config.is_member(request.from), "{config:?}");
    let report = ground.whole(request.from).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_between_nodes_obeys_the_limit_of_the_target_and_its_changes() -> Result<()> {
    let _turn = turn().await;
    let ground = Ground::with(vec![("migrate.max_rate", SLOW.to_string())]).await?;
    let (request, began) = (ground.request(true).await?, Instant::now());
    let (ground, request, before) = catching_up_on(ground, request).await?;
    let more = |info: &ProcedureInfo| info.bytes_done >= before.bytes_done + 5 * SLOW;
    let after = ground.when(before.id, "some seconds' bytes", more).await?;
    // What was reported had been copied before.
    let most = SLOW * (began.elapsed().as_secs() + 1 + BURST_S);
    assert!(after.bytes_done <= most, "{before:?} {after:?}, not {most}");
    // Were this of no effect, the migration would meet its deadline.
    set_rate(&ground, request.to, RateChange::Node(0)).await?;
    let done = ground.ended(before.id).await?;
    assert_eq!(done.state, ProcedureState::Completed, "{done:?}");
    ground.arrived(&request).await?;
    ground.whole(request.to).await?;
    Ok(())
}

//! Moves that succeed.

use anyhow::Result;
use common::procedure::{MigrateRegion, ProcedureInfo};
use tests::cli;

use super::{BULK, GPID, Ground};
use crate::support::{TABLE, turn};

fn steps(info: &ProcedureInfo) -> Vec<&str> {
    info.history.iter().map(|step| step.step.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_moves_to_another_node_under_load_and_not_one_operation_fails() -> Result<()> {
    let _turn = turn().await;
    let ground = Ground::new().await?;
    let request = ground.request(true).await?;
    let info = ground.moved(request).await?;
    assert_eq!(steps(&info), ["queued", "start", "catch_up", "hand_over", "leave", "collect"]);
    assert!(info.bytes_done >= BULK.rows * BULK.value_bytes as u64, "bytes were copied: {info:?}");
    assert!(info.write_pause_ms.is_some_and(|pause| pause < 2000), "{info:?}");
    ground.arrived(&request).await?;
    let config = ground.cluster.config(TABLE, GPID).await?;
    assert_eq!(config.primary.map(|primary| primary.peer), Some(request.to), "it leads there, too");
    let report = ground.whole(request.to).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_moves_to_another_node_under_load_and_not_one_operation_fails() -> Result<()> {
    let _turn = turn().await;
    let ground = Ground::new().await?;
    let request = ground.request(false).await?;
    let info = ground.moved(request).await?;
    assert_eq!(steps(&info), ["queued", "start", "catch_up", "leave", "collect"]);
    assert!(info.bytes_done >= BULK.rows * BULK.value_bytes as u64, "bytes were copied: {info:?}");
    assert_eq!(info.write_pause_ms, None, "the primary stayed");
    ground.arrived(&request).await?;
    let report = ground.whole(request.to).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_moves_there_and_back_and_takes_up_what_it_left() -> Result<()> {
    let _turn = turn().await;
    let ground = Ground::new().await?;
    let there = ground.request(true).await?;
    ground.moved(there).await?;
    ground.arrived(&there).await?;
    let back = MigrateRegion { from: there.to, to: there.from, ..there };
    ground.moved(back).await?;
    ground.arrived(&back).await?;
    let report = ground.whole(back.to).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_target_is_a_member_only_the_primary_moves_by_admin_cli() -> Result<()> {
    let _turn = turn().await;
    let ground = Ground::new().await?;
    let config = ground.cluster.config(TABLE, GPID).await?;
    let (from, to) = (ground.request(true).await?.from, config.secondaries[0].peer);
    let (source, target) = (from.to_string(), to.to_string());
    let migrate =
        ["region-migrate", "-g", "1.0", "--from", &source, "--to", &target, "--wait", "--json"].map(str::to_owned);
    let cluster = &ground.cluster;
    let run = |args: &[&str]| tokio::task::block_in_place(|| cli::run(cluster, args)?.json());
    let moved = run(&migrate.each_ref().map(String::as_str))?;
    assert_eq!(moved["procedure"]["state"], "completed", "{moved}");
    assert_eq!(moved["procedure"]["bytes_done"], 0, "nothing was copied: {moved}");
    let id = moved["procedure"]["id"].as_str().unwrap_or_default().to_owned();
    let jobs = run(&["jobs", "--kind", "region", "--state", "completed", "--json"])?;
    assert_eq!(jobs["jobs"][0]["id"], id.as_str(), "{jobs}");
    let job = run(&["job", &id, "--json"])?;
    assert_eq!((&job["job"]["kind"], &job["procedure"]["step"]), (&"region".into(), &"hand_over".into()));
    let after = ground.cluster.config(TABLE, GPID).await?;
    assert_eq!(after.primary.map(|primary| primary.peer), Some(to));
    assert!(after.is_member(from), "the source is a secondary now");
    let again = run(&migrate.each_ref().map(String::as_str))?;
    assert!(again["procedure"]["note"].is_string(), "already where it should be, and says so: {again}");
    let report = ground.whole(to).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

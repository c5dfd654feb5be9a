//! A few short randomised runs; many long ones are `scripts/chaos.sh`.

use anyhow::Result;
use tests::chaos::{Beneath, Options, possible, run};

use crate::support::turn;

const SECONDS: u64 = 15;

async fn survives(seed: u64, beneath: Beneath) -> Result<()> {
    let _turn = turn().await;
    if !possible() {
        eprintln!("passed over: network namespaces need root, and the programs ip, nft and nsenter");
        return Ok(());
    }
    let options = Options { seed, seconds: SECONDS, beneath: Some(beneath), ..Options::default() };
    let report = tokio::task::spawn_blocking(move || run(&options)).await??;
    assert!(report.failures.is_empty(), "{report}\n{}", report.failures.join("\n"));
    assert!(report.faults > 0 && report.operations.answered > 500, "{report}");
    let (redis, looks) = (report.operations.redis, report.operations.looks.answered);
    assert!(redis > looks + 100 && looks > 100, "Redis clients were hardly served: {report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_cuts_pauses_and_kills_every_history_is_linearizable() -> Result<()> {
    survives(1, Beneath::Nothing).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_while_replicas_move_between_disks_and_nodes() -> Result<()> {
    survives(2, Beneath::Both).await
}

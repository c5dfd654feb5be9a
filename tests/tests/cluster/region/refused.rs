//! Wrong requests, each with its own code, through real processes.

use anyhow::Result;
use common::procedure::{MigrateRegion, ProcedureState};
use common::rpc::ErrorCode;
use common::types::{Gpid, PeerId};
use tests::wait;

use super::{ENDS_WITHIN, GPID, Ground, index};
use crate::support::{TABLE, transfers, turn};

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_migration_is_refused_with_its_own_code_and_a_hint() -> Result<()> {
    let _turn = turn().await;
    let mut ground = Ground::with(vec![("migrate.max_rate", "256KiB".to_owned())]).await?;
    let good = ground.request(true).await?;
    let secondaries = ground.cluster.config(TABLE, GPID).await?.secondaries.clone();
    let (one, two) = (secondaries[0].peer, secondaries[1].peer);
    let refusals = [
        (MigrateRegion { to: good.from, ..good }, ErrorCode::SameNode),
        (MigrateRegion { replay_timeout_ms: 0, ..good }, ErrorCode::InvalidArgument),
        (MigrateRegion { gpid: Gpid::new(9, 0), ..good }, ErrorCode::UnknownPartition),
        (MigrateRegion { to: PeerId(9), ..good }, ErrorCode::UnknownNode),
        (MigrateRegion { from: one, to: two, ..good }, ErrorCode::TargetHoldsReplica),
    ];
    for (request, code) in refusals {
        let error = ground.migrate(request).await.unwrap_err();
        assert_eq!(error.code, code, "{request:?}: {error:?}");
        assert!(!error.hint.is_empty(), "{error:?} says what to do");
    }
    let known = transfers(&ground.cluster).await?;
    assert!(known.is_empty(), "what was refused left nothing: {known:?}");
    let done = ground.migrate(MigrateRegion { from: good.to, to: one, ..good }).await?;
    assert_eq!(done.state, ProcedureState::Completed, "already where it should be: {done:?}");
    let first = ground.migrate(good).await?;
    let busy = ground.migrate(MigrateRegion { from: one, ..good }).await.unwrap_err();
    assert_eq!(busy.code, ErrorCode::PartitionBusy);
    assert!(busy.message.contains(&first.id.to_string()), "{busy:?}");
    ground.cluster.node_mut(index(good.to))?.process.kill()?;
    ground.ended(first.id).await?;
    wait::until("the target to count as dead", ENDS_WITHIN, async || {
        let error = ground.migrate(good).await.unwrap_err();
        wait::holds(error.code == ErrorCode::NodeDead, || format!("{error:?}"))
    })
    .await?;
    ground.whole(good.from).await?;
    Ok(())
}

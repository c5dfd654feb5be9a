//! The meta server is killed before and after each step is stored, as a real process, and the migration comes to its end.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::procedure::{MigrateRegion, ProcedureState};
use common::rpc::ErrorCode;
use tests::wait;
use uuid::Uuid;

use super::{ENDS_WITHIN, Ground};
use crate::support::{restart_meta, transfers, turn};

/// Where the meta server dies: a fault point with the step that is stored there. The last step is stored a second time
/// when the procedure ends.
const DEATHS: [&str; 13] = [
    "procedure.stored=kill~queued",
    "procedure.store=kill~start",
    "procedure.stored=kill~start",
    "procedure.store=kill~catch_up",
    "procedure.stored=kill~catch_up",
    "procedure.store=kill~hand_over",
    "procedure.stored=kill~hand_over",
    "procedure.store=kill~leave",
    "procedure.stored=kill~leave",
    "procedure.store=kill~collect",
    "procedure.stored=kill~collect",
    "procedure.store=kill@2~collect",
    "procedure.stored=kill@2~collect",
];

impl Ground {
    /// Asks until the meta server takes it, or is gone.
    async fn begin(&mut self, request: MigrateRegion) -> Result<()> {
        wait::until("the request to be taken", ENDS_WITHIN, async || {
            match self.migrate(request).await {
                Err(error) if error.code == ErrorCode::NotReady => Err(error.into()),
                // Its answer may be lost with it.
                Ok(_) | Err(_) => Ok(()),
            }
        })
        .await
    }

    async fn newest(&self) -> Result<Uuid> {
        let found = wait::until("the procedure", ENDS_WITHIN, async || transfers(&self.cluster).await);
        Ok(found.await?.last().context("it was not kept")?.id)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_server_that_is_killed_at_any_step_takes_the_migration_to_its_end() -> Result<()> {
    let _turn = turn().await;
    let mut ground = Ground::new().await?;
    let mut last = ground.request(true).await?;
    for (count, death) in DEATHS.into_iter().enumerate() {
        eprintln!("{death}");
        let request = ground.request(true).await?;
        restart_meta(&mut ground.cluster, Some(death)).await?;
        ground.begin(request).await?;
        ground.cluster.meta.exited(ENDS_WITHIN).await.with_context(|| format!("{death} is never reached"))?;
        restart_meta(&mut ground.cluster, None).await?;
        let info = ground.ended(ground.newest().await?).await.with_context(|| death.to_owned())?;
        assert_eq!((info.state, info.error.as_ref()), (ProcedureState::Completed, None), "{death}: {info:?}");
        let known = transfers(&ground.cluster).await?;
        assert_eq!(known.len(), count + 1, "each was accepted once and is kept");
        ground.arrived(&request).await.with_context(|| death.to_owned())?;
        ground.workload.progress(100, Duration::from_secs(30)).await?;
        last = request;
    }
    let report = ground.whole(last.to).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

//! What must hold once everything is healed.

use std::time::Duration;

use anyhow::Result;
use common::procedure::ProcedureFilter;
use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::clients::{Access, COLD, HOT};
use super::redis_caller::COUNTERS;
use super::trial::TABLE;
use crate::cluster::Cluster;
use crate::equal::same_everywhere;
use crate::history::{Recorded, check};
use crate::wait;

/// From the end of all faults until everything is whole and every job is over.
const WHOLE_WITHIN: Duration = Duration::from_secs(90);
const READ_WITHIN: Duration = Duration::from_secs(30);
const READS_AT_ONCE: usize = 32;
/// Keys that are written at the end: so many that every partition has some of them.
const WRITTEN: usize = 100;
/// Number of the client that looks at the end.
const LAST_CLIENT: usize = 99;

/// Seconds until everything was whole, and all that is wrong.
pub(super) async fn judge(cluster: &mut Cluster, access: &Access, healed_at: Instant) -> (Option<f64>, Vec<String>) {
    let mut failures = vec![];
    let healed_s = match whole(cluster).await {
        Ok(()) => Some(healed_at.elapsed().as_secs_f64()),
        Err(error) => {
            failures.push(format!("not whole: {error:#}"));
            None
        }
    };
    let table = access.open(LAST_CLIENT);
    failures.extend(served(&table).await.err().map(|error| format!("not served: {error:#}")));
    failures.extend(counted(access).await.err().map(|error| format!("not served to Redis clients: {error:#}")));
    if healed_s.is_some() {
        failures.extend(same_everywhere(cluster, TABLE).await.err().map(|error| format!("not equal: {error:#}")));
    }
    if let Err(violations) = check(&access.recorder.operations()) {
        failures.extend(violations.iter().map(|violation| format!("not linearizable: {violation}")));
    }
    failures.extend(upset(cluster));
    (healed_s, failures)
}

/// All members there, and no job or procedure under way.
async fn whole(cluster: &Cluster) -> Result<()> {
    wait::until("everything whole", WHOLE_WITHIN, async || {
        cluster.is_healthy(TABLE).await?;
        for server in &cluster.nodes {
            let running: Vec<_> = server.jobs().await?.into_iter().filter(|job| job.is_running()).collect();
            wait::holds(running.is_empty(), || format!("jobs on {}: {running:?}", server.address))?;
        }
        let all = ProcedureFilter::default();
        let procedures = cluster.ask(async move |meta, deadline| meta.procedures(deadline, all).await).await?;
        let running: Vec<_> = procedures.into_iter().filter(|procedure| !procedure.state.has_ended()).collect();
        wait::holds(running.is_empty(), || format!("procedures: {running:?}"))
    })
    .await
}

/// Every key can be read, and all partitions can be written. What is read goes into the record: whatever was
/// acknowledged must be there.
async fn served(table: &Recorded) -> Result<()> {
    let read = |key| async move {
        wait::until("a read", READ_WITHIN, async || Ok(table.get(key).await?)).await?;
        if key < WRITTEN {
            wait::until("a write", READ_WITHIN, async || Ok(table.put(key).await?)).await?;
        }
        anyhow::Ok(())
    };
    let results: Vec<Result<()>> =
        stream::iter(HOT.start..COLD.end).map(read).buffer_unordered(READS_AT_ONCE).collect().await;
    results.into_iter().collect()
}

/// Every counter can be read and moved by a Redis client; what it says goes into the record.
async fn counted(access: &Access) -> Result<()> {
    let mut redis = access.open_redis(LAST_CLIENT);
    for key in COUNTERS {
        wait::until("a read of a counter", READ_WITHIN, async || Ok(redis.count(key).await?)).await?;
        wait::until("an increment", READ_WITHIN, async || Ok(redis.increment(key).await?)).await?;
    }
    Ok(())
}

/// Processes that ended, and invariants that were broken.
fn upset(cluster: &mut Cluster) -> Vec<String> {
    let mut found = vec![];
    let nodes = cluster.nodes.iter_mut().map(|server| &mut server.process);
    for process in nodes.chain([&mut cluster.meta]) {
        let path = process.log_path().display().to_string();
        if !process.is_running().unwrap_or(false) {
            found.push(format!("the process of {path} is gone"));
        }
        let log = process.log().unwrap_or_default();
        found.extend(log.lines().filter(|line| line.contains("panicked at")).map(|line| format!("{path}: {line}")));
    }
    found
}

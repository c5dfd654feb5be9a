//! A node that comes and goes: it is told of, it gets its copies back only once it stays, and then it is as good as any.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::alarm::{AlarmKind, AlarmSubject};
use common::types::ReplicaStatus;
use serde_json::json;
use tests::api::Api;
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Workload};
use tests::{cli, wait};
use tokio::time::Instant;

use crate::support::{Place, TABLE, metric, pick, same_everywhere, store, turn};

const WITHIN: Duration = Duration::from_secs(60);
const STEADY_AFTER: Duration = Duration::from_secs(12);
const COMEBACKS: usize = 3;

/// The partition goes on without the node's copy, or has it again.
async fn holds(cluster: &Cluster, place: &Place, wanted: bool) -> Result<()> {
    wait::until("the node's copy to leave or to come back", WITHIN, async || {
        let config = cluster.config(TABLE, place.gpid).await?;
        wait::holds(config.copy_on(place.peer).is_some() == wanted, || format!("{config:?}"))
    })
    .await
}

async fn is_told_of(cluster: &Cluster, place: &Place) -> Result<bool> {
    let alarms = cluster.info().await?.alarms;
    Ok(alarms.iter().any(|a| (a.kind, a.subject) == (AlarmKind::NodeUnsteady, AlarmSubject::Node(place.peer))))
}

/// Every way in which the alarm reaches an operator.
fn is_told_of_everywhere(cluster: &Cluster, place: &Place) -> Result<()> {
    let address = &cluster.node(place.node)?.address;
    let info = cli::run(cluster, &["--json", "cluster-info"])?.json()?;
    let alarm = &info["alarms"][0];
    assert_eq!(
        (&alarm["kind"], &alarm["node"], &alarm["count"]),
        (&json!("node_unsteady"), &json!(address), &json!(3))
    );
    let text = cli::run(cluster, &["cluster-info"])?.stdout;
    assert!(text.contains("node_unsteady since ") && text.contains("hint: "), "{text}");
    let (status, found) = Api::new(&cluster.meta_http)?.get("/admin/alarms")?;
    assert_eq!((status, &found["total"], &found["alarms"][0]["node"]["addr"]), (200, &json!(1), &json!(address)));
    Ok(())
}

/// The metric, and the lines of the log that begin and end the alarm: both are of the meta server's next round, not of
/// the moment in which it is asked.
async fn is_counted(cluster: &Cluster, standing: f64, begun_and_ended: (usize, usize)) -> Result<()> {
    wait::until("the metric and the lines of the alarm", WITHIN, async || {
        let shown = metric(&cluster.meta_http, &["godwit_meta_alarms{", "\"node_unsteady\""])?;
        let lines = lines(cluster)?;
        wait::holds((shown, lines) == (standing, begun_and_ended), || format!("{shown} stand, lines {lines:?}"))
    })
    .await
}

/// Lines of the meta server's log that begin or end the alarm.
fn lines(cluster: &Cluster) -> Result<(usize, usize)> {
    let log = cluster.meta.log()?;
    let count =
        |level: &str, part: &str| log.lines().filter(|line| line.contains(level) && line.contains(part)).count();
    Ok((count("WARN", "came back 3 times"), count("INFO", "the alarm is over")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_three_times_gets_its_copy_back_once_it_stays() -> Result<()> {
    let _turn = turn().await;
    let steady_after = format!("{}s", STEADY_AFTER.as_secs());
    let meta_settings = vec![("replica_lost_delay", "10m".to_owned()), ("node_steady_after", steady_after)];
    let mut cluster = Cluster::start_with(Options { meta_settings, ..Options::default() }).await?;
    cluster.create(TABLE, 1, 3).await?;
    let workload = Workload::start(store(&cluster), workload::Options::default());
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let mut started = Instant::now();
    for comeback in 1..=COMEBACKS {
        workload.progress(100, WITHIN).await?;
        cluster.node_mut(place.node)?.process.kill()?;
        holds(&cluster, &place, false).await?;
        assert!(!is_told_of(&cluster, &place).await?, "{comeback} comebacks are forgiven");
        started = Instant::now();
        cluster.node_mut(place.node)?.process.start()?;
        if comeback < COMEBACKS {
            cluster.healthy(TABLE).await?;
        }
    }
    cluster.all_alive().await?;
    wait::until("the alarm", WITHIN, async || {
        wait::holds(is_told_of(&cluster, &place).await?, || "nothing is told of the node".to_owned())
    })
    .await?;
    is_told_of_everywhere(&cluster, &place)?;
    is_counted(&cluster, 1.0, (1, 0)).await?;
    wait::until("the end of the alarm", WITHIN, async || {
        // In this order: what the alarm covers was so before it was looked at.
        let held = cluster.config(TABLE, place.gpid).await?.copy_on(place.peer).is_some();
        let told = is_told_of(&cluster, &place).await?;
        assert!(!(held && told), "it has a copy although it is not trusted");
        wait::holds(!told, || "it stands".to_owned())
    })
    .await?;
    holds(&cluster, &place, true).await.context("now it is trusted")?;
    assert!(started.elapsed() >= STEADY_AFTER, "{:?} are too short", started.elapsed());
    cluster.healthy(TABLE).await?;
    is_counted(&cluster, 0.0, (1, 1)).await.context("one line at the beginning, one at the end")?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}

//! `disk-balance` over real processes: what it plans is what comes about, and nothing is lost on the way.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::JobOutcome;
use common::rpc::node_admin::DiskMigrate;
use common::types::Gpid;
use serde_json::Value;
use tests::cluster::{Cluster, Options};
use tests::disks::SmallDisk;
use tests::workload::{self, Bulk, Workload};
use tests::{cli, disks, wait};

use crate::support::{TABLE, ended, same_everywhere, store, turn};

fn ask(cluster: &Cluster, args: &[&str]) -> Result<Value> {
    cli::run(cluster, &[args, &["--json"]].concat())?.json().with_context(|| format!("{args:?}"))
}

/// Everything that node 0 has goes to one of its disks.
async fn skew(cluster: &Cluster, to: &str) -> Result<()> {
    let server = cluster.node(0)?;
    for disk in server.disks().await?.into_iter().filter(|disk| disk.disk != to) {
        for replica in disk.replicas {
            let (gpid, source, target) = (replica.gpid, disk.disk.clone(), to.to_owned());
            let request =
                DiskMigrate { gpid, source, target, demote: true, purge_origin: true, ..DiskMigrate::default() };
            let job = server.disk_migrate(request).await?;
            let job = ended(cluster, 0, job.id).await?;
            assert_eq!((job.outcome, job.last_error), (JobOutcome::Completed, None));
        }
    }
    cluster.healthy(TABLE).await?;
    Ok(())
}

/// Replicas per disk of node 0, in order of tag.
async fn counts(cluster: &Cluster) -> Result<Vec<usize>> {
    Ok(cluster.node(0)?.disks().await?.iter().map(|disk| disk.replicas.len()).collect())
}

fn numbers(plan: &Value, key: &str) -> Vec<usize> {
    let disks = plan["disks"].as_array().into_iter().flatten();
    disks.filter_map(|disk| usize::try_from(disk[key].as_u64()?).ok()).collect()
}

fn moves(plan: &Value) -> Vec<&Value> {
    plan["moves"].as_array().into_iter().flatten().collect()
}

/// Every replica that the plan moved is made primary, every acknowledged key is read, and all members are equal.
async fn read_what_moved(cluster: &Cluster, plan: &Value, workload: Workload) -> Result<()> {
    let peer = cluster.peer_of(0).await?;
    for work in moves(plan) {
        let gpid: Gpid = work["gpid"].as_str().context("a gpid")?.parse()?;
        let target = work["target"].as_str().context("a target")?;
        assert_eq!(disks::holding(cluster.node(0)?, &disks::live(gpid)), [target]);
        if cluster.config(TABLE, gpid).await?.primary.map(|primary| primary.peer) != Some(peer) {
            cluster.propose(TABLE, gpid, peer).await?;
        }
    }
    workload.finish().await?;
    let verified = ask(cluster, &["verify", "-t", TABLE])?;
    assert!(verified["partitions"].as_array().is_some_and(|all| all.iter().all(|p| p["consistent"] == true)));
    same_everywhere(cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skewed_node_becomes_even_as_planned_while_it_is_written() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 8, 3).await?;
    let workload = Workload::start(store(&cluster), workload::Options::default());
    workload.progress(1000, Duration::from_secs(20)).await?;
    skew(&cluster, "disk1").await?;
    assert_eq!(counts(&cluster).await?, [8, 0]);
    let count = ["disk-balance", "-n", "0", "--by", "count"];

    let planned = ask(&cluster, &[&count[..], &["--plan"]].concat())?;
    let plan = &planned["plans"][0];
    assert_eq!((moves(plan).len(), &planned["executed"]), (4, &Value::Bool(false)));
    assert_eq!((numbers(plan, "replicas_before"), numbers(plan, "replicas_after")), (vec![8, 0], vec![4, 4]));
    assert!(moves(plan).iter().all(|work| work["reason"].as_str().is_some_and(|text| text.contains("disk1"))));
    assert!(plan["expected_ms"].as_u64().is_some_and(|ms| ms > 0));
    assert_eq!(counts(&cluster).await?, [8, 0], "a plan changes nothing");

    let done = ask(&cluster, &[&count[..], &["--execute", "--wait"]].concat())?;
    let jobs = done["jobs"].as_array().context("jobs")?;
    assert!(jobs.len() == 4 && jobs.iter().all(|job| job["outcome"] == "completed"), "{jobs:?}");
    assert_eq!(counts(&cluster).await?, numbers(&done["plans"][0], "replicas_after"));
    cluster.healthy(TABLE).await?;
    let again = ask(&cluster, &[&count[..], &["--plan"]].concat())?;
    assert!(moves(&again["plans"][0]).is_empty(), "what is even stays so: {again}");
    read_what_moved(&cluster, &done["plans"][0], workload).await
}

#[tokio::test(flavor = "multi_thread")]
async fn used_shares_become_even() -> Result<()> {
    let _turn = turn().await;
    if !SmallDisk::possible() {
        eprintln!("passed over: mounting a tmpfs needs root");
        return Ok(());
    }
    let mounts = [tempfile::tempdir()?, tempfile::tempdir()?];
    let small: Vec<_> = mounts.iter().map(|dir| SmallDisk::mount(dir.path(), 2048)).collect::<Result<_>>()?;
    let places = mounts.iter().enumerate().map(|(disk, dir)| (0, disk, dir.path().join("data"))).collect();
    // Logs take room too; so short that the replicas decide.
    let short = [("log.segment", "4MiB"), ("log.held_max", "16MiB"), ("log.keep", "1s")];
    let settings = short.map(|(key, value)| (key, value.to_owned())).to_vec();
    let mut cluster = Cluster::start_with(Options { places, settings, ..Options::default() }).await?;
    cluster.create(TABLE, 4, 3).await?;
    let rows = Bulk { rows: 6000, value_bytes: 20_000 };
    wait::until("rows", Duration::from_secs(60), async || rows.write(&store(&cluster)).await).await?;
    let mut workload = Workload::start(store(&cluster), workload::Options::default());
    workload.progress(500, Duration::from_secs(60)).await?;
    workload.pause().await;
    skew(&cluster, "disk1").await?;
    ask(&cluster, &["flush", "-t", TABLE])?;
    // Used is what the file system says: the log of a disk that its replicas have left goes a little later than they.
    wait::until("a gap between the disks", Duration::from_secs(60), async || {
        let used: Vec<_> =
            cluster.node(0)?.disks().await?.iter().map(|d| d.capacity_bytes - d.available_bytes).collect();
        wait::holds(used[0] > used[1] + (60 << 20), || format!("{used:?} bytes are used"))
    })
    .await?;

    let done = ask(&cluster, &["disk-balance", "-n", "0", "--execute", "--wait"])?;
    let plan = &done["plans"][0];
    let gap = |plan: &Value, key: &str| plan[key].as_f64().unwrap_or(f64::NAN);
    assert!(!moves(plan).is_empty() && gap(plan, "gap_after") < gap(plan, "gap_before"), "{plan}");
    assert_eq!(counts(&cluster).await?, numbers(plan, "replicas_after"));
    read_what_moved(&cluster, plan, workload).await?;
    cluster.nodes.clear();
    drop(small);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_down_has_no_plan_and_a_wrong_line_is_refused() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    cluster.create(TABLE, 2, 3).await?;
    let unknown = cli::run(&cluster, &["--json", "disk-balance", "-n", "7", "--plan"])?;
    assert_eq!((unknown.code, unknown.error()?["code"].as_str()), (1, Some("UNKNOWN_NODE")));
    let neither = cli::run(&cluster, &["--json", "disk-balance"])?;
    assert_eq!((neither.code, neither.error()?["code"].as_str()), (2, Some("INVALID_ARGUMENT")));
    let all = ask(&cluster, &["disk-balance", "--all"])?;
    assert_eq!(all["plans"].as_array().map(Vec::len), Some(3));
    cluster.node_mut(2)?.process.kill()?;
    cluster.alive(2).await?;
    let ran = cli::run(&cluster, &["--json", "disk-balance", "--all"])?;
    let document: Value = serde_json::from_str(&ran.stdout)?;
    assert_eq!((ran.code, document["plans"].as_array().map(Vec::len)), (1, Some(2)));
    assert_eq!(document["unasked"][0]["error"]["code"], "UNREACHABLE");
    Ok(())
}

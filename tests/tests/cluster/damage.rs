//! Damage on disk: the background scrub finds it, and the replica is made anew from the others.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options};
use tests::wait;
use tests::workload::{self, Workload};
use tests::{cli, disks};

use crate::support::{Place, TABLE, metric, pick, same_everywhere, store, turn};

const WITHIN: Duration = Duration::from_secs(60);

async fn loaded(replicas: u32) -> Result<(Cluster, Workload)> {
    let settings = vec![("disk.scrub_every", "1s".to_owned())];
    let cluster = Cluster::start_with(Options { settings, ..Options::default() }).await?;
    cluster.create(TABLE, 1, replicas).await?;
    let load = workload::Options { value_bytes: 1000, ..workload::Options::default() };
    let mut workload = Workload::start(store(&cluster), load);
    workload.progress(3000, WITHIN).await?;
    workload.pause().await;
    assert_eq!(cli::run(&cluster, &["flush", "-t", TABLE])?.code, 0);
    Ok((cluster, workload))
}

fn disk_path(cluster: &Cluster, place: &Place) -> Result<PathBuf> {
    let disks = &cluster.node(place.node)?.disks;
    disks.iter().find(|(tag, _)| *tag == place.disk).map(|(_, path)| path.clone()).context("no such disk")
}

/// A replica's directory by its descriptor: it stays this one when it is set aside and another gets its name.
struct Victim(fs::File);

impl Victim {
    fn open(live: &Path) -> Result<Self> {
        Ok(Self(fs::File::open(live)?))
    }

    /// Writes nonsense into the middle of each table file; returns how many there are.
    fn damage(&self) -> Result<usize> {
        let replica = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        let mut damaged = 0;
        for entry in fs::read_dir(replica.join("rdb"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "sst") {
                damaged += usize::from(spoil(&path)?);
            }
        }
        Ok(damaged)
    }
}

/// In place, as a disk does it: the server has the file open. A compaction may just have removed it.
fn spoil(path: &Path) -> Result<bool> {
    match fs::OpenOptions::new().write(true).open(path) {
        Ok(file) => file.write_all_at(&[0xa5; 64], file.metadata()?.len() / 3)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

fn found(cluster: &Cluster, place: &Place) -> Result<f64> {
    metric(&cluster.node(place.node)?.http, &["replicas_damaged_total"])
}

/// A compaction may have taken the damaged files away, so what is there is damaged until the scrub finds it.
async fn wait_found(cluster: &Cluster, place: &Place, victim: &Victim) -> Result<()> {
    wait::until("the scrub to find it", WITHIN, async || {
        let found = found(cluster, place)?;
        if found < 1.0 {
            victim.damage()?;
        }
        wait::holds(found >= 1.0, || format!("found {found}"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_secondary_is_found_set_aside_and_learned_anew() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(3).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let disk = disk_path(&cluster, &place)?;
    let victim = Victim::open(&disk.join(disks::live(place.gpid)))?;
    assert!(victim.damage()? > 0, "nothing was flushed");
    wait_found(&cluster, &place, &victim).await?;
    let aside = format!("{}.err.", disks::live(place.gpid));
    wait::until("the damaged directory set aside", WITHIN, async || {
        let names = fs::read_dir(&disk)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names.collect::<Result<_>>()?;
        wait::holds(names.iter().any(|name| name.starts_with(&aside)), || format!("{names:?}"))
    })
    .await?;
    wait::until("the cured copy as primary", WITHIN, async || {
        cluster.is_healthy(TABLE).await?;
        cluster.propose(TABLE, place.gpid, place.peer).await
    })
    .await?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_replica_is_found_damaged_and_kept() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(1).await?;
    let place = pick(&cluster, ReplicaStatus::Primary).await?;
    let live = disk_path(&cluster, &place)?.join(disks::live(place.gpid));
    let victim = Victim::open(&live)?;
    assert!(victim.damage()? > 0, "nothing was flushed");
    wait_found(&cluster, &place, &victim).await?;
    // Another turn of the scrub does not change that.
    let before = found(&cluster, &place)?;
    wait::until("the next turn", WITHIN, async || {
        let now = found(&cluster, &place)?;
        wait::holds(now > before, || format!("{now}"))
    })
    .await?;
    let config = cluster.config(TABLE, place.gpid).await?;
    assert_eq!(config.primary.map(|primary| primary.peer), Some(place.peer), "there is no other copy to go on with");
    assert!(live.is_dir());
    drop(workload);
    Ok(())
}

//! The power of a node's disks is cut at random moments of a move (needs root; elsewhere these tests say so and pass).

use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tests::cluster::Options;
use tests::loop_disk::LoopDisk;

use super::trial::{Trial, WITHIN};
use crate::support::share;

const CUTS: u64 = 8;
/// A move at this rate takes some seconds, so that moments of all states are among those drawn.
const RATE: u64 = 4 << 20;
const MOMENT_MS_MAX: u64 = 4000;

/// Both disks of the first node, its home on the first of them.
fn options(disks: &[LoopDisk; 2]) -> Options {
    let data = |disk: &LoopDisk| disk.path().join("data");
    let places = disks.iter().enumerate().map(|(index, disk)| (0, index, data(disk))).collect();
    Options { places, homes: vec![(0, disks[0].path().join("home"))], ..Options::default() }
}

async fn cut_once(trial: &mut Trial, disks: &[LoopDisk; 2], moment: Duration, rate: Option<u64>) -> Result<()> {
    let mut request = trial.place.request();
    request.max_rate_bytes_per_s = rate;
    let job = trial.begin_as(request).await?;
    tokio::time::sleep(moment).await;
    for disk in disks {
        disk.cut_power()?;
    }
    trial.cluster.node_mut(0)?.process.kill()?;
    for disk in disks {
        disk.power_on()?;
    }
    trial.workload.progress(50, WITHIN).await?;
    trial.start_node(None)?;
    trial.whole(Some(job.id)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_moment_of_a_move_loses_nothing() -> Result<()> {
    let _share = share().await;
    if !LoopDisk::possible() {
        eprintln!("passed over: mounting a disk needs root");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let make = |name: &str| LoopDisk::make(&dir.path().join(format!("{name}.img")), &dir.path().join(name), 1024);
    let disks = [make("one")?, make("two")?];
    let mut trial = Trial::start_with(options(&disks)).await?;
    for seed in 0..CUTS {
        let mut random = SmallRng::seed_from_u64(seed);
        // Half of the moments fall into a slow copy, half around the window of a fast one.
        let (rate, most) = if seed % 2 == 0 { (Some(RATE), MOMENT_MS_MAX) } else { (None, MOMENT_MS_MAX / 8) };
        let moment = Duration::from_millis(random.random_range(0..most));
        eprintln!("cut {seed} after {moment:?}");
        cut_once(&mut trial, &disks, moment, rate).await.with_context(|| format!("cut {seed} after {moment:?}"))?;
    }
    trial.workload.pause().await;
    trial.cluster.nodes.clear();
    Ok(())
}

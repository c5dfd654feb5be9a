//! A move without a limit against `cp --reflink=never` and fsync of the same files, cold, in turn.
//!
//! What counts is the job's own time from MOVING to MOVED: checkpoints, rounds, manifests and verification included.
//! Beside it stands what the copy alone takes, up to the last fsync and up to the last byte read back, and what cp and
//! fsync take if the copies are then read back from the disk, as the move does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use common::fs::{CopyContext, CopyError, CopyReport, FileCopy, Throttle, copy_files};
use common::job::JobState;
use common::shutdown::Stop;
use rustix::fs::{Advice, fadvise};
use tokio::time::Instant;

use super::ground::Ground;
use super::moves::{Place, between};
use super::{Scale, rate};
use crate::report::{Verdict, median, say};

/// Throughput of a move to that of cp.
const GOAL: f64 = 0.95;

/// Throughputs in MiB/s.
#[derive(Clone, Copy, Debug)]
struct Run {
    moving: f64,
    cp: f64,
    /// The same, and the copies read back from the disk.
    checked: f64,
    copy: f64,
    verified: f64,
    whole: f64,
}

/// Measures; prints the table.
///
/// # Errors
/// A move fails.
pub(crate) async fn measure(ground: &Ground, scale: &Scale) -> Result<Vec<Verdict>> {
    say("\n#### Copying: a move without a limit against `cp --reflink=never` and fsync of the same files, MiB/s\n");
    say(
        "| run | the job, MOVING to MOVED | cp and fsync | ratio | cp, fsync, read back | ratio | the copy alone | its reading back | both |",
    );
    say("|----:|----:|----:|----:|----:|----:|----:|----:|----:|");
    let loaded = ground.middle()?;
    let mut place = ground.secondary(loaded).await?;
    let mut runs = Vec::new();
    for number in 1..=scale.runs {
        let run = one(ground, &mut place).await?;
        say(&format!(
            "| {number} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2} | {:.0} | {:.0} | {:.0} |",
            run.moving,
            run.cp,
            run.moving / run.cp,
            run.checked,
            run.moving / run.checked,
            run.copy,
            run.verified,
            run.whole
        ));
        runs.push(run);
    }
    let of = |figure: fn(&Run) -> f64| median(&runs.iter().map(figure).collect::<Vec<_>>());
    let (job, alone) = (of(|run| run.moving / run.cp), of(|run| run.copy / run.cp));
    let checked = of(|run| run.moving / run.checked);
    Ok(vec![
        Verdict::at_least("throughput of MOVING to that of cp and fsync", job, GOAL),
        Verdict::at_least("the same, to that of cp, fsync and reading back", checked, GOAL),
        Verdict::at_least("the same, the copy alone up to its last fsync", alone, GOAL),
    ])
}

async fn one(ground: &Ground, place: &mut Place) -> Result<Run> {
    let loaded = ground.middle()?;
    let dir = ground.dir(place)?.join("rdb");
    let files = files_of(&dir)?;
    let bytes = files.iter().map(|file| file.1).sum();
    let aside = dir.ancestors().nth(2).context("no disk")?.join("bench-copy");
    std::fs::create_dir_all(&aside)?;
    let (copies, into) = (files.clone(), aside.clone());
    let (cp, back, report) = tokio::task::spawn_blocking(move || -> Result<(f64, f64, CopyReport)> {
        chill(&copies)?;
        let cp = cp(&copies, &into)?;
        let back = read_back(&into)?;
        clear(&into)?;
        chill(&copies)?;
        let report = alone(&copies, &into)?;
        clear(&into)?;
        chill(&copies)?;
        Ok((cp, back, report))
    })
    .await??;
    std::fs::remove_dir(&aside)?;
    let id = ground.begin(place, 0).await?;
    let job = ground.ended(loaded, place, id, None).await?;
    let moving = between(&job, JobState::Moving, JobState::Moved).context("it was never MOVING")?;
    Ok(Run {
        moving: rate(job.bytes_done, moving as f64 / 1000.0),
        cp: rate(bytes, cp),
        checked: rate(bytes, cp + back),
        copy: rate(bytes, report.copied.as_secs_f64()),
        verified: rate(report.verified.bytes, report.verified.time.as_secs_f64()),
        whole: rate(bytes, report.whole.as_secs_f64()),
    })
}

/// The table files of a replica, with their sizes. Nothing writes, so they stay.
fn files_of(dir: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "sst") {
            files.push((entry.path(), entry.metadata()?.len()));
        }
    }
    files.sort();
    Ok(files)
}

/// Takes the files out of the page cache, and lets what is dirty go to the disk first.
fn chill(files: &[(PathBuf, u64)]) -> Result<()> {
    for (path, _) in files {
        let file = File::open(path)?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// Seconds that cp takes, with fsync of every copy and of the directory.
fn cp(files: &[(PathBuf, u64)], into: &Path) -> Result<f64> {
    let began = Instant::now();
    let mut command = Command::new("cp");
    let status = command.arg("--reflink=never").args(files.iter().map(|file| &file.0)).arg(into).status()?;
    if !status.success() {
        bail!("cp failed");
    }
    for entry in std::fs::read_dir(into)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(into)?.sync_all()?;
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds that it takes to read everything in a directory from the disk.
fn read_back(dir: &Path) -> Result<f64> {
    let began = Instant::now();
    for entry in std::fs::read_dir(dir)? {
        let mut file = File::open(entry?.path())?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
        std::io::copy(&mut file, &mut std::io::sink())?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// The copy of a move, without the job around it.
fn alone(files: &[(PathBuf, u64)], into: &Path) -> Result<CopyReport> {
    let target = |path: &Path| into.join(path.file_name().unwrap_or_default());
    let copies: Vec<_> =
        files.iter().map(|(path, _)| FileCopy { source: path.clone(), target: target(path) }).collect();
    let (throttle, cancel) = (Throttle::unlimited(), Stop::new());
    let context = CopyContext { throttle: &throttle, cancel: &cancel, progress: &|_| () };
    Ok(copy_files(&copies, &context, |_, _| Ok::<_, CopyError>(()))?)
}

fn clear(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        std::fs::remove_file(entry?.path())?;
    }
    Ok(())
}

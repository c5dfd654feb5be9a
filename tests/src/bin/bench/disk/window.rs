//! The window from CLOSED to COMPLETED, in which the partition has a copy less: by size of the replica, under a writer.

use anyhow::{Context as _, Result};
use common::job::Job;

use super::ground::{Ground, Loaded};
use super::load::{Load, Rates};
use super::moves::Place;
use super::{Scale, size_of};
use crate::report::{Verdict, median, say};

/// Longest window, in milliseconds.
const GOAL_MS: f64 = 100.0;

/// Measures; prints the table.
///
/// # Errors
/// A move fails.
pub(crate) async fn measure(ground: &Ground, scale: &Scale) -> Result<Vec<Verdict>> {
    say(&format!("\n#### Window: CLOSED to COMPLETED under {} puts/s to the replica that moves\n", scale.window_puts));
    say("| replica | window ms | learned from | rounds copied | steps, ms |");
    say("|--------:|----------:|--------------|--------------:|-----------|");
    let mut verdicts = Vec::new();
    for loaded in &ground.loaded {
        let load = Load::start(loaded, Rates { puts: scale.window_puts, gets: scale.window_puts / 10 })?;
        let windows = moves(ground, loaded, scale.windows, &load).await;
        ground.failures.add(&load.stop().await);
        let what = format!("window of a replica of {}, ms", size_of(loaded));
        verdicts.push(Verdict::at_most(what, median(&windows?), GOAL_MS));
    }
    Ok(verdicts)
}

async fn moves(ground: &Ground, loaded: &Loaded, count: usize, load: &Load) -> Result<Vec<f64>> {
    let mut windows = Vec::new();
    let mut place = ground.secondary(loaded).await?;
    for _ in 0..count {
        let id = ground.begin(&place, 0).await?;
        let job = ground.ended(loaded, &mut place, id, Some(load)).await?;
        windows.push(job.window_ms.context("a window without a length")? as f64);
        say(&line(ground, loaded, &place, &job)?);
    }
    Ok(windows)
}

fn line(ground: &Ground, loaded: &Loaded, place: &Place, job: &Job) -> Result<String> {
    let said = ground.said(place, job.id, "window in ms")?;
    let steps = said.last().and_then(|fields| fields.get("steps")).and_then(|steps| steps.as_str()).unwrap_or("-");
    let rounds = ground.said(place, job.id, "copied and read back")?.len();
    let kind = job.learn_kind.map_or_else(|| "-".to_owned(), |kind| kind.to_string());
    let window = job.window_ms.unwrap_or_default();
    Ok(format!("| {} | {window} | {kind} | {rounds} | {steps} |", size_of(loaded)))
}

//! Latencies of puts and gets while a copy with a limit runs, against the same load without, in turn.

use std::time::Duration;

use anyhow::Result;
use common::job::JobState;
use hdrhistogram::Histogram;

use super::ground::Ground;
use super::load::{Load, Rates, Seen};
use super::moves::Place;
use super::{Scale, size_of};
use crate::report::{Verdict, median, mib, say};

/// P99 during a copy to P99 without.
const GOAL: f64 = 1.2;
const RATES: Rates = Rates { puts: 1000, gets: 2000 };
/// After a move, before anything counts.
const CALM: Duration = Duration::from_secs(2);

/// P99 of both kinds without and during a copy, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Pair {
    puts: [f64; 2],
    gets: [f64; 2],
}

/// Measures; prints the table.
///
/// # Errors
/// A move fails.
pub(crate) async fn measure(ground: &Ground, scale: &Scale) -> Result<Vec<Verdict>> {
    let (loaded, limit) = (ground.middle()?, mib(scale.foreground_rate));
    say(&format!(
        "\n#### Foreground: {} puts/s and {} gets/s while {} are copied at {limit:.0} MiB/s, P99 in ms\n",
        RATES.puts,
        RATES.gets,
        size_of(loaded)
    ));
    say("| run | puts without | puts during | ratio | gets without | gets during | ratio |");
    say("|----:|----:|----:|----:|----:|----:|----:|");
    let load = Load::start(loaded, RATES)?;
    let pairs = pairs(ground, scale, &load).await;
    ground.failures.add(&load.stop().await);
    let pairs = pairs?;
    let of = |figure: fn(&Pair) -> f64| median(&pairs.iter().map(figure).collect::<Vec<_>>());
    Ok(vec![
        Verdict::at_most("P99 of puts during a limited copy to without", of(|pair| ratio(pair.puts)), GOAL),
        Verdict::at_most("P99 of gets during a limited copy to without", of(|pair| ratio(pair.gets)), GOAL),
    ])
}

async fn pairs(ground: &Ground, scale: &Scale, load: &Load) -> Result<Vec<Pair>> {
    let mut place = ground.secondary(ground.middle()?).await?;
    let mut pairs = Vec::new();
    for number in 1..=scale.runs {
        let pair = pair(ground, scale, load, &mut place).await?;
        let [puts, gets] = [pair.puts, pair.gets]
            .map(|[without, during]| format!("{without:.2} | {during:.2} | {:.2}", ratio([without, during])));
        say(&format!("| {number} | {puts} | {gets} |"));
        pairs.push(pair);
    }
    Ok(pairs)
}

async fn pair(ground: &Ground, scale: &Scale, load: &Load, place: &mut Place) -> Result<Pair> {
    let loaded = ground.middle()?;
    tokio::time::sleep(CALM).await;
    let copy_time = Duration::from_secs_f64(loaded.bytes as f64 / scale.foreground_rate as f64);
    let without = load.watch(tokio::time::sleep(copy_time)).await?;
    let id = ground.begin(place, scale.foreground_rate).await?;
    ground.reached(place, id, JobState::Moving).await?;
    let during = load.watch(async { drop(ground.reached(place, id, JobState::Moved).await) }).await?;
    ground.ended(loaded, place, id, Some(load)).await?;
    let both = |of: fn(&Seen) -> &Histogram<u64>| [&without, &during].map(|seen| p99(of(seen)));
    Ok(Pair { puts: both(|seen| &seen.puts), gets: both(|seen| &seen.gets) })
}

fn p99(histogram: &Histogram<u64>) -> f64 {
    histogram.value_at_quantile(0.99) as f64 / 1000.0
}

fn ratio([without, during]: [f64; 2]) -> f64 {
    during / without
}

//! `bench region`: what moving a primary to another node costs, by its size, under a writer.
//!
//! A pause is what a client sees: the longest that any put of a fixed schedule waited during a move, counted from when it
//! was due. The same stretch without a move stands beside it, since a put now and then is slow anyway; and the puts that
//! waited while the region was copied are told from those that waited while its primary changed.

use std::time::Duration;

use ::tests::wait;
use anyhow::{Context as _, Result, bail};
use common::procedure::{MigrateRegion, ProcedureInfo, ProcedureState};
use common::types::PeerId;

use crate::disk::ground::{Ground, Loaded};
use crate::disk::load::{Load, Rates, Seen};
use crate::disk::moves::remove_leftovers;
use crate::disk::{rate, size_of};
use crate::figures::machine;
use crate::report::{Verdict, median, say, summary};

const NODES: usize = 4;
const MOVE_WITHIN: Duration = Duration::from_secs(600);
/// Puts per second to the region that moves.
const PUTS: u64 = 1000;
/// The longest pause of writes at P99, in milliseconds.
const GOAL_MS: f64 = 50.0;

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Small sizes and few moves: shows that everything works, not what it costs
    #[arg(long)]
    pub(crate) quick: bool,

    /// Sizes of the regions, in MB
    #[arg(long, value_delimiter = ',', default_value = "100,1000,4000")]
    pub(crate) sizes: Vec<u64>,

    /// Moves of each
    #[arg(long, default_value_t = 10)]
    pub(crate) moves: usize,

    /// What a node fetches at most per second (`learn.max_rate` and `migrate.max_rate`), such as 50MiB; 0: no limit; without it as
    /// by default
    #[arg(long)]
    pub(crate) max_rate: Option<String>,
}

/// How often regions of which sizes, in bytes, are moved.
struct Scale {
    sizes: Vec<u64>,
    moves: usize,
}

impl Scale {
    fn of(options: &Options) -> Self {
        let (sizes, moves) = if options.quick { (&[20, 50, 100][..], 4) } else { (&options.sizes[..], options.moves) };
        Self { sizes: sizes.iter().map(|mb| mb * 1_000_000).collect(), moves }
    }
}

/// One move.
struct Moved {
    seconds: f64,
    bytes: u64,
    copy_seconds: f64,
    /// From just before the hand-over was asked for until the new primary served, as the meta server saw it.
    handed_over_ms: Option<f64>,
    client_ms: f64,
    /// The longest of the puts that were under way between the first step after the copying and the end.
    change_ms: f64,
    idle_ms: f64,
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seconds, client_ms, change_ms, idle_ms, .. } = self;
        write!(
            f,
            "{seconds:.1} s, longest put {client_ms:.0} ms, from the hand-over on {change_ms:.0}, idle {idle_ms:.0}"
        )
    }
}

/// Measures; prints Markdown.
///
/// # Errors
/// A cluster does not start, a move fails, or a read was wrong.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let scale = Scale::of(options);
    say(&machine(&std::env::temp_dir())?);
    if options.quick {
        say("Small sizes and few moves (--quick): not to be compared with anything.");
    }
    let limits = ["learn.max_rate", "migrate.max_rate"];
    let settings = options.max_rate.iter().flat_map(|rate| limits.map(|limit| (limit, rate.clone()))).collect();
    let ground = Ground::start(NODES, &scale.sizes, settings).await?;
    let (count, rate) = (scale.moves, options.max_rate.as_deref().unwrap_or("as by default"));
    say(&format!(
        "\n#### Moves of a primary to another node under {PUTS} puts/s, {count} of each size, limit {rate}\n"
    ));
    say("Pauses in ms: P50, P99, longest. \"Idle\" is the longest put in as long a time without a move.\n");
    say(
        "| region | fetched MiB | took s | copy MiB/s | client pause | of it, from the hand-over on | idle | meta server saw |",
    );
    say(
        "|-------:|------------:|-------:|-----------:|-------------:|----------------------------:|-----:|----------------:|",
    );
    let mut verdicts = Vec::new();
    for loaded in &ground.loaded {
        let load = Load::start(loaded, Rates { puts: PUTS, gets: PUTS / 10 })?;
        let moves = moves(&ground, loaded, scale.moves, &load).await;
        ground.failures.add(&load.stop().await);
        let moves = moves?;
        say(&line(loaded, &moves));
        let pauses: Vec<f64> = moves.iter().map(|one| one.client_ms).collect();
        let changes: Vec<f64> = moves.iter().map(|one| one.change_ms).collect();
        for (what, values) in [("longest put while it moved", pauses), ("pause of the hand-over", changes)] {
            let what = format!("{what}, {}, ms at P99", size_of(loaded));
            verdicts.push(Verdict::at_most(what, at(&values, 0.99), GOAL_MS));
        }
    }
    verdicts.push(ground.finish().await?);
    summary(&verdicts);
    Ok(())
}

/// To whichever node holds nothing, again and again.
async fn moves(ground: &Ground, loaded: &Loaded, count: usize, load: &Load) -> Result<Vec<Moved>> {
    let mut moves = Vec::new();
    for number in 1..=count {
        let moved = one(ground, loaded, load).await?;
        eprintln!("move {number} of {count}: {moved}");
        moves.push(moved);
    }
    Ok(moves)
}

async fn one(ground: &Ground, loaded: &Loaded, load: &Load) -> Result<Moved> {
    let request = request(ground, loaded).await?;
    let mut outcome = None;
    let seen = load.watch(async { outcome = Some(ended(ground, request).await) }).await?;
    let info = outcome.context("the move was not waited for")??;
    let took = Duration::from_millis(info.finished_at_ms.unwrap_or_default().saturating_sub(info.queued_at_ms));
    let idle = load.watch(tokio::time::sleep(took)).await?;
    load.check().await?;
    ground.cluster.healthy(&loaded.table).await?;
    let source = ground.cluster.node(usize::try_from(request.from.0)?)?;
    for (_, disk) in &source.disks {
        remove_leftovers(&disk.join(::tests::disks::origin(loaded.gpid)))?;
    }
    Ok(Moved {
        seconds: took.as_secs_f64(),
        bytes: info.bytes_done,
        copy_seconds: catching_up(&info).as_secs_f64(),
        handed_over_ms: info.write_pause_ms.map(|ms| ms as f64),
        client_ms: longest_ms(&seen),
        change_ms: longest_since(&seen, step_began(&info, "hand_over").unwrap_or(u64::MAX)),
        idle_ms: longest_ms(&idle),
    })
}

async fn request(ground: &Ground, loaded: &Loaded) -> Result<MigrateRegion> {
    let config = ground.cluster.config(&loaded.table, loaded.gpid).await?;
    let free = |peer: &PeerId| config.copy_on(*peer).is_none();
    let to = (0..NODES as u64).map(PeerId).find(free).context("every node holds a copy")?;
    let from = config.primary.context("no primary")?.peer;
    let replay_timeout_ms = u64::try_from(MOVE_WITHIN.as_millis())?;
    Ok(MigrateRegion { gpid: loaded.gpid, from, to, replay_timeout_ms })
}

async fn ended(ground: &Ground, request: MigrateRegion) -> Result<ProcedureInfo> {
    let cluster = &ground.cluster;
    let id = cluster.ask(async move |meta, deadline| meta.migrate_region(deadline, request).await).await?.id;
    let info = wait::until("the end of the move", MOVE_WITHIN, async || {
        let info = cluster.ask(async move |meta, deadline| meta.procedure(deadline, id).await).await?;
        wait::holds(info.state.has_ended(), || info.step.clone())?;
        Ok(info)
    });
    let info = info.await?;
    if info.state == ProcedureState::Completed { Ok(info) } else { bail!("the move failed: {info:?}") }
}

fn catching_up(info: &ProcedureInfo) -> Duration {
    let began = |step| step_began(info, step).unwrap_or_default();
    Duration::from_millis(began("hand_over").saturating_sub(began("catch_up")))
}

fn step_began(info: &ProcedureInfo, name: &str) -> Option<u64> {
    info.history.iter().find(|step| step.step == name).map(|step| step.at_ms)
}

fn longest_since(seen: &Seen, ms: u64) -> f64 {
    let later = seen.slow_puts.iter().filter(|put| put.answered_ms >= ms);
    later.map(|put| put.answered_ms - put.due_ms).max().unwrap_or_default() as f64
}

fn longest_ms(seen: &Seen) -> f64 {
    seen.puts.max() as f64 / 1000.0
}

/// The value below which so many of all are, at least.
fn at(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize - 1;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

fn line(loaded: &Loaded, moves: &[Moved]) -> String {
    let of = |figure: fn(&Moved) -> f64| moves.iter().map(figure).collect::<Vec<_>>();
    let three = |values: &[f64]| format!("{:.1}, {:.1}, {:.1}", at(values, 0.5), at(values, 0.99), at(values, 1.0));
    let handed: Vec<f64> = moves.iter().filter_map(|one| one.handed_over_ms).collect();
    format!(
        "| {} | {:.0} | {:.1} | {:.0} | {} | {} | {} | {} |",
        size_of(loaded),
        median(&of(|one| one.bytes as f64 / f64::from(1 << 20))),
        median(&of(|one| one.seconds)),
        median(&of(|one| rate(one.bytes, one.copy_seconds))),
        three(&of(|one| one.client_ms)),
        three(&of(|one| one.change_ms)),
        three(&of(|one| one.idle_ms)),
        three(&handed),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_few_values_is_one_of_them_and_never_too_good() {
        let values = [3.0, 1.0, 2.0, 4.0];
        assert_eq!([0.5, 0.99, 1.0].map(|share| at(&values, share) as u64), [2, 4, 4]);
        assert!(at(&[], 0.5).is_nan());
    }
}

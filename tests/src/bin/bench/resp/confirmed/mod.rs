//! Writes that are answered once two other servers have them. redis-benchmark cannot WAIT and knows no etcd, so this has
//! callers of its own, the same for all sides.

mod caller;
mod connection;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::caller::Caller;
use self::connection::{Connection, Protocol};
use super::Options;
use super::figures::{Row, heading};
use super::lines::Lines;
use super::sides::{Run, Side};
use super::tool::{Job, Seen, Test};
use crate::report::say;

/// Runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// One that is measured.
pub(crate) struct Contestant<'a> {
    side: &'a Side,
    protocol: Protocol,
    keys: Keys,
}

/// Keys by the server that they are written to.
type Keys = BTreeMap<String, Vec<String>>;

impl<'a> Contestant<'a> {
    /// Answers a SET once it is safe.
    ///
    /// # Errors
    /// It does not say where keys are.
    pub(crate) async fn godwit(side: &'a Side, keys: u64) -> Result<Self> {
        Ok(Self { side, protocol: Protocol::Sets, keys: asked(side, keys).await? })
    }

    /// Is told to WAIT.
    ///
    /// # Errors
    /// It does not say where keys are.
    pub(crate) async fn redis(side: &'a Side, keys: u64) -> Result<Self> {
        Ok(Self { side, protocol: Protocol::SetsAndWait, keys: asked(side, keys).await? })
    }

    /// Answers a put once it is safe. All are sent to the member that leads: others would forward them.
    ///
    /// # Errors
    /// It has no address.
    pub(crate) fn etcd(side: &'a Side, keys: u64) -> Result<Self> {
        let keys = Keys::from([(side.address()?.to_owned(), (0..keys).map(key).collect())]);
        Ok(Self { side, protocol: Protocol::Puts, keys })
    }
}

/// Measures all of them in turn; prints the table.
///
/// # Errors
/// A write fails.
pub(crate) async fn measure(contestants: &[Contestant<'_>], options: &Options) -> Result<()> {
    let names: Vec<_> = contestants.iter().map(|contestant| contestant.side.name).collect();
    say(&heading(&names));
    for bytes in &options.sizes {
        for job in options.jobs(Test::Set, *bytes) {
            let mut row = Row::new(job, &names);
            for _ in 0..options.rounds.max(1) {
                for (runs, contestant) in row.runs.iter_mut().zip(contestants) {
                    runs.push(run(contestant, job, options.seconds).await?);
                }
            }
            say(&row.to_string());
        }
    }
    Ok(())
}

fn key(number: u64) -> String {
    format!("confirmed:{number:012}")
}

/// Asks as clients do: who does not have a key says where it is.
async fn asked(side: &Side, count: u64) -> Result<Keys> {
    let first = side.address()?;
    let mut lines = Lines::connect(first).await?;
    let mut keys = Keys::new();
    for key in (0..count).map(key) {
        lines.send(format!("TTL {key}\r\n").as_bytes()).await?;
        let answer = lines.next().await?;
        let moved = answer.strip_prefix("-MOVED ").and_then(|moved| moved.split_once(' '));
        let address = moved.map_or(first, |(_slot, address)| address).to_owned();
        keys.entry(address).or_default().push(key);
    }
    Ok(keys)
}

async fn run(contestant: &Contestant<'_>, job: Job, seconds: f64) -> Result<Run> {
    let begun = Instant::now() + WARM_UP;
    let ended = begun + Duration::from_secs_f64(seconds);
    let keys: Vec<_> = contestant.keys.iter().collect();
    let mut callers = Vec::new();
    for number in 0..job.clients {
        let (address, keys) = keys.get(number as usize % keys.len()).context("no keys")?;
        let connection = Connection::open(contestant.protocol, address).await?;
        callers.push(tokio::spawn(Caller { connection, keys: (*keys).clone(), job }.call(number, begun, ended)));
    }
    sleep_until(begun).await;
    let before = contestant.side.servers.sample().await?;
    sleep_until(ended).await;
    let after = contestant.side.servers.sample().await?;
    let seen = gather(callers, job, seconds).await.with_context(|| format!("{job} on {}", contestant.side.name))?;
    Ok(Run::new(seen, seen.rate * seconds, &before, &after))
}

async fn gather(callers: Vec<JoinHandle<Result<Histogram<u64>>>>, job: Job, seconds: f64) -> Result<Seen> {
    let mut seen = caller::histogram()?;
    for caller in callers {
        seen.add(caller.await??)?;
    }
    let at = |quantile| seen.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(Seen { rate: (seen.len() * job.pipeline) as f64 / seconds, p50_ms: at(0.5), p99_ms: at(0.99) })
}

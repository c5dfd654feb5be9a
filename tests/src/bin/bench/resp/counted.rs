//! How fast a cluster answers redis-benchmark. With `--cluster` that has threads, and looks four times a second whether they are
//! done: what took 0.51 s counts as 0.75 s. The servers' own counters are exact.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::lines::Lines;
use super::sides::Side;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// At the beginning and at the end of a run not all connections are at work.
const LEFT_OUT: f64 = 0.1;

/// What the servers had counted.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    commands: u64,
}

/// Does the work, of so many commands, and says how many of them were answered in a second; `None` if it is over too soon.
///
/// # Errors
/// The work fails, or a server does not say what it counts.
pub(crate) async fn rate_during<T>(
    side: &Side,
    commands: u64,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Option<f64>)> {
    let mut servers = try_join_all(side.addresses.iter().map(|address| Lines::connect(address))).await?;
    let before = counted(&mut servers).await?;
    let (mut work, mut looks, mut own) = (pin!(work), Vec::new(), 0);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done?, rate(&looks, commands))),
            () = sleep(LOOK_EVERY) => {
                own += servers.len() as u64;
                let commands = counted(&mut servers).await?.saturating_sub(before + own);
                looks.push(Look { at: Instant::now(), commands });
            }
        }
    }
}

/// Commands of all servers since they were started.
async fn counted(servers: &mut [Lines]) -> Result<u64> {
    let counts = servers.iter_mut().map(async |server: &mut Lines| {
        let text = server.bulk(b"INFO stats\r\n").await?;
        let count = text.lines().find_map(|line| line.strip_prefix("total_commands_processed:")?.trim().parse().ok());
        count.with_context(|| format!("no count of commands in {text:?}"))
    });
    Ok(try_join_all(counts).await?.iter().sum::<u64>())
}

fn rate(looks: &[Look], commands: u64) -> Option<f64> {
    let within = commands as f64 * LEFT_OUT..commands as f64 * (1.0 - LEFT_OUT);
    let mut looks = looks.iter().filter(|look| within.contains(&(look.commands as f64)));
    let (first, last) = (looks.next()?, looks.next_back()?);
    Some((last.commands - first.commands) as f64 / (last.at - first.at).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(counts: &[u64]) -> Vec<Look> {
        let began = Instant::now();
        let times = (0_u32..).map(|number| began + LOOK_EVERY * number);
        times.zip(counts).map(|(at, commands)| Look { at, commands: *commands }).collect()
    }

    #[test]
    fn the_rate_is_that_of_the_middle_of_the_run() {
        // A slow start, 2,000 in each 20 ms, and a wait at the end until the clock is looked at.
        let seen = rate(&looks(&[10, 1000, 3000, 5000, 7000, 9000, 10_000, 10_000]), 10_000).unwrap();
        assert!((seen - 100_000.0).abs() < 0.1, "{seen}");
    }

    #[test]
    fn a_run_that_was_seen_once_has_no_rate() {
        assert_eq!(rate(&looks(&[0, 5000, 10_000]), 10_000), None);
        assert_eq!(rate(&[], 10_000), None);
    }
}

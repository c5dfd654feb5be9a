//! Randomised runs over real processes: clients on hosts of their own, Redis clients among them, do recorded operations while the network between
//! any two hosts is cut, processes stand still, die and come back, and replicas move beneath them. Afterwards everything
//! is healed, and then
//!
//! ```text
//! healthy      every partition has all its members again within a deadline, and every job is over
//! whole        every key can be read, and every partition written
//! equal        all members of every partition hold the same
//! linearizable one order per key explains every answer ever given, what was read at the end included
//! fresh        what secondaries told had been so within the bound that they keep
//! calm         no process died by itself, and none reports a broken invariant
//! ```
//!
//! What happens when is drawn from a seed; how the processes react is not, so a seed is where to look again and no proof.

mod clients;
mod fault;
mod moves;
mod nemesis;
mod redis_caller;
mod redis_reader;
mod report;
mod schedule;
mod trial;
mod verdict;

use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::cluster::{META, host_of};
use crate::network::Network;

pub use self::report::{Report, Summary};
pub use self::schedule::Beneath;
use self::trial::Trial;

/// Client hosts. Two: what one cannot reach the other may, and so they see what a split shows.
const CLIENTS: usize = 2;

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What everything is drawn from.
    pub seed: u64,
    /// How long faults go on.
    pub seconds: u64,
    /// Replica servers.
    pub nodes: usize,
    /// Partitions of the table, which has three replicas; a power of two.
    pub partitions: u32,
    /// What moves beneath; drawn from the seed if `None`.
    pub beneath: Option<Beneath>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, seconds: 60, nodes: 4, partitions: 8, beneath: None }
    }
}

/// Whether this process may lay networks, and the tools are there.
#[must_use]
pub fn possible() -> bool {
    Network::possible()
}

/// One run. What it finds wrong with the product stands in the report.
///
/// # Errors
/// The run could not be made.
pub fn run(options: &Options) -> Result<Report> {
    let clients: Vec<String> = (0..CLIENTS).map(client_host).collect();
    let nodes: Vec<String> = (0..options.nodes).map(host_of).collect();
    let hosts: Vec<&str> = [META].into_iter().chain(nodes.iter().chain(&clients).map(String::as_str)).collect();
    let network = Arc::new(Network::lay(&hosts)?);
    let runtimes = clients.iter().map(|host| network.runtime(host)).collect::<Result<Vec<Runtime>>>()?;
    let handles: Vec<_> = runtimes.iter().map(|runtime| runtime.handle().clone()).collect();
    let lent = network.clone();
    let report = network.from_hub(|| async { Trial::start(*options, lent, handles).await?.run().await });
    runtimes.into_iter().for_each(Runtime::shutdown_background);
    report
}

/// The host of a client by its index from 0.
fn client_host(index: usize) -> String {
    format!("client{}", index + 1)
}

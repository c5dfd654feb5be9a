//! One run from its first process to its verdict.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::rpc::Secret;
use tokio::runtime::Handle;

use super::Options;
use super::clients::{Access, Clients};
use super::nemesis::Nemesis;
use super::redis_reader::STALE_MAX;
use super::report::{Counted, Report};
use super::schedule::{self, Schedule};
use super::verdict;
use crate::cluster::{Cluster, Options as ClusterOptions};
use crate::history::Recorder;
use crate::network::Network;

/// The table.
pub(super) const TABLE: &str = "chaos";
const REPLICAS: u32 = 3;
/// Hosts of a network are not on loopback, so there must be one.
const SECRET: &str = "of-a-test-and-of-no-worth";

fn redis_settings() -> Vec<(&'static str, String)> {
    let stale_max = format!("{}ms", STALE_MAX.as_millis());
    vec![("resp.table", TABLE.to_owned()), ("resp.requirepass", SECRET.to_owned()), ("resp.max_staleness", stale_max)]
}

/// A cluster with its table, and what is to happen to it.
pub(super) struct Trial {
    options: Options,
    schedule: Schedule,
    cluster: Cluster,
    access: Access,
    hosts: Vec<Handle>,
    network: Arc<Network>,
}

impl Trial {
    /// Starts the cluster and makes the table.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn start(options: Options, network: Arc<Network>, hosts: Vec<Handle>) -> Result<Self> {
        let schedule = schedule::draw(&options);
        let cluster = Cluster::start_with(ClusterOptions {
            nodes: options.nodes,
            secret: Some(SECRET),
            settings: [schedule.settings.clone(), redis_settings()].concat(),
            meta_settings: schedule.meta_settings.clone(),
            network: Some(network.clone()),
            ..ClusterOptions::default()
        });
        let cluster = cluster.await?;
        cluster.create(TABLE, options.partitions, REPLICAS).await?;
        let secret = Some(Secret::new(SECRET.as_bytes())?);
        let recorder = Arc::new(Recorder::default());
        let redis = cluster.nodes.iter().map(|node| node.resp.clone()).collect();
        let meta = cluster.meta_address.clone();
        let access = Access { meta, secret, table: TABLE, redis, password: SECRET, recorder };
        Ok(Self { options, schedule, cluster, access, hosts, network })
    }

    /// Lets clients and faults loose, heals, and judges.
    ///
    /// # Errors
    /// The faults could not be carried out.
    pub(super) async fn run(mut self) -> Result<Report> {
        let clients = Clients::start(&self.access, &self.hosts, self.options.seed);
        let mut nemesis = Nemesis::new(self.network.clone(), super::CLIENTS);
        let lasts = Duration::from_secs(self.options.seconds);
        let carried_out = nemesis.run(&mut self.cluster, &self.schedule.steps, lasts).await;
        if let Err(error) = carried_out {
            return self.broken(&nemesis, &error);
        }
        let healed_at = tokio::time::Instant::now();
        clients.stop().await?;
        let (healed_s, failures) = verdict::judge(&mut self.cluster, &self.access, healed_at).await;
        self.report(&nemesis, healed_s, failures)
    }

    /// A process that cannot be started or does not exit is a finding, too.
    fn broken(self, nemesis: &Nemesis, error: &anyhow::Error) -> Result<Report> {
        self.report(nemesis, None, vec![format!("the faults could not be carried out: {error:#}")])
    }

    fn report(mut self, nemesis: &Nemesis, healed_s: Option<f64>, failures: Vec<String>) -> Result<Report> {
        let operations = self.access.recorder.operations();
        let mut kept = None;
        if !failures.is_empty() {
            self.cluster.keep();
            let dir = self.cluster.dir().to_owned();
            let settings = format!("{:?} {:?}", self.schedule.settings, self.schedule.meta_settings);
            let happened = [&[settings][..], &nemesis.log[..], &failures[..]].concat().join("\n");
            std::fs::write(dir.join("what-happened.txt"), happened)?;
            let lines: Vec<String> = operations.iter().map(ToString::to_string).collect();
            std::fs::write(dir.join("operations.txt"), lines.join("\n"))?;
            kept = Some(dir);
        }
        let (faults, moves, beneath) = (nemesis.faults, nemesis.moves, self.schedule.beneath);
        let operations = Counted::of(&operations);
        Ok(Report { seed: self.options.seed, beneath, faults, moves, operations, healed_s, failures, kept })
    }
}

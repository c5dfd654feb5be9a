//! Carries a schedule out: begins each fault at its time, and ends it at its time. Everything that it cannot do at the
//! moment (pausing what is dead, moving on a node that does not answer) it leaves out, and says so.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use common::types::PartitionConfig;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout};

use super::fault::{Fault, Party, Target, Way, Who};
use super::moves;
use super::schedule::Step;
use super::trial::TABLE;
use crate::cluster::{Cluster, META, host_of};
use crate::network::{CutId, Network};
use crate::process::Process;

/// Asking may meet what was broken; the schedule goes on.
const ASK_WITHIN: Duration = Duration::from_millis(700);
const EXIT_WITHIN: Duration = Duration::from_secs(30);

/// A process of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proc {
    Meta,
    Node(usize),
}

/// How a fault is ended.
#[derive(Clone, Copy, Debug)]
enum Cure {
    Mend(CutId),
    Resume(Proc),
    Start(Proc),
    /// It was told to stop, and is started when it has.
    StartAgain(Proc),
}

#[derive(Debug)]
struct Open {
    until: Instant,
    cure: Cure,
    fault: String,
}

/// What breaks a cluster.
#[derive(Debug)]
pub(super) struct Nemesis {
    network: Arc<Network>,
    began: Instant,
    clients: usize,
    /// Who led each partition when the meta server was last asked in vain or not.
    primaries: Vec<Option<usize>>,
    open: Vec<Open>,
    /// Faults that happened.
    pub(super) faults: usize,
    /// Moves that began.
    pub(super) moves: usize,
    /// What happened, with its time.
    pub(super) log: Vec<String>,
}

impl Nemesis {
    /// Begins now.
    pub(super) fn new(network: Arc<Network>, clients: usize) -> Self {
        let (open, log) = (vec![], vec![]);
        Self { network, began: Instant::now(), clients, primaries: vec![], open, faults: 0, moves: 0, log }
    }

    /// Does it all, and heals everything after so long.
    ///
    /// # Errors
    /// A process cannot be started, does not exit, or the kernel refuses.
    pub(super) async fn run(&mut self, cluster: &mut Cluster, steps: &[Step], lasts: Duration) -> Result<()> {
        let (mut steps, end) = (steps.iter().peekable(), self.began + lasts);
        loop {
            let begins = steps.peek().map(|step| self.began + Duration::from_millis(step.at_ms));
            let ends = self.open.iter().map(|open| open.until).min();
            let Some(next) = begins.into_iter().chain(ends).min().filter(|next| *next < end) else { break };
            sleep_until(next).await;
            self.end_those_due(cluster, Instant::now()).await?;
            if let Some(step) = steps.next_if(|_| begins == Some(next)) {
                self.begin(cluster, step).await?;
            }
        }
        sleep_until(end).await;
        self.heal(cluster).await
    }

    /// Ends everything that is not ended.
    ///
    /// # Errors
    /// As [`Nemesis::run`].
    pub(super) async fn heal(&mut self, cluster: &mut Cluster) -> Result<()> {
        while let Some(open) = self.open.pop() {
            self.cure(cluster, &open).await?;
        }
        self.network.heal()
    }

    async fn end_those_due(&mut self, cluster: &mut Cluster, now: Instant) -> Result<()> {
        while let Some(index) = self.open.iter().position(|open| open.until <= now) {
            let open = self.open.remove(index);
            self.cure(cluster, &open).await?;
        }
        Ok(())
    }

    async fn cure(&mut self, cluster: &mut Cluster, open: &Open) -> Result<()> {
        self.note(&format!("end of {}", open.fault));
        match open.cure {
            Cure::Mend(cut) => self.network.mend(cut),
            Cure::Resume(proc) => process(cluster, proc)?.resume(),
            Cure::Start(proc) => process(cluster, proc)?.start(),
            Cure::StartAgain(proc) => {
                let process = process(cluster, proc)?;
                process.exited(EXIT_WITHIN).await?;
                process.start()
            }
        }
    }

    async fn begin(&mut self, cluster: &mut Cluster, step: &Step) -> Result<()> {
        self.look(cluster).await;
        let done = match step.fault {
            Fault::Cut(left, right, way) => self.cut(left, right, way)?.map(Cure::Mend),
            Fault::Pause(target) => self.upset(cluster, target, |process| process.pause(), Cure::Resume)?,
            Fault::Kill(target) => self.upset(cluster, target, Process::kill, Cure::Start)?,
            Fault::Stop(who) => {
                self.upset(cluster, Target::Node(who), |process| process.terminate(), Cure::StartAgain)?
            }
            Fault::HandOver { partition, pick } => return self.hand_over(cluster, partition, pick).await,
            Fault::DiskMove { node, pick, max_rate_bytes_per_s } => {
                let begun = timeout(ASK_WITHIN, moves::between_disks(cluster, node, pick, max_rate_bytes_per_s)).await;
                self.note_move(step.fault, begun);
                return Ok(());
            }
            Fault::RegionMove { partition, pick } => {
                let begun = timeout(ASK_WITHIN, moves::between_nodes(cluster, partition, pick)).await;
                self.note_move(step.fault, begun);
                return Ok(());
            }
        };
        let Some(cure) = done else {
            self.note(&format!("left out: {}", step.fault));
            return Ok(());
        };
        let (until, fault) = (Instant::now() + Duration::from_millis(step.lasts_ms), step.fault.to_string());
        self.note(&format!("{fault} ({}) for {} ms", self.meant(step.fault), step.lasts_ms));
        self.faults += 1;
        self.open.push(Open { until, cure, fault });
        Ok(())
    }

    /// Who leads what at present, if the meta server says so in time.
    async fn look(&mut self, cluster: &Cluster) {
        let Ok(Ok(route)) = timeout(ASK_WITHIN, cluster.route(TABLE)).await else { return };
        let place = |config: &Arc<PartitionConfig>| {
            let primary = config.primary?.peer;
            let (_, address) = route.nodes.iter().find(|(peer, _)| *peer == primary)?;
            cluster.nodes.iter().position(|server| server.address == *address)
        };
        self.primaries = route.configs.iter().map(place).collect();
    }

    fn node(&self, who: Who) -> Option<usize> {
        match who {
            Who::Node(index) => Some(index),
            Who::PrimaryOf(partition) => self.primaries.get(usize::try_from(partition).ok()?).copied().flatten(),
        }
    }

    /// Does something to a process to which nothing else is done.
    fn upset(
        &self,
        cluster: &mut Cluster,
        target: Target,
        act: impl FnOnce(&mut Process) -> Result<()>,
        cure: impl FnOnce(Proc) -> Cure,
    ) -> Result<Option<Cure>> {
        let Some(proc) = self.proc(target).filter(|proc| !self.is_upset(*proc)) else { return Ok(None) };
        act(process(cluster, proc)?)?;
        Ok(Some(cure(proc)))
    }

    fn proc(&self, target: Target) -> Option<Proc> {
        match target {
            Target::Meta => Some(Proc::Meta),
            Target::Node(who) => self.node(who).map(Proc::Node),
        }
    }

    fn is_upset(&self, proc: Proc) -> bool {
        self.open.iter().any(|open| match open.cure {
            Cure::Mend(_) => false,
            Cure::Resume(other) | Cure::Start(other) | Cure::StartAgain(other) => other == proc,
        })
    }

    fn cut(&self, left: Party, right: Party, way: Way) -> Result<Option<CutId>> {
        let (left, right) = (self.hosts(left), self.hosts(right));
        let both = || left.iter().flat_map(|a| right.iter().map(move |b| (a.as_str(), b.as_str())));
        let there = both().filter(|_| way != Way::Back);
        let back = both().filter(|_| way != Way::There).map(|(a, b)| (b, a));
        let pairs: Vec<(&str, &str)> = there.chain(back).filter(|(a, b)| a != b).collect();
        if pairs.is_empty() { Ok(None) } else { self.network.cut(&pairs).map(Some) }
    }

    fn hosts(&self, party: Party) -> Vec<String> {
        match party {
            Party::Meta => vec![META.to_owned()],
            Party::One(who) => self.node(who).map(host_of).into_iter().collect(),
            Party::Client(index) => vec![super::client_host(index % self.clients)],
            Party::Nodes => self.network.hosts().filter(|host| host.starts_with("node")).map(str::to_owned).collect(),
            Party::Everybody => self.network.hosts().map(str::to_owned).collect(),
        }
    }

    /// Which hosts a fault met in the end.
    fn meant(&self, fault: Fault) -> String {
        match fault {
            Fault::Cut(left, right, _) => format!("{:?}, {:?}", self.hosts(left), self.hosts(right)),
            Fault::Pause(target) | Fault::Kill(target) => format!("{:?}", self.proc(target)),
            Fault::Stop(who) => format!("{:?}", self.node(who)),
            Fault::HandOver { .. } | Fault::DiskMove { .. } | Fault::RegionMove { .. } => String::new(),
        }
    }

    async fn hand_over(&mut self, cluster: &Cluster, partition: u32, pick: usize) -> Result<()> {
        let Ok(Ok(route)) = timeout(ASK_WITHIN, cluster.route(TABLE)).await else { return Ok(()) };
        let config = usize::try_from(partition).ok().and_then(|index| route.configs.get(index));
        let chosen = config.and_then(|config| {
            let heir = config.secondaries.get(pick % config.secondaries.len().max(1))?;
            Some((config.gpid, heir.peer))
        });
        let Some((gpid, heir)) = chosen else { return Ok(()) };
        let asked =
            timeout(ASK_WITHIN, cluster.ask(async move |meta, deadline| meta.propose(deadline, gpid, heir).await));
        let answer = asked.await;
        self.note(&format!("hand over {gpid} to peer {heir}: {answer:?}"));
        self.faults += 1;
        Ok(())
    }

    fn note_move(&mut self, fault: Fault, begun: Result<Result<String>, Elapsed>) {
        let what = match begun {
            Ok(Ok(what)) => {
                self.moves += 1;
                what
            }
            Ok(Err(error)) => format!("left out: {fault}: {error:#}"),
            Err(_) => format!("no answer in time: {fault}"),
        };
        self.note(&what);
    }

    fn note(&mut self, what: &str) {
        self.log.push(format!("{:>6} ms  {what}", self.began.elapsed().as_millis()));
    }
}

fn process(cluster: &mut Cluster, proc: Proc) -> Result<&mut Process> {
    match proc {
        Proc::Meta => Ok(&mut cluster.meta),
        Proc::Node(index) => Ok(&mut cluster.node_mut(index)?.process),
    }
}

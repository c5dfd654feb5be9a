//! `bench resp`: what Redis clients ask for, of Godwit and in turn of a real Redis, as ratios within one run.
//!
//! ```text
//! connections  thousands of idle connections to one node: until all are answered, and the memory of each
//! alone        redis-benchmark: one node, one replica, log.sync = never, against Redis without AOF
//! durable      the same: three replicas, log.sync = always, against Redis with appendfsync always and two replicas
//! confirmed    SET, answered once two other servers have it: SET alone, against SET and WAIT 2, and against puts of etcd
//! ```

mod confirmed;
mod connections;
mod counted;
mod etcd;
mod figures;
mod lines;
mod matrix;
mod redis;
mod sides;
mod tool;
mod version;

use anyhow::Result;

use self::confirmed::Contestant;
use self::etcd::Etcd;
use self::figures::Row;
use self::redis::Redis;
use self::sides::{Kind, Pair};
use self::tool::{Job, Test};
use crate::figures::machine;
use crate::report::{Verdict, say, summary};

/// Goals, unpipelined on one node: share of Redis' throughput.
const GOALS: [(Test, f64); 2] = [(Test::Get, 0.8), (Test::Set, 0.6)];

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Parts to measure
    #[arg(long, value_delimiter = ',', default_value = "connections,alone,durable,confirmed")]
    pub(crate) parts: Vec<Part>,

    /// Commands
    #[arg(long, value_delimiter = ',', default_value = "set,get,incr,hset,mset")]
    pub(crate) tests: Vec<Test>,

    /// Requests that a connection sends at once
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    pub(crate) pipelines: Vec<u64>,

    /// Bytes of a value; 3,1024 is everything
    #[arg(long, value_delimiter = ',', default_value = "3")]
    pub(crate) sizes: Vec<usize>,

    /// Connections; 50,256 is everything
    #[arg(long, value_delimiter = ',', default_value = "50")]
    pub(crate) clients: Vec<u64>,

    /// Seconds that a run takes, about
    #[arg(long, default_value_t = 1.5)]
    pub(crate) seconds: f64,

    /// Requests of a run, instead of as many as take those seconds
    #[arg(long)]
    pub(crate) requests: Option<u64>,

    /// Runs of each side, in turn, whose median counts
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,

    /// Keys to choose from
    #[arg(long, default_value_t = 50_000)]
    pub(crate) keys: u64,

    /// Partitions of the table
    #[arg(long, default_value_t = 64)]
    pub(crate) partitions: u32,

    /// Connections at once that say nothing
    #[arg(long, default_value_t = 5000)]
    pub(crate) idle: usize,

    /// Few of everything: shows that it works, not what it costs
    #[arg(long)]
    pub(crate) quick: bool,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Idle connections.
    Connections,
    /// One node that syncs nothing.
    Alone,
    /// Three replicas that sync everything.
    Durable,
    /// Writes that two other servers have.
    Confirmed,
}

/// Measures; prints Markdown.
///
/// # Errors
/// A server does not start, or a request fails.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let options = if options.quick { options.quickly() } else { options.clone() };
    say(&machine(&std::env::temp_dir())?);
    say(&format!("Against {}.", Redis::version().await?));
    if options.quick {
        say("Few of everything (--quick): not to be compared with anything.");
    }
    let mut verdicts = Vec::new();
    if options.wants(&[Part::Connections, Part::Alone]) {
        verdicts = alone(&options).await?;
    }
    if options.wants(&[Part::Durable, Part::Confirmed]) {
        durable(&options).await?;
    }
    summary(&verdicts);
    Ok(())
}

async fn alone(options: &Options) -> Result<Vec<Verdict>> {
    let pair = Pair::start(Kind::Alone, options.partitions).await?;
    // First, while no benchmark has left memory behind that connections could use.
    if options.wants(&[Part::Connections]) {
        connections::measure(&pair, options.idle).await?;
    }
    if !options.wants(&[Part::Alone]) {
        return Ok(vec![]);
    }
    say("\n#### One replica, log.sync = never, against Redis without AOF\n");
    Ok(verdicts(&matrix::measure(&pair, options).await?))
}

async fn durable(options: &Options) -> Result<()> {
    let pair = Pair::start(Kind::Durable, options.partitions).await?;
    if options.wants(&[Part::Durable]) {
        say("\n#### Three replicas, log.sync = always, against Redis with appendfsync always and two replicas\n");
        say(
            "redis-benchmark cannot WAIT: Redis answers before its replicas have a write, Godwit does not. Of each node \
             redis-benchmark uses one slot, so that all load is on three partitions.\n",
        );
        matrix::measure(&pair, options).await?;
    }
    if options.wants(&[Part::Confirmed]) {
        confirmed(&pair, options).await?;
    }
    Ok(())
}

async fn confirmed(pair: &Pair, options: &Options) -> Result<()> {
    say("\n#### Writes that are answered once other servers have them\n");
    say(
        "Keys of all slots; fsyncs everywhere. Godwit: SET, answered once all three have synced it. Redis: appendfsync \
         always, two replicas, and WAIT 2 at the end of each batch, which says that they received it. The times are of a \
         whole batch.\n",
    );
    let (godwit, redis) = (&pair.godwit, &pair.redis);
    let mut contestants =
        vec![Contestant::godwit(godwit, options.keys).await?, Contestant::redis(redis, options.keys).await?];
    let Some(version) = Etcd::version().await? else {
        say("etcd is left out, since it is not installed: apt-get install etcd-server.\n");
        return confirmed::measure(&contestants, options).await;
    };
    say(&format!(
        "{version}: three members at their defaults but for longer timeouts of elections; puts, answered once two have \
         synced them, over gRPC to the member that leads. It has no pipeline: a pipeline of 16 is 16 puts at once on a \
         connection.\n"
    ));
    let (_etcd, side) = Etcd::start().await?;
    contestants.push(Contestant::etcd(&side, options.keys)?);
    confirmed::measure(&contestants, options).await
}

fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let of = |(test, goal)| {
        let rows = rows.iter().filter(move |row| row.job.test == test && row.job.pipeline == 1);
        let ratios = rows.flat_map(|row| row.ratios().into_iter().map(move |ratio| (row.job, ratio)));
        ratios.map(move |(job, ratio)| Verdict::at_least(format!("{job}, share of Redis' throughput"), ratio, goal))
    };
    GOALS.into_iter().flat_map(of).collect()
}

impl Options {
    fn wants(&self, any: &[Part]) -> bool {
        any.iter().any(|part| self.parts.contains(part))
    }

    /// All that is asked of a command with values of this size.
    fn jobs(&self, test: Test, bytes: usize) -> Vec<Job> {
        let all =
            self.pipelines.iter().flat_map(|pipeline| self.clients.iter().map(move |clients| (*pipeline, *clients)));
        all.map(|(pipeline, clients)| Job { test, pipeline, bytes, clients, keys: self.keys }).collect()
    }

    fn quickly(&self) -> Self {
        Self { seconds: 0.3, rounds: 1, keys: 2000, idle: self.idle.min(500), ..self.clone() }
    }
}

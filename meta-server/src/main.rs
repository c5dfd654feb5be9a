//! The process `meta-server`: flags and settings, then [`meta_server::start`], until SIGTERM.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use common::clock::Clock;
use common::config::{self, ConfigArgs};
use common::rpc::{Secret, SecretError, Security};
use common::shutdown;
use meta_server::settings::{MetaSettings, StoreKind};
use meta_server::store::{MemoryStore, MetaStore, RocksStore};
use meta_server::{MetaOptions, start};
use meta_state::policy::GuardianOptions;

/// Owns the configurations of a Godwit cluster: tables, placement, failover.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Directory of the metadata (setting data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Address of the rpc port (setting listen)
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,

    /// Address of the http port (setting http)
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,

    /// rocks or memory (setting store)
    #[arg(long, value_name = "KIND")]
    store: Option<String>,

    /// File with the cluster secret (setting secret_file)
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// The cluster secret itself; others on this machine may see it: prefer the file or the environment
    #[arg(long, value_name = "SECRET", env = "GODWIT_SECRET", hide_env_values = true, conflicts_with = "secret_file")]
    secret: Option<String>,

    /// File with the token that changing requests over HTTP need (setting admin_token_file)
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,

    /// That token itself; others on this machine may see it: prefer the file or the environment
    #[arg(long, value_name = "TOKEN", env = "GODWIT_ADMIN_TOKEN", hide_env_values = true)]
    #[arg(conflicts_with = "admin_token_file")]
    admin_token: Option<String>,

    /// Listen on any address without a secret and without an admin token (setting insecure)
    #[arg(long)]
    insecure: bool,

    /// Form of log lines, pretty or json (setting logging.format)
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Obey GODWIT_FAULT; for tests only
    #[arg(long)]
    enable_fault_injection: bool,
}

impl Args {
    fn settings(&self) -> Result<MetaSettings, config::ConfigError> {
        let path = |p: &Option<PathBuf>| p.as_ref().map(|p| p.display().to_string());
        let shortcuts = [
            ("data_dir", path(&self.data_dir)),
            ("listen", self.listen.clone()),
            ("http", self.http.clone()),
            ("store", self.store.clone()),
            ("secret_file", path(&self.secret_file)),
            ("admin_token_file", path(&self.admin_token_file)),
            ("insecure", self.insecure.then(|| "true".to_owned())),
            ("logging.format", self.log_format.clone()),
        ];
        config::load(&self.config.sources(shortcuts))
    }
}

fn main() -> ExitCode {
    match serve(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a backtrace: what stops a start is for the operator.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Args) -> anyhow::Result<()> {
    let settings = args.settings()?;
    if args.config.print_config {
        print!("{}", config::print(&settings)?);
        return Ok(());
    }
    common::logging::init(&settings.logging)?;
    if args.enable_fault_injection {
        common::fault::arm_from(&std::env::var("GODWIT_FAULT").unwrap_or_default())?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(args, settings))
}

async fn run(args: &Args, settings: MetaSettings) -> anyhow::Result<()> {
    let stop = shutdown::on_signal().context("cannot watch for signals")?;
    let options = MetaOptions {
        store: store(&settings)?,
        listen: settings.listen,
        http: settings.http,
        security: security(args, settings.secret_file.as_deref(), settings.insecure)?,
        guardian: GuardianOptions {
            replica_lost_delay: settings.replica_lost_delay.0,
            max_rebuilds: settings.max_rebuilds,
            enable_region_failover: settings.enable_region_failover,
            node_steady_after: settings.node_steady_after.0,
        },
        admin_token: admin_token(args, settings.admin_token_file.as_deref())?,
        tick: meta_server::TICK,
        clock: Clock::System,
        stop,
    };
    start(options).await?.ended().await;
    tracing::info!("stopped");
    Ok(())
}

fn store(settings: &MetaSettings) -> anyhow::Result<Arc<dyn MetaStore>> {
    Ok(match settings.store {
        StoreKind::Rocks => Arc::new(RocksStore::open(&settings.data_dir)?),
        StoreKind::Memory => Arc::new(MemoryStore::default()),
    })
}

fn security(args: &Args, file: Option<&Path>, insecure: bool) -> anyhow::Result<Security> {
    let secret = secret(args.secret.as_deref(), file).context("cluster secret (secret_file)")?;
    Ok(Security { secret, insecure })
}

fn admin_token(args: &Args, file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    secret(args.admin_token.as_deref(), file).context("admin token (admin_token_file)")
}

fn secret(given: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, SecretError> {
    let given = given.map(|text| Secret::new(text.as_bytes()));
    given.or_else(|| file.map(Secret::read)).transpose()
}

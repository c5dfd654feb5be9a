//! The replica server's process: flags, settings, logging, runtime.

use std::process::ExitCode;

use clap::Parser;
use common::config::{self, ConfigArgs};
use common::logging;
use replica_server::settings::Settings;

/// Mutations are made by one thread and given back by others, long after: glibc's allocator gets slower by that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stores replicas of Godwit on several disks, replicates and migrates them.
#[derive(Debug, Parser)]
#[command(name = "replica-server", version)]
struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address of the rpc port, host:port
    #[arg(long)]
    listen: Option<String>,
    /// Address of /health and /metrics, host:port
    #[arg(long)]
    http: Option<String>,
    /// Address for Redis clients, host:port
    #[arg(long)]
    resp_listen: Option<String>,
    /// Meta servers, host:port, comma-separated
    #[arg(long)]
    meta: Option<String>,
    /// Disks, tag:directory, comma-separated
    #[arg(long)]
    data_dirs: Option<String>,
    /// Directory of job records (default: the first data directory)
    #[arg(long)]
    home: Option<String>,
    /// When appends are fsynced: always, interval or never
    #[arg(long)]
    log_sync: Option<String>,
    /// File with the cluster secret
    #[arg(long)]
    secret_file: Option<String>,
    /// Bind any address even without a cluster secret
    #[arg(long)]
    insecure: bool,
    /// Obey GODWIT_FAULT; for tests only
    #[arg(long)]
    enable_fault_injection: bool,
}

impl Args {
    fn settings(&self) -> Result<Settings, config::ConfigError> {
        let shortcuts = [
            ("listen", self.listen.clone()),
            ("http", self.http.clone()),
            ("resp.listen", self.resp_listen.clone()),
            ("meta", self.meta.clone()),
            ("data_dirs", self.data_dirs.clone()),
            ("home", self.home.clone()),
            ("log.sync", self.log_sync.clone()),
            ("secret_file", self.secret_file.clone()),
            ("insecure", self.insecure.then(|| "true".to_owned())),
        ];
        config::load(&self.config.sources(shortcuts))
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let settings = args.settings()?;
    if args.config.print_config {
        print!("{}{}", config::print(&settings)?, disks(&settings)?);
        return Ok(());
    }
    logging::init(&settings.logging)?;
    if args.enable_fault_injection {
        common::fault::arm_from(&std::env::var("GODWIT_FAULT").unwrap_or_default())?;
    }
    // Memory grows with the partitions, and clients would wait for each huge page to be cleared: up to 6 ms were seen.
    rustix::thread::disable_transparent_huge_pages(true)?;
    replica_server::server::run(settings)
}

/// The disks that a start would open, as a comment under the settings.
fn disks(settings: &Settings) -> anyhow::Result<String> {
    let Some(home) = settings.home() else { return Ok(String::new()) };
    let line = |disk: &replica_server::disk::ChosenDisk| {
        let source = if disk.added { "disk-add" } else { "data_dirs" };
        format!("#   {}:{} ({source})\n", disk.tag, disk.path.display())
    };
    let disks = replica_server::disk::in_effect(&settings.disks()?, &home)?;
    let removed = settings.disks()?.into_iter().filter(|(tag, _)| !disks.iter().any(|disk| disk.tag == *tag));
    let removed = removed.map(|(tag, path)| format!("#   not {tag}:{} (disk-remove)\n", path.display()));
    let lines: String = disks.iter().map(line).chain(removed).collect();
    Ok(format!("\n# The disks that a start opens:\n{lines}"))
}

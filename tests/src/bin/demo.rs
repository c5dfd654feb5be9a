//! The main job, shown on a running onebox: what `scripts/demo.sh` runs once its cluster is up.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tests::demo::{Demo, Place};

/// Moves a replica between disks under load, kills a node, and reads back every acknowledged key.
#[derive(Debug, Parser)]
struct Args {
    /// The script that started the cluster and can kill a node of it.
    #[arg(long)]
    onebox: PathBuf,
    /// Where it runs.
    #[arg(long)]
    dir: PathBuf,
    /// What was added to every port.
    #[arg(long, default_value_t = 0)]
    port_offset: u16,
    /// Move without a rate limit.
    #[arg(long)]
    fast: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let place = Place { onebox: args.onebox, dir: args.dir, port_offset: args.port_offset, fast: args.fast };
    match Demo::new(place).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

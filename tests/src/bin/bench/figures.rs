//! A line of the table, and what is to be known of the machine that it was measured on.

use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use tokio::time::Instant;

use crate::callers::{Counted, Operation};
use crate::servers::Spent;

const PROBE_FSYNCS: usize = 200;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Kind of log.
    pub(crate) sync: String,
    /// Operation.
    pub(crate) op: Operation,
    /// Callers.
    pub(crate) callers: usize,
    /// What the callers saw.
    pub(crate) counted: Counted,
    /// What it cost.
    pub(crate) spent: Spent,
}

/// The head of the table.
#[must_use]
pub(crate) const fn heading() -> &'static str {
    "| log.sync | op    | callers |   ops/s | P50 ms | P99 ms | P99.9 ms | server CPU s/100k | client CPU s/100k | fsyncs/s | server MiB | failed |\n\
     |----------|-------|--------:|--------:|-------:|-------:|---------:|------------------:|------------------:|---------:|-----------:|-------:|"
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seen, spent) = (&self.counted.latencies, &self.spent);
        let rate = seen.len() as f64 / self.counted.time.as_secs_f64();
        let at = |quantile| seen.value_at_quantile(quantile) as f64 / 1000.0;
        // CPU was sampled over a slightly longer time than operations were counted.
        let operations = rate * spent.time.as_secs_f64() / 100_000.0;
        let fsyncs = spent.fsyncs.map_or_else(|| "-".to_owned(), |n| format!("{:.0}", n / spent.time.as_secs_f64()));
        write!(f, "| {:8} | {:5} | {:7} | {rate:7.0} |", self.sync, self.op, self.callers)?;
        write!(f, " {:6.2} | {:6.2} | {:8.2} |", at(0.5), at(0.99), at(0.999))?;
        write!(f, " {:17.2} | {:17.2} |", spent.servers_cpu_s / operations, spent.client_cpu_s / operations)?;
        write!(f, " {fsyncs:>8} | {:10} | {:6} |", spent.resident_bytes >> 20, self.counted.failed)
    }
}

/// Processors, kernel, and what an fsync costs where the data will lie.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn machine(dir: &Path) -> Result<String> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("", |(_, m)| m);
    let cores = std::thread::available_parallelism()?;
    let kernel = read("/proc/sys/kernel/osrelease");
    let fsync = fsync_ms(dir)?;
    Ok(format!("{cores} cores,{model}, Linux {}; median fdatasync of 4 KiB: {fsync:.2} ms.", kernel.trim()))
}

fn fsync_ms(dir: &Path) -> Result<f64> {
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::tempfile_in(dir)?;
    let mut times = Vec::with_capacity(PROBE_FSYNCS);
    for _ in 0..PROBE_FSYNCS {
        let start = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(PROBE_FSYNCS / 2).copied().unwrap_or_default())
}

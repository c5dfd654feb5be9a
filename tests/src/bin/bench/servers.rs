//! What the server processes spend: CPU and memory from `/proc`, fsyncs from their `/metrics`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Linux counts CPU time for user space in hundredths of a second, whatever its own tick.
const TICKS_PER_SECOND: f64 = 100.0;
const HTTP_TIMEOUT: Duration = Duration::from_secs(5);

/// The processes of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Servers {
    pids: Vec<u32>,
    http: Vec<String>,
}

/// What they had spent at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    at: Instant,
    servers_cpu_s: f64,
    client_cpu_s: f64,
    fsyncs: Option<f64>,
    resident_bytes: u64,
}

/// What was spent between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Time between them.
    pub(crate) time: Duration,
    /// CPU seconds of all servers.
    pub(crate) servers_cpu_s: f64,
    /// CPU seconds of this process.
    pub(crate) client_cpu_s: f64,
    /// Fsyncs of all logs; `None` if the servers do not say.
    pub(crate) fsyncs: Option<f64>,
    /// Memory of all servers at the end.
    pub(crate) resident_bytes: u64,
}

impl Servers {
    /// The processes whose ids stand in the files of a directory, and the addresses of their metrics.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(crate) fn find(pids: &Path, http: Vec<String>) -> Result<Self> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(pids).with_context(|| format!("reading {}", pids.display()))? {
            found.push(std::fs::read_to_string(entry?.path())?.trim().parse()?);
        }
        Ok(Self { pids: found, http })
    }

    /// These processes, which are not asked for metrics.
    pub(crate) const fn of(pids: Vec<u32>) -> Self {
        Self { pids, http: Vec::new() }
    }

    /// Looks at all of them.
    ///
    /// # Errors
    /// One is gone.
    pub(crate) async fn sample(&self) -> Result<Sample> {
        let (mut servers_cpu_s, mut resident_bytes, mut fsyncs) = (0.0, 0, None);
        for pid in &self.pids {
            servers_cpu_s += cpu_seconds(*pid)?;
            resident_bytes += resident(*pid)?;
        }
        for address in &self.http {
            let text = get(address, "/metrics").await?;
            fsyncs = fsyncs_in(&text).map(|count| count + fsyncs.unwrap_or(0.0)).or(fsyncs);
        }
        let client_cpu_s = cpu_seconds(std::process::id())?;
        Ok(Sample { at: Instant::now(), servers_cpu_s, client_cpu_s, fsyncs, resident_bytes })
    }
}

impl Sample {
    /// What was spent since an earlier one.
    #[must_use]
    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        Spent {
            time: self.at - earlier.at,
            servers_cpu_s: self.servers_cpu_s - earlier.servers_cpu_s,
            client_cpu_s: self.client_cpu_s - earlier.client_cpu_s,
            fsyncs: self.fsyncs.zip(earlier.fsyncs).map(|(now, then)| now - then),
            resident_bytes: self.resident_bytes,
        }
    }
}

fn cpu_seconds(pid: u32) -> Result<f64> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    cpu_seconds_in(&text).with_context(|| format!("/proc/{pid}/stat is not understood"))
}

/// Fields 14 and 15; the name in field 2 may hold spaces, but ends with the last parenthesis.
fn cpu_seconds_in(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (user, system): (f64, f64) = (fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn resident(pid: u32) -> Result<u64> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).with_context(|| format!("/proc/{pid}/status is not understood"))
}

/// Sum over the disks of one server. A latency histogram counts them best; else a counter.
fn fsyncs_in(metrics: &str) -> Option<f64> {
    sum(metrics, "fsync_seconds_count").or_else(|| sum(metrics, "fsyncs_total"))
}

fn sum(metrics: &str, ending: &str) -> Option<f64> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let name = series.split_once('{').map_or(series, |(name, _)| name);
        name.ends_with(ending).then(|| value.parse::<f64>().ok())?
    });
    lines.fold(None, |sum: Option<f64>, value| Some(sum.unwrap_or(0.0) + value))
}

/// What a server's HTTP port says.
///
/// # Errors
/// Nothing, or not in time.
pub(crate) async fn get(address: &str, path: &str) -> Result<String> {
    timeout(HTTP_TIMEOUT, got(address, path)).await.with_context(|| format!("{address}{path} does not answer"))?
}

/// HTTP/1.0 has no keep-alive and no chunks: what follows the empty line is the body.
async fn got(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("reaching {address}"))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{address}{path} gave no answer"))?;
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_spaces() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 5 0 0 0 250 150 0 0 20 0 4 0 100 1000 200";
        assert_eq!(cpu_seconds_in(stat), Some(4.0));
        assert!(cpu_seconds(std::process::id()).is_ok());
        assert!(resident(std::process::id()).is_ok_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn fsyncs_of_all_disks_are_summed() {
        let metrics = "# TYPE x histogram\ngodwit_log_fsync_seconds_count{disk=\"disk1\"} 3\n\
                       godwit_log_fsync_seconds_count{disk=\"disk2\"} 4\ngodwit_log_fsync_seconds_sum 9\n";
        assert_eq!(fsyncs_in(metrics), Some(7.0));
        assert_eq!(fsyncs_in("godwit_log_fsyncs_total 5"), Some(5.0));
        assert_eq!(fsyncs_in("godwit_other 5"), None);
    }
}

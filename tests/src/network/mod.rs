//! Breaking what connects processes that live on: one connection, or all that one host says to another.
//!
//! ```text
//!   hub: the bridge, and whoever watches         cut(a -> b): b drops what comes from a,
//!    |        |        |        |                without a word to either side
//!   meta    node1    node2   client1   …         one namespace each, one address each
//! ```

mod cuts;
mod namespace;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use self::cuts::Cuts;
use self::namespace::{Namespace, ip, tool};

pub use self::cuts::CutId;
pub(crate) use self::namespace::enter_and_run;

/// A range that is set aside for tests of network devices; nothing of it leaves the namespaces.
const SUBNET: [u8; 3] = [198, 18, 0];
const HOSTS_MAX: usize = 250;

static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// Hosts on a bridge: each a network namespace of its own. All of it is gone when this is dropped.
#[derive(Debug)]
pub struct Network {
    hub: Namespace,
    hosts: Vec<Host>,
    cuts: Mutex<Cuts>,
}

#[derive(Debug)]
struct Host {
    name: String,
    namespace: Namespace,
    address: Ipv4Addr,
}

impl Network {
    /// Whether this process may make namespaces, and the tools are there.
    #[must_use]
    pub fn possible() -> bool {
        let there = |program: &str| Command::new(program).arg("-V").output().is_ok();
        rustix::process::geteuid().is_root() && ["ip", "nft", "nsenter"].iter().all(|program| there(program))
    }

    /// Hosts of these names, all connected.
    ///
    /// # Errors
    /// The kernel or its tools refuse.
    pub fn lay(names: &[&str]) -> Result<Self> {
        if names.len() > HOSTS_MAX {
            bail!("{} hosts are more than one subnet holds", names.len());
        }
        namespace::sweep();
        let id = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let hub = Namespace::make(id, "hub")?;
        ip(&["-n", hub.name(), "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", hub.name(), "address", "add", &format!("{}/24", address(0)), "dev", "bridge"])?;
        ip(&["-n", hub.name(), "link", "set", "bridge", "up"])?;
        let mut network = Self { hub, hosts: vec![], cuts: Mutex::default() };
        for (index, name) in names.iter().enumerate() {
            let host = network.connect(id, name, address(index + 1))?;
            network.hosts.push(host);
        }
        Ok(network)
    }

    fn connect(&self, id: u32, name: &str, address: Ipv4Addr) -> Result<Host> {
        let (hub, namespace) = (self.hub.name(), Namespace::make(id, name)?);
        let (port, inside) = (format!("to-{name}"), namespace.name());
        ip(&["-n", hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", inside])?;
        ip(&["-n", hub, "link", "set", &port, "master", "bridge", "up"])?;
        ip(&["-n", inside, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        ip(&["-n", inside, "link", "set", "eth0", "up"])?;
        tool(namespace.command("nft").args(["-f", "-"]), cuts::RULES)?;
        Ok(Host { name: name.to_owned(), namespace, address })
    }

    /// The address of a host.
    ///
    /// # Errors
    /// There is no such host.
    pub fn address(&self, host: &str) -> Result<Ipv4Addr> {
        Ok(self.host(host)?.address)
    }

    /// Where the namespace of a host is to be entered.
    ///
    /// # Errors
    /// There is no such host.
    pub fn namespace(&self, host: &str) -> Result<PathBuf> {
        Ok(self.host(host)?.namespace.path())
    }

    /// Names of all hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| host.name.as_str())
    }

    /// What the first of each pair says does not reach the second any more, until this is mended.
    ///
    /// # Errors
    /// There is no such host, or the kernel refuses.
    pub fn cut(&self, pairs: &[(&str, &str)]) -> Result<CutId> {
        for (from, to) in pairs {
            self.host(from)?;
            self.host(to)?;
        }
        let mut cuts = self.cuts.lock();
        let id = cuts.add(pairs);
        self.enforce(&cuts)?;
        Ok(id)
    }

    /// Takes a cut back; what another one cuts as well stays cut.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn mend(&self, cut: CutId) -> Result<()> {
        let mut cuts = self.cuts.lock();
        cuts.remove(cut);
        self.enforce(&cuts)
    }

    /// Takes all cuts back.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn heal(&self) -> Result<()> {
        let mut cuts = self.cuts.lock();
        *cuts = Cuts::default();
        self.enforce(&cuts)
    }

    fn enforce(&self, cuts: &Cuts) -> Result<()> {
        for host in &self.hosts {
            let unheard = cuts.unheard_by(&host.name).map(|from| self.address(from)).collect::<Result<Vec<_>>>()?;
            tool(host.namespace.command("nft").args(["-f", "-"]), &cuts::set_to(&unheard))?;
        }
        Ok(())
    }

    /// Runs what is given on a runtime whose threads live in the hub: they reach every host, and no cut concerns them.
    ///
    /// # Errors
    /// What it fails with; the namespace cannot be entered.
    pub fn from_hub<T: Send, F: Future<Output = Result<T>>>(&self, run: impl FnOnce() -> F + Send) -> Result<T> {
        let within = || {
            self.hub.enter()?;
            self.hub.runtime()?.block_on(run())
        };
        // A thread of its own: the caller's stays where it is.
        let thread = std::thread::scope(|scope| scope.spawn(within).join());
        thread.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// A runtime whose threads live on a host. What is spawned on it speaks from that host's address.
    ///
    /// # Errors
    /// There is no such host, or it cannot be entered.
    pub fn runtime(&self, host: &str) -> Result<Runtime> {
        self.host(host)?.namespace.runtime()
    }

    fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name == name).with_context(|| format!("no host {name}"))
    }
}

fn address(index: usize) -> Ipv4Addr {
    let [a, b, c] = SUBNET;
    Ipv4Addr::new(a, b, c, u8::try_from(index + 1).unwrap_or(u8::MAX))
}

/// Ends every connection to an address as the kernel sees it; both sides find theirs broken. Needs root and a kernel
/// that lets sockets be destroyed.
///
/// # Errors
/// No such connection, or the kernel refuses.
pub fn break_connections_to(address: &str) -> Result<()> {
    let port = address.rsplit_once(':').map(|(_, port)| format!(":{port}")).context("no port")?;
    let filter = ["-K", "-H", "-t", "state", "established", "dport", "=", port.as_str()];
    let done = Command::new("ss").args(filter).output().context("cannot run ss")?;
    if done.status.success() && !done.stdout.is_empty() {
        return Ok(());
    }
    bail!("no connection to {address} was broken: {}", String::from_utf8_lossy(&done.stderr).trim())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    /// Whether a connection from `client` to `server` comes about soon.
    fn connects(network: &Network, client: &str, server: &str) -> bool {
        let (there, here) = (network.runtime(server).unwrap(), network.runtime(client).unwrap());
        let listener = there.block_on(there.spawn(TcpListener::bind((network.address(server).unwrap(), 7000))));
        let listener = listener.unwrap().unwrap();
        let to = listener.local_addr().unwrap();
        let attempt = here.spawn(async move { timeout(Duration::from_millis(500), TcpStream::connect(to)).await });
        here.block_on(attempt).unwrap().is_ok_and(|connected| connected.is_ok())
    }

    #[test]
    fn a_cut_concerns_two_hosts_and_no_other_until_it_is_mended() {
        if !Network::possible() {
            eprintln!("passed over: network namespaces need root, ip, nft and nsenter");
            return;
        }
        let network = Network::lay(&["a", "b", "c"]).unwrap();
        assert!(connects(&network, "a", "b"));
        let cut = network.cut(&[("a", "b"), ("b", "a")]).unwrap();
        let one_way = network.cut(&[("b", "a")]).unwrap();
        assert!(!connects(&network, "a", "b"));
        assert!(connects(&network, "a", "c") && connects(&network, "c", "b"));
        network.mend(cut).unwrap();
        assert!(!connects(&network, "a", "b"), "the answers are still cut");
        network.mend(one_way).unwrap();
        assert!(connects(&network, "a", "b") && connects(&network, "b", "a"));
        assert!(network.cut(&[("a", "nobody")]).is_err());
    }
}

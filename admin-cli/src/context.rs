//! What a command needs to reach the cluster: links that connect when first used, and the names of its nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use client::{Client, ClientOptions};
use common::rpc::meta_admin::{ClusterInfo, MetaAdminServiceClient, NodeInfo, TableInfo, TableRoute};
use common::rpc::node_admin::NodeAdminServiceClient;
use common::rpc::{
    CallError, Context as Deadline, ErrorCode, Link, LinkOptions, RpcError, Secret, WireError, WireResult,
};
use common::types::{Gpid, PartitionConfig, PeerId};

use crate::args::{Global, NodeName};
use crate::progress::Progress;

/// The tool's view of the cluster, kept through a session of the shell.
#[derive(Debug)]
pub struct Context {
    timeout: Duration,
    json: bool,
    links: Arc<LinkOptions>,
    meta: Vec<Link<MetaAdminServiceClient>>,
    nodes: Mutex<BTreeMap<String, Link<NodeAdminServiceClient>>>,
    addresses: Mutex<BTreeMap<PeerId, String>>,
    /// Made at the first use: it must be within the runtime.
    client: OnceLock<Client>,
    servers: Vec<String>,
}

impl Context {
    /// From the command line; connects to nothing yet.
    ///
    /// # Errors
    /// The secret cannot be read.
    pub fn new(global: &Global) -> WireResult<Self> {
        let secret = global.secret_file.as_deref().map(Secret::read).transpose();
        let secret = secret.map_err(|error| WireError::new(ErrorCode::InvalidArgument, error.to_string(), ""))?;
        let links = Arc::new(LinkOptions { secret, ..LinkOptions::default() });
        let meta = global.meta.iter().map(|address| Link::new(address.clone(), links.clone())).collect();
        Ok(Self {
            timeout: global.timeout,
            json: global.json,
            links,
            meta,
            nodes: Mutex::default(),
            addresses: Mutex::default(),
            client: OnceLock::new(),
            servers: global.meta.clone(),
        })
    }

    /// Sets whether the next commands print JSON.
    pub fn set_json(&mut self, json: bool) {
        self.json = json;
    }

    /// Whether one JSON document is to be printed, and nothing else.
    #[must_use]
    pub const fn json(&self) -> bool {
        self.json
    }

    /// Deadline of one call.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Progress on stderr; hidden with `--json`.
    #[must_use]
    pub fn progress(&self, total: u64, what: &'static str) -> Progress {
        Progress::new(total, what, self.json)
    }

    /// Asks the meta server, the next one if a first cannot be reached.
    ///
    /// # Errors
    /// The server's, or that none can be reached.
    pub async fn meta<T>(
        &self,
        call: impl AsyncFn(MetaAdminServiceClient, Deadline) -> Result<WireResult<T>, RpcError>,
    ) -> WireResult<T> {
        Ok(self.meta_named(call).await?.1)
    }

    /// The same, and the address of the one that answered.
    ///
    /// # Errors
    /// As [`Context::meta`].
    pub async fn meta_named<T>(
        &self,
        call: impl AsyncFn(MetaAdminServiceClient, Deadline) -> Result<WireResult<T>, RpcError>,
    ) -> WireResult<(String, T)> {
        let mut last = WireError::new(ErrorCode::InvalidArgument, "no meta server is given", "give one with --meta");
        for link in &self.meta {
            match link.call(self.timeout, |client, deadline| call(client, deadline)).await {
                Ok(answer) => return Ok((link.address().to_owned(), answer?)),
                // It surely was not received, so another may be asked.
                Err(CallError::NotSent(error)) => last = error,
                Err(CallError::Lost(error)) => return Err(error),
            }
        }
        Err(last)
    }

    /// Asks a node.
    ///
    /// # Errors
    /// The node's, or that it cannot be reached.
    pub async fn node<T>(
        &self,
        address: &str,
        call: impl AsyncFn(NodeAdminServiceClient, Deadline) -> Result<WireResult<T>, RpcError>,
    ) -> WireResult<T> {
        self.node_within(address, self.timeout, call).await
    }

    /// Asks a node for something that may take longer than a usual call.
    ///
    /// # Errors
    /// As [`Context::node`].
    pub async fn node_within<T>(
        &self,
        address: &str,
        within: Duration,
        call: impl AsyncFn(NodeAdminServiceClient, Deadline) -> Result<WireResult<T>, RpcError>,
    ) -> WireResult<T> {
        let link = self.link(address);
        link.ask(within, |client, deadline| call(client, deadline)).await
    }

    fn link(&self, address: &str) -> Link<NodeAdminServiceClient> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Link::new(address, self.links.clone());
        nodes.entry(address.to_owned()).or_insert_with(new).clone()
    }

    /// The client, for records.
    pub fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let options = ClientOptions::new(self.servers.iter().cloned());
            Client::new(ClientOptions { secret: self.links.secret.clone(), deadline: self.timeout, ..options })
        })
    }

    /// The cluster and its nodes.
    ///
    /// # Errors
    /// The meta server's, or that it cannot be reached.
    pub async fn cluster(&self) -> WireResult<ClusterInfo> {
        let cluster = self.meta(async |meta, deadline| meta.cluster(deadline).await).await?;
        self.learn(cluster.nodes.iter().map(|node| (node.peer_id, node.address.clone())));
        Ok(cluster)
    }

    /// All tables.
    ///
    /// # Errors
    /// As [`Context::cluster`].
    pub async fn tables(&self) -> WireResult<Vec<TableInfo>> {
        self.meta(async |meta, deadline| meta.tables(deadline).await).await
    }

    /// A table's route.
    ///
    /// # Errors
    /// As [`Context::cluster`]; unknown table.
    pub async fn route(&self, table: &str) -> WireResult<TableRoute> {
        let route = self.meta(async |meta, deadline| meta.route(deadline, table.to_owned()).await).await?;
        self.learn(route.nodes.iter().cloned());
        Ok(route)
    }

    /// A partition's configuration.
    ///
    /// # Errors
    /// As [`Context::cluster`]; unknown partition.
    pub async fn partition(&self, gpid: Gpid) -> WireResult<Arc<PartitionConfig>> {
        let unknown = || {
            let hint = "'ls' shows the tables, 'app TABLE -d' their partitions";
            WireError::new(ErrorCode::UnknownPartition, format!("there is no partition {gpid}"), hint)
        };
        let tables = self.tables().await?;
        let table = tables.into_iter().find(|table| table.table_id == gpid.table_id).ok_or_else(unknown)?;
        let route = self.route(&table.name).await?;
        route.configs.into_iter().find(|config| config.gpid == gpid).ok_or_else(unknown)
    }

    /// The node that an operator named.
    ///
    /// # Errors
    /// As [`Context::cluster`]; unknown node.
    pub async fn find_node(&self, name: &NodeName) -> WireResult<NodeInfo> {
        pick_node(self.cluster().await?.nodes, name)
    }

    /// A node's address.
    ///
    /// # Errors
    /// As [`Context::cluster`]; unknown node.
    pub async fn address(&self, peer: PeerId) -> WireResult<String> {
        let known = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned();
        match known {
            Some(address) => Ok(address),
            None => Ok(self.find_node(&NodeName::Peer(peer)).await?.address),
        }
    }

    fn learn(&self, nodes: impl Iterator<Item = (PeerId, String)>) {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).extend(nodes);
    }
}

fn pick_node(nodes: Vec<NodeInfo>, name: &NodeName) -> WireResult<NodeInfo> {
    let known: Vec<String> = nodes.iter().map(|node| node.address.clone()).collect();
    let named = |node: &NodeInfo| match name {
        NodeName::Address(address) => node.address == *address,
        NodeName::Peer(peer) => node.peer_id == *peer,
    };
    nodes.into_iter().find(named).ok_or_else(|| {
        let shown = match name {
            NodeName::Address(address) => address.clone(),
            NodeName::Peer(peer) => format!("with peer id {peer}"),
        };
        let hint = match known.as_slice() {
            [] => "no node has registered yet".to_owned(),
            known => format!("the nodes are {}", known.join(", ")),
        };
        WireError::new(ErrorCode::UnknownNode, format!("there is no node {shown}"), hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<NodeInfo> {
        let node = |peer: u64| NodeInfo {
            peer_id: PeerId(peer),
            address: format!("127.0.0.1:{}", 34801 + peer),
            resp: None,
            alive: true,
            loaded: true,
            replicas: 0,
            primaries: 0,
            secondaries: 0,
            learners: 0,
            silent_ms: None,
            disks: vec![],
            draining: false,
            drain_blocked: None,
        };
        vec![node(0), node(1)]
    }

    #[test]
    fn a_node_is_found_by_address_and_by_peer_id() {
        let by_address = pick_node(nodes(), &NodeName::Address("127.0.0.1:34802".to_owned())).unwrap();
        assert_eq!(by_address, pick_node(nodes(), &NodeName::Peer(PeerId(1))).unwrap());
    }

    #[test]
    fn an_unknown_node_is_refused_with_the_known_ones() {
        let error = pick_node(nodes(), &NodeName::Peer(PeerId(7))).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnknownNode);
        assert!(error.hint.contains("127.0.0.1:34801, 127.0.0.1:34802"), "{error:?}");
    }
}

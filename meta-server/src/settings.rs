//! Settings of the meta server, each with its default and meaning.

use std::path::PathBuf;

use common::config::{HumanDuration, Settings};
use common::logging::LoggingSettings;
use meta_state::policy::GuardianOptions;
use serde::{Deserialize, Serialize};

/// Which store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// An embedded RocksDB in `data_dir`.
    #[default]
    Rocks,
    /// Nothing survives the process.
    Memory,
}

/// Settings of the meta server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetaSettings {
    /// Directory of the metadata.
    pub data_dir: PathBuf,
    /// Address of the rpc port.
    pub listen: String,
    /// Address of the http port.
    pub http: String,
    /// Where metadata is kept.
    pub store: StoreKind,
    /// File with the cluster secret.
    pub secret_file: Option<PathBuf>,
    /// Any address without a secret.
    pub insecure: bool,
    /// File with the token of changing requests over HTTP.
    pub admin_token_file: Option<PathBuf>,
    /// Whether lost copies are made anew.
    pub enable_region_failover: bool,
    /// Patience with nodes that are away.
    pub replica_lost_delay: HumanDuration,
    /// Copies made anew at once.
    pub max_rebuilds: usize,
    /// Patience with nodes that come and go.
    pub node_steady_after: HumanDuration,
    /// Log lines.
    pub logging: LoggingSettings,
}

impl Default for MetaSettings {
    fn default() -> Self {
        let guardian = GuardianOptions::default();
        Self {
            data_dir: PathBuf::from("godwit-meta"),
            listen: "127.0.0.1:34601".to_owned(),
            http: "127.0.0.1:3002".to_owned(),
            store: StoreKind::Rocks,
            secret_file: None,
            insecure: false,
            admin_token_file: None,
            enable_region_failover: guardian.enable_region_failover,
            replica_lost_delay: HumanDuration(guardian.replica_lost_delay),
            max_rebuilds: guardian.max_rebuilds,
            node_steady_after: HumanDuration(guardian.node_steady_after),
            logging: LoggingSettings::default(),
        }
    }
}

impl Settings for MetaSettings {
    fn docs() -> Vec<(&'static str, &'static str)> {
        let mut docs = vec![
            ("data_dir", "Directory of the metadata."),
            ("listen", "Address of the rpc port, host:port."),
            ("http", "Address of the http port, host:port."),
            ("store", "Where metadata is kept: rocks (in data_dir) or memory (lost at the end of the process)."),
            ("secret_file", "File with the cluster secret; without one only loopback addresses are listened on."),
            ("insecure", "Whether any address may be listened on without a secret and without an admin token."),
            (
                "admin_token_file",
                "File with the token that changing requests over HTTP need; without one only a loopback http address is listened on.",
            ),
            ("enable_region_failover", "Whether the copies of a lost node are made anew elsewhere."),
            ("replica_lost_delay", "How long a node may be away before its copies are made anew elsewhere."),
            ("max_rebuilds", "How many copies are made anew at once in the whole cluster; 0: none."),
            (
                "node_steady_after",
                "How long a node that came back more than twice within ten minutes must be heard before it is given copies; doubled with each further comeback, at most 10m; 0s: it is trusted at once.",
            ),
        ];
        docs.extend(LoggingSettings::DOCS);
        docs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_documented() {
        assert_eq!(common::config::undocumented::<MetaSettings>(), Vec::<String>::new());
    }
}

//! Settings of the policies.

use std::time::Duration;

/// Settings of the guardian, and of what places copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardianOptions {
    /// How long a node may be away before its copies are made anew elsewhere. Default 10 min.
    pub replica_lost_delay: Duration,
    /// How many copies are made anew at once in the whole cluster. Default 8.
    pub max_rebuilds: usize,
    /// Whether they are made anew at all. Appointments and take-overs do not depend on it. Default: they are.
    pub enable_region_failover: bool,
    /// How long a node that comes and goes must be heard before it is given copies; doubled with each further comeback, up
    /// to 10 min. Default 30 s; 0: every node is trusted at once.
    pub node_steady_after: Duration,
}

impl Default for GuardianOptions {
    fn default() -> Self {
        Self {
            replica_lost_delay: Duration::from_secs(600),
            max_rebuilds: 8,
            enable_region_failover: true,
            node_steady_after: Duration::from_secs(30),
        }
    }
}

//! Settings of the protocol, each with its default and unit.

use std::time::Duration;

/// Settings of the protocol.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often a node beacons the nodes it is primary over. Default 500 ms.
    pub beacon: Duration,
    /// How long a granted beacon lets a primary serve, from when it was sent. Default 2.5 s.
    pub lease: Duration,
    /// How long a secondary waits after its last answer before it asks to be primary. Default 3 s.
    pub grace: Duration,
    /// Greatest drift between two nodes' clocks, in parts per million. Default 10,000 (1 %).
    pub drift_ppm: u32,
    /// What remains between lease and grace beyond drift. Default 100 ms.
    pub margin: Duration,
    /// After this a member that does not answer a prepare is proposed to be dropped. Default 3 s.
    pub prepare_timeout: Duration,
    /// Unanswered prepares are sent again after this. Default 300 ms.
    pub resend: Duration,
    /// The commit point reaches idle secondaries within this. Default 100 ms.
    pub commit_notice: Duration,
    /// A mutation carries at most so many client writes. Default 256.
    pub batch_writes: usize,
    /// A mutation carries at most so many bytes (one larger write goes alone). Default 1 MiB.
    pub batch_bytes: usize,
    /// Mutations on the wire at once. A second one is sent only when the batch is full. Default 4.
    pub max_in_flight: usize,
    /// Whether writes wait for [`crate::Event::Gathered`] before they form a mutation, so that those that arrive
    /// together share one. Default false.
    pub gather: bool,
    /// Client writes waiting for a mutation; past it they are refused as busy. Default 4096.
    pub queue_writes: usize,
    /// Committed mutations kept for learners and laggards, in bytes. Default 8 MiB.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            beacon: Duration::from_millis(500),
            lease: Duration::from_millis(2500),
            grace: Duration::from_secs(3),
            drift_ppm: 10_000,
            margin: Duration::from_millis(100),
            prepare_timeout: Duration::from_secs(3),
            resend: Duration::from_millis(300),
            commit_notice: Duration::from_millis(100),
            batch_writes: 256,
            batch_bytes: 1 << 20,
            max_in_flight: 4,
            gather: false,
            queue_writes: 4096,
            cache_bytes: 8 << 20,
        }
    }
}

/// Why options are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("grace {grace:?} is too short for a lease of {lease:?}: at least {needed:?} is needed")]
pub struct GraceTooShort {
    lease: Duration,
    grace: Duration,
    needed: Duration,
}

impl Options {
    /// Checks `grace >= lease * (1+rho)/(1-rho) + margin` (rule LEASES, PacificA section 3).
    ///
    /// # Errors
    /// [`GraceTooShort`].
    pub fn validate(&self) -> Result<(), GraceTooShort> {
        let rho = f64::from(self.drift_ppm) / 1e6;
        let needed = self.lease.mul_f64((1.0 + rho) / (1.0 - rho)) + self.margin;
        if self.grace >= needed {
            return Ok(());
        }
        Err(GraceTooShort { lease: self.lease, grace: self.grace, needed })
    }
}

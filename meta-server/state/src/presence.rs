//! Nodes that come and go: how often each came back lately, and since when it has been heard without interruption.
//!
//! ```text
//! heard ──silent for DEAD_AFTER, heard again──► a comeback
//!       ──another process registers───────────► a comeback
//!
//! comebacks within 10 minutes      a node is trusted with new copies
//! 0, 1, 2                          at once
//! 3, 4, 5, …                       once it was heard for `node_steady_after`, twice that, four times that, …
//! ```
//! Not durable: what came back before this process of the meta server began counts for nothing. When the meta server
//! hears nobody at all it is the one that was away, and no node is blamed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::types::{PeerId, Time};

use crate::node::DEAD_AFTER;

/// Comebacks count for so long.
pub(crate) const LATELY: Duration = Duration::from_secs(600);
/// So many of them are forgiven: a restart, and one more because the first was not enough.
const FORGIVEN: usize = 2;
/// A node that was heard for so long is trusted, however often it came back.
const STEADY_MAX: Duration = Duration::from_secs(600);
/// Comebacks remembered; more make no difference.
const COMEBACKS_MAX: usize = 32;

/// Why a node is not trusted for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distrust {
    /// Comebacks lately.
    pub comebacks: u32,
    /// When it came back once too often.
    pub since: Time,
    /// How long it must be heard without interruption.
    pub needed: Duration,
    /// How much of that is left.
    pub left: Duration,
}

/// Of one node.
#[derive(Clone, Debug, Default)]
struct Presence {
    comebacks: VecDeque<Time>,
    /// The first heartbeat since it last came back.
    heard_since: Option<Time>,
}

impl Presence {
    fn comes_back(&mut self, now: Time) {
        self.heard_since = None;
        self.comebacks.push_back(now);
        self.comebacks.drain(..self.comebacks.len().saturating_sub(COMEBACKS_MAX));
    }

    fn distrust(&self, steady_after: Duration, alive: bool, now: Time) -> Option<Distrust> {
        let lately: Vec<Time> = self.comebacks.iter().copied().filter(|at| now.since(*at) < LATELY).collect();
        let since = *lately.get(FORGIVEN)?;
        let doublings = lately.len() - FORGIVEN - 1;
        let needed = steady_after.saturating_mul(1 << doublings.min(16)).min(STEADY_MAX);
        let heard_for = self.heard_since.filter(|_| alive).map_or(Duration::ZERO, |since| now.since(since));
        let left = needed.checked_sub(heard_for).filter(|left| !left.is_zero())?;
        Some(Distrust { comebacks: u32::try_from(lately.len()).unwrap_or(u32::MAX), since, needed, left })
    }
}

/// Of all nodes that were heard of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presences {
    nodes: BTreeMap<PeerId, Presence>,
    /// Somebody has been heard since then without interruption, and last at `last`.
    hearing: Time,
    last: Time,
}

impl Presences {
    /// A process of the node registers that is not the one known before.
    pub(crate) fn registered(&mut self, peer: PeerId, now: Time) {
        if let Some(known) = self.nodes.get_mut(&peer) {
            known.comes_back(now);
        } else {
            self.nodes.insert(peer, Presence::default());
        }
    }

    /// A heartbeat, and when the same process was heard before.
    pub(crate) fn heard(&mut self, peer: PeerId, before: Option<Time>, now: Time) {
        if now.since(self.last) >= DEAD_AFTER {
            self.hearing = now;
        }
        self.last = now;
        let silent = before.map(|before| now.since(before.max(self.hearing)));
        let node = self.nodes.entry(peer).or_default();
        if silent.is_some_and(|silent| silent >= DEAD_AFTER) {
            node.comes_back(now);
        }
        node.heard_since.get_or_insert(now);
    }

    /// Why this node is not trusted for now; `alive`: it heartbeats.
    pub(crate) fn distrust(&self, peer: PeerId, steady_after: Duration, alive: bool, now: Time) -> Option<Distrust> {
        self.nodes.get(&peer)?.distrust(steady_after, alive, now)
    }
}

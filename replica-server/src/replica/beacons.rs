//! Beacons between nodes: one per node pair for all partitions, each partition's lease fed to its own core.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::types::{Ballot, Beacon, BeaconAnswer, Gpid, PeerId};
use pacifica::Event;
use pacifica::beacon::{BeaconReceiver, BeaconSender};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::node::Node;

/// Rosters that change in quick succession share a beacon.
const GATHER: Duration = Duration::from_millis(2);

/// Both directions of this node's beacons.
#[derive(Default)]
pub(crate) struct Beacons {
    senders: Mutex<BTreeMap<PeerId, BeaconSender>>,
    receivers: Mutex<BTreeMap<PeerId, BeaconReceiver>>,
    changed: Notify,
    wanted: AtomicBool,
}

impl Beacons {
    /// A roster changed: the next beacon is due now.
    pub(crate) fn roster_changed(&self) {
        self.changed.notify_one();
    }

    /// Somebody is ready to grant what it may have refused before: the next beacon is due now.
    pub(crate) fn wanted(&self) {
        self.wanted.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Answers a beacon; every grant is noted before the answer leaves (rule TAKE-OVER).
    pub(crate) fn receive(&self, node: &Node, from: PeerId, beacon: &Beacon) -> BeaconAnswer {
        let mut receivers = self.receivers.lock();
        let receiver = receivers.entry(from).or_default();
        let grants = |gpid: Gpid, ballot: Ballot| {
            node.registry.get(gpid).is_some_and(|replica| replica.grant(from, ballot, node.clock.mono()))
        };
        receiver.receive(beacon, grants, node.process).0
    }

    /// Sends until the process ends.
    pub(crate) async fn run(node: Arc<Node>) {
        let mut due = tokio::time::interval(node.options.beacon);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = node.beacons.changed.notified() => tokio::time::sleep(GATHER).await,
            }
            Self::round(&node);
        }
    }

    fn round(node: &Arc<Node>) {
        let now = node.clock.mono();
        let rosters = node.registry.rosters();
        let mut senders = node.beacons.senders.lock();
        for peer in rosters.keys() {
            senders.entry(*peer).or_insert_with(|| BeaconSender::new(node.process, node.options.beacon));
        }
        let (empty, wanted) = (BTreeMap::new(), node.beacons.wanted.swap(false, Ordering::Relaxed));
        for (peer, sender) in senders.iter_mut() {
            if wanted {
                sender.hasten();
            }
            if let Some(beacon) = sender.tick(now, rosters.get(peer).unwrap_or(&empty)) {
                tokio::spawn(Self::send(Arc::clone(node), *peer, beacon));
            }
        }
    }

    async fn send(node: Arc<Node>, peer: PeerId, beacon: Beacon) {
        let Some(link) = node.peers.link(peer) else { return };
        let me = node.peer;
        let sent =
            link.call(node.options.lease, |client, context| async move { client.beacon(context, me, beacon).await });
        let Ok(answer) = sent.await else { return };
        let granted = match node.beacons.senders.lock().get_mut(&peer) {
            Some(sender) => sender.answered(&answer),
            None => return,
        };
        if answer.need_whole_roster {
            node.beacons.roster_changed();
        }
        for (gpid, ballot, sent_at) in granted {
            if let Some(replica) = node.registry.get(gpid) {
                replica.event(Event::LeaseGranted { by: peer, ballot, sent_at });
            }
        }
    }
}

//! What an operator should know of because it does not get well by itself, or not soon: each with since when, and what to
//! do. Pure: a look at the same state as the guardian's; whoever asks remembers what was told before.

use std::time::Duration;

use common::alarm::{Alarm, AlarmKind, AlarmSubject};
use common::types::{Ballot, Now, PartitionConfig, PeerId, Time};

use super::options::GuardianOptions;
use super::outlook::Outlook;
use super::placement::Loads;
use crate::cluster::Cluster;
use crate::node::Node;
use crate::partition::Partition;

/// A partition that nobody leads for so long does not find a leader by itself: a take-over takes seconds.
const NO_PRIMARY_GRACE: Duration = Duration::from_secs(30);
/// Nodes start and stop; a place that is missing for a moment is no alarm.
const NO_ROOM_GRACE: Duration = Duration::from_secs(30);
/// Nodes named in a message.
const NAMED_MAX: usize = 3;

/// What is the matter now, the most urgent kind first, then in order of partitions and nodes.
#[must_use]
pub fn alarms(cluster: &Cluster, options: GuardianOptions, now: Now) -> Vec<Alarm> {
    let look = Outlook { cluster, options, now };
    let loads = Loads::of(cluster, options.node_steady_after, now.mono);
    let of_partition = |partition| {
        let found = [look.no_primary(partition), look.no_room(partition, &loads), look.cures_in_vain(partition)];
        found.into_iter().flatten()
    };
    let of_nodes = cluster.nodes().filter_map(|node| look.node_unsteady(node));
    let mut alarms: Vec<Alarm> = cluster.live_partitions().flat_map(of_partition).chain(of_nodes).collect();
    alarms.sort_by_key(|alarm| (alarm.kind, alarm.subject));
    alarms
}

impl Outlook<'_> {
    fn no_primary(&self, partition: &Partition) -> Option<Alarm> {
        let config = &partition.config;
        let led = self.cluster.pace(config.gpid).led;
        if self.now.mono.since(led) < NO_PRIMARY_GRACE {
            return None;
        }
        let message =
            format!("partition {} is led by nobody that is heard: {}", config.gpid, self.why_unled(partition));
        let hint = format!(
            "bring {} back; if they are lost for good: admin-cli recover -g {} --node-is-dead NODE",
            self.names(config.copies().map(|copy| copy.peer)),
            config.gpid
        );
        Some(self.alarm(AlarmKind::NoPrimary, AlarmSubject::Partition(config.gpid), led, message, hint))
    }

    fn why_unled(&self, partition: &Partition) -> String {
        let config = &partition.config;
        let silent = |peer| self.cluster.vitals(peer, self.now.mono).is_none();
        match (config.primary, config.learners.first()) {
            _ if partition.frozen.is_some() => "a copy knows a later ballot than was ever given".to_owned(),
            (Some(primary), _) if silent(primary.peer) => {
                format!("{}, which leads it, does not heartbeat", self.cluster.name_of(primary.peer))
            }
            (None, Some(first)) if config.ballot == Ballot(0) => {
                format!("its first copy has not come to be on {}", self.cluster.name_of(first.peer))
            }
            _ => "none of its members says that it leads".to_owned(),
        }
    }

    fn no_room(&self, partition: &Partition, loads: &Loads) -> Option<Alarm> {
        let config = &partition.config;
        let lacks = config.ballot > Ballot(0) && self.lacks_copies(partition) && !self.is_left_to_a_job(partition);
        if !lacks || self.unhealthy_for(partition) < NO_ROOM_GRACE || loads.has_place(self.cluster, partition) {
            return None;
        }
        if self.waits_for_return(partition, loads) || self.returned(partition, loads).is_some() {
            return None;
        }
        let (there, wanted) = (config.copies().count(), config.replica_count);
        let message = format!(
            "partition {} has {there} of {wanted} copies, and no node may take another{}",
            config.gpid,
            self.why_not(config)
        );
        let hint = "bring nodes back or add one (admin-cli nodes), or make room (admin-cli disk-capacity -n NODE)";
        let since = self.cluster.pace(config.gpid).unhealthy?;
        Some(self.alarm(AlarmKind::NoRoom, AlarmSubject::Partition(config.gpid), since, message, hint.to_owned()))
    }

    /// Why the nodes without a copy get none.
    fn why_not(&self, config: &PartitionConfig) -> String {
        let others = self.cluster.nodes().filter(|node| config.copy_on(node.peer).is_none());
        let reasons = others.map(|node| format!("{} {}", self.cluster.name_of(node.peer), self.unfit(config, node)));
        let reasons: Vec<String> = reasons.take(NAMED_MAX).collect();
        if reasons.is_empty() { ": all hold one".to_owned() } else { format!(": {}", reasons.join(", ")) }
    }

    fn unfit(&self, config: &PartitionConfig, node: &Node) -> &'static str {
        let bytes = self.cluster.copy_bytes(config, self.now.mono);
        let fits = || self.cluster.room_for(config.gpid, node.peer, self.now.mono).is_none_or(|room| room.fits(bytes));
        match self.cluster.vitals(node.peer, self.now.mono) {
            None => "does not heartbeat",
            Some(_) if node.draining => "is drained",
            Some(vitals) if vitals.stopping || !vitals.loaded => "starts or stops",
            Some(vitals) if !vitals.has_room() => "has no disk that takes replicas",
            Some(_) if !fits() => "has no disk with room for it",
            Some(_) if self.is_unsteady(node.peer) => "came back too often lately",
            Some(_) => "still holds an old copy",
        }
    }

    fn cures_in_vain(&self, partition: &Partition) -> Option<Alarm> {
        let (config, pace) = (&partition.config, self.cluster.pace(partition.config.gpid));
        if self.futile_tries(partition) == 0 {
            return None;
        }
        let (tries, pause) = (pace.learners, self.pause(partition));
        let message = format!(
            "partition {} has {} of {} members; {tries} new copies were begun since it had all, and the next waits for {pause:?}",
            config.gpid,
            config.member_count(),
            config.replica_count
        );
        let hint = "see admin-cli jobs --kind region, and the logs of its nodes for why copies fail: disks, memory, connections";
        let subject = AlarmSubject::Partition(config.gpid);
        let alarm = self.alarm(AlarmKind::CuresInVain, subject, pace.unhealthy?, message, hint.to_owned());
        Some(Alarm { count: Some(tries), ..alarm })
    }

    fn node_unsteady(&self, node: &Node) -> Option<Alarm> {
        let peer = node.peer;
        let distrust = self.cluster.distrust(peer, self.options.node_steady_after, self.now.mono)?;
        let message = format!(
            "{} came back {} times lately; it is given no copies until it was heard for {:?}",
            self.cluster.name_of(peer),
            distrust.comebacks,
            distrust.needed
        );
        let hint = format!(
            "find out why it comes and goes (its log, memory, disks, network); admin-cli node-drain -n {peer} empties it meanwhile"
        );
        let alarm = self.alarm(AlarmKind::NodeUnsteady, AlarmSubject::Node(peer), distrust.since, message, hint);
        Some(Alarm { count: Some(distrust.comebacks), ..alarm })
    }

    fn names(&self, peers: impl Iterator<Item = PeerId>) -> String {
        let names: Vec<String> = peers.take(NAMED_MAX).map(|peer| self.cluster.name_of(peer)).collect();
        if names.is_empty() { "its nodes".to_owned() } else { names.join(", ") }
    }

    fn alarm(&self, kind: AlarmKind, subject: AlarmSubject, since: Time, message: String, hint: String) -> Alarm {
        let ago = u64::try_from(self.now.mono.since(since).as_millis()).unwrap_or(u64::MAX);
        Alarm { kind, subject, since_ms: Some(self.now.wall_ms.saturating_sub(ago)), count: None, message, hint }
    }
}

//! A few copies on a perfect network, with a meta server that does what it is asked: the whole life of a partition.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::beacon::{BeaconReceiver, BeaconSender};
use common::types::ProcessId;

/// Copies by peer, their network, and the configuration in force.
struct Cluster {
    copies: BTreeMap<u64, Bench>,
    wire: VecDeque<(u64, Event)>,
    config: PartitionConfig,
    beacons: BTreeMap<(u64, u64), (BeaconSender, BeaconReceiver)>,
    done: Vec<u64>,
}

impl Cluster {
    /// A partition of three at ballot 0, on peer 0.
    fn new() -> Self {
        let config = PartitionConfig { primary: None, ..config(0, &[], &[0]) };
        let mut cluster =
            Self { copies: BTreeMap::new(), wire: VecDeque::new(), config, beacons: BTreeMap::new(), done: Vec::new() };
        cluster.create(0);
        cluster.change(|config| {
            config.primary = config.learners.pop();
            config.appointed = Some(config.ballot);
        });
        cluster
    }

    fn create(&mut self, peer: u64) {
        self.copies.insert(peer, Bench::new(peer));
        if let Some(other) = self.copies.values().map(|bench| bench.now).max() {
            self.copies.get_mut(&peer).unwrap().now = other;
        }
    }

    fn change(&mut self, how: impl FnOnce(&mut PartitionConfig)) {
        self.config.ballot = self.config.ballot.next();
        how(&mut self.config);
        let config = Arc::new(self.config.clone());
        for peer in self.copies.keys() {
            self.wire.push_back((*peer, Event::Config(config.clone())));
        }
        self.run();
    }

    fn add_learner(&mut self, peer: u64) {
        self.create(peer);
        self.change(|config| config.learners.push(member(peer)));
    }

    fn run(&mut self) {
        while let Some((peer, event)) = self.wire.pop_front() {
            let Some(bench) = self.copies.get_mut(&peer) else { continue };
            for effect in bench.step(event) {
                self.perform(peer, effect);
            }
        }
    }

    fn perform(&mut self, peer: u64, effect: Effect) {
        match effect {
            Effect::Append { seq, .. } => self.wire.push_back((peer, Event::Appended { seq })),
            Effect::PersistBallot { ballot } => self.wire.push_back((peer, Event::BallotPersisted { ballot })),
            Effect::Send { envelope, .. } => self.wire.push_back((envelope.to.peer.0, Event::Message(envelope))),
            Effect::Apply { tokens, .. } => self.done.extend(tokens.iter().map(|token| token.0)),
            Effect::Propose { expected, change, .. } if expected == self.config.ballot => self.decide(change),
            Effect::StartLearn { primary, ballot, from } => {
                let found = self.copies.get(&primary.peer.0).and_then(|bench| bench.replica.cached(from));
                self.wire.push_back((peer, Event::Learned { ballot, mutations: found.unwrap_or_default() }));
                self.wire.push_back((peer, Event::LearnEnded { ballot }));
            }
            Effect::Propose { .. }
            | Effect::Answer { .. }
            | Effect::StopLearn
            | Effect::Truncated { .. }
            | Effect::RoleChanged { .. } => {}
        }
    }

    fn decide(&mut self, change: ConfigChange) {
        self.change(|config| match change {
            ConfigChange::Promote { learner } => {
                config.learners.retain(|m| *m != learner);
                config.secondaries.push(learner);
            }
            ConfigChange::Drop { member, .. } => config.secondaries.retain(|m| *m != member),
            ConfigChange::HandOver { to } => {
                config.secondaries.retain(|m| *m != to);
                config.secondaries.extend(config.primary.replace(to));
                (config.consented, config.appointed) = (true, None);
            }
            ConfigChange::TakeOver { by } => {
                config.secondaries.retain(|m| *m != by);
                config.primary = Some(by);
                (config.consented, config.appointed) = (false, None);
            }
            other => panic!("{other:?}"),
        });
    }

    fn beacon(&mut self, from: u64, to: u64) {
        let fresh =
            || (BeaconSender::new(ProcessId(from.into()), Options::default().beacon), BeaconReceiver::default());
        let (sender, receiver) = self.beacons.entry((from, to)).or_insert_with(fresh);
        let (Some(a), Some(b)) = (self.copies.get(&from), self.copies.get(&to)) else { return };
        let roster = a.replica.roster().into_iter().filter(|(peer, _)| peer.0 == to).map(|(_, ballot)| (GPID, ballot));
        let Some(beacon) = sender.tick(a.now, &roster.collect()) else { return };
        let grants = |_, ballot| b.replica.grants(PeerId(from), ballot);
        let (answer, granted) = receiver.receive(&beacon, grants, ProcessId(to.into()));
        if !granted.is_empty() {
            self.wire.push_back((to, Event::BeaconAnswered { primary: PeerId(from), at: b.now }));
        }
        for (_, ballot, sent_at) in sender.answered(&answer) {
            self.wire.push_back((from, Event::LeaseGranted { by: PeerId(to), ballot, sent_at }));
        }
    }

    fn pass(&mut self, ms: u64) {
        let peers: Vec<u64> = self.copies.keys().copied().collect();
        for _ in 0..ms / 100 {
            for peer in &peers {
                self.copies.get_mut(peer).unwrap().now = self.copies[peer].now + Duration::from_millis(100);
                self.wire.push_back((*peer, Event::Tick));
                for other in peers.iter().filter(|other| *other != peer) {
                    self.beacon(*peer, *other);
                }
            }
            self.run();
        }
    }

    fn write(&mut self, token: u64) {
        let primary = self.config.primary.unwrap().peer.0;
        self.wire.push_back((primary, Event::Write { token: Token(token), writes: writes("k") }));
        self.run();
    }

    fn three() -> Self {
        let mut cluster = Self::new();
        for peer in [1, 2] {
            cluster.add_learner(peer);
            cluster.pass(1000);
        }
        assert_eq!(cluster.config.member_count(), 3);
        cluster
    }

    fn committed(&self) -> Vec<u64> {
        self.copies.values().map(|bench| bench.replica.committed().0).collect()
    }
}

#[test]
fn learners_become_members_and_writes_reach_all() {
    let mut cluster = Cluster::three();
    for token in 1..=20 {
        cluster.write(token);
    }
    assert_eq!(cluster.done, (1..=20).collect::<Vec<_>>());
    cluster.pass(200);
    assert_eq!(cluster.committed(), [21, 21, 21]);
}

#[test]
fn a_dead_primary_is_taken_over_and_nothing_is_lost() {
    let mut cluster = Cluster::three();
    cluster.write(1);
    cluster.copies.remove(&0);
    cluster.pass(10_000);
    assert_ne!(cluster.config.primary, Some(member(0)));
    cluster.write(2);
    assert_eq!(cluster.done, [1, 2]);
}

#[test]
fn a_dead_secondary_is_dropped_and_writes_go_on() {
    let mut cluster = Cluster::three();
    cluster.copies.remove(&2);
    cluster.write(1);
    assert!(cluster.done.is_empty());
    cluster.pass(4000);
    assert_eq!(cluster.done, [1]);
    assert_eq!(cluster.config.member_count(), 2);
}

#[test]
fn a_hand_over_moves_the_primary_within_a_round() {
    let mut cluster = Cluster::three();
    cluster.wire.push_back((0, Event::HandOver { to: Some(member(2)) }));
    cluster.run();
    assert_eq!(cluster.config.primary, Some(member(2)));
    cluster.write(1);
    assert_eq!(cluster.done, [1]);
    cluster.pass(1000);
    assert!(cluster.copies[&2].replica.read_until().is_some());
}

#[test]
fn while_no_proposal_is_answered_reads_and_writes_go_on() {
    let mut cluster = Cluster::three();
    for token in 1..=100 {
        cluster.pass(500);
        cluster.write(token);
        let primary = &cluster.copies[&0];
        assert!(primary.replica.read_until().is_some_and(|until| until > primary.now));
    }
    assert_eq!(cluster.done.len(), 100);
}

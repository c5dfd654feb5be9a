//! Whatever arrives, in whatever order, a replica does not panic and keeps its invariants (they are asserted in each
//! step). The contents of a (ballot, decree) are a function of both, as rule DECREES has it.

use common::types::{MovingRequest, RefuseReason};
use proptest::prelude::*;

use super::*;
use crate::Health;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..12u64, 1 => Just(1_000_000), 1 => Just(u64::MAX)]
}

fn ballot() -> impl Strategy<Value = u64> {
    1..9u64
}

fn peer() -> impl Strategy<Value = u64> {
    0..4u64
}

fn record(ballot: u64, decree: u64) -> Arc<Mutation> {
    if decree % 4 == ballot % 4 && decree > 0 { opening(ballot, decree) } else { mutation(ballot, decree, "x") }
}

fn prepares_of_any_kind() -> impl Strategy<Value = Message> {
    let decrees = prop::collection::vec(number(), 0..4);
    (ballot(), number(), number(), decrees).prop_map(|(ballot, base, committed, decrees)| {
        let mutations = decrees.into_iter().map(|decree| record(ballot, decree)).collect();
        prepare(ballot, base, committed, mutations)
    })
}

fn configuration() -> impl Strategy<Value = PartitionConfig> {
    let members = Just(vec![0u64, 1, 2, 3]).prop_shuffle();
    (ballot(), members, 0..4usize, any::<bool>()).prop_map(|(ballot, peers, split, consented)| {
        let (members, learners) = peers.split_at(split);
        PartitionConfig { consented, ..config(ballot, members, learners) }
    })
}

fn message() -> impl Strategy<Value = Message> {
    let reason = prop::sample::select(vec![
        RefuseReason::StaleBallot,
        RefuseReason::NoRole,
        RefuseReason::NoSpace,
        RefuseReason::Unhealthy,
    ]);
    let moving = MovingRequest { job: uuid::Uuid::from_u128(1), deadline_ms: 1, hand_back: true };
    prop_oneof![
        6 => prepares_of_any_kind(),
        6 => (ballot(), number()).prop_map(|(ballot, matched)| ack(ballot, matched)),
        1 => (ballot(), reason).prop_map(|(b, reason)| Message::PrepareRefused { ballot: Ballot(b), reason }),
        2 => configuration().prop_map(|config| Message::Config(Arc::new(config))),
        1 => any::<bool>().prop_map(move |moves| Message::AskDrop { moving: moves.then_some(moving) }),
        1 => peer().prop_map(|to| Message::AskHandOver { to: member(to) }),
    ]
}

/// What happens to the replica; tokens are numbered by the test.
#[derive(Clone, Debug)]
enum Happening {
    Event(Event),
    Heard(u64, Message),
    Write,
    Barrier(u64),
    Durable,
    Passes(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let health = prop::sample::select(vec![Health::Well, Health::NoSpace, Health::Sick]);
    let at = START + Duration::from_secs(1);
    let events = prop_oneof![
        3 => configuration().prop_map(|config| Event::Config(Arc::new(config))),
        3 => ballot().prop_map(|b| Event::BallotPersisted { ballot: Ballot(b) }),
        2 => (0..4u64).prop_map(|id| Event::ChangeAnswered { request: RequestId(id), config: None }),
        2 => (peer(), ballot()).prop_map(move |(by, b)| Event::LeaseGranted { by: PeerId(by), ballot: Ballot(b), sent_at: at }),
        1 => peer().prop_map(move |primary| Event::BeaconAnswered { primary: PeerId(primary), at }),
        2 => (ballot(), number()).prop_map(|(b, from)| {
            let mutations = (0..3).map(|i| record(b, from.saturating_add(i))).collect();
            Event::Learned { ballot: Ballot(b), mutations }
        }),
        1 => (ballot(), 0..12u64).prop_map(|(b, d)| {
            Event::CheckpointInstalled { ballot: Ballot(b), decree: Decree(d), time_ms: 1 }
        }),
        1 => ballot().prop_map(|b| Event::LearnEnded { ballot: Ballot(b) }),
        1 => health.prop_map(Event::Health),
        1 => prop::option::of(peer()).prop_map(|to| Event::HandOver { to: to.map(member) }),
        1 => peer().prop_map(|to| Event::Release { member: member(to) }),
        1 => Just(Event::AppendFailed),
        1 => Just(Event::ClockJumped),
    ];
    prop_oneof![
        3 => events.prop_map(Happening::Event),
        4 => (peer(), message()).prop_map(|(from, message)| Happening::Heard(from, message)),
        2 => Just(Happening::Write),
        1 => number().prop_map(Happening::Barrier),
        2 => Just(Happening::Durable),
        1 => (1..40u64).prop_map(|ticks| Happening::Passes(ticks * 100)),
    ]
}

fn replay(happenings: Vec<Happening>) {
    let mut bench = Bench::new(0);
    let (mut asked, mut answered) = (0, 0);
    for happening in happenings {
        let effects = match happening {
            Happening::Event(event) => bench.step(event),
            Happening::Heard(from, message) => bench.hear(from, message),
            Happening::Write => {
                asked += 1;
                bench.write(asked)
            }
            Happening::Barrier(seen) => {
                asked += 1;
                bench.barrier(asked, seen)
            }
            Happening::Durable => bench.durable(),
            Happening::Passes(ms) => bench.pass(ms),
        };
        answered += answers(&effects).len() as u64;
        answered += applied(&effects).iter().map(|(_, tokens)| tokens.len() as u64).sum::<u64>();
    }
    assert!(answered <= asked, "{answered} answers to {asked} operations");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_arrives_makes_a_replica_panic(happenings in prop::collection::vec(happening(), 1..60)) {
        replay(happenings);
    }
}

//! Every combination of directories on two disks, and the histories that the rules were made from.

use std::collections::{BTreeMap, BTreeSet};

use common::types::{Ballot, Decree, Gpid, Incarnation};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const G: Gpid = Gpid::new(1, 0);
const JOB: Uuid = Uuid::from_u128(0xa);
const OTHER_JOB: Uuid = Uuid::from_u128(0xb);

fn disk(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn dir(on: u8, kind: DirKind) -> FoundDir {
    let name = format!("{G}.{kind:?}");
    FoundDir { disk: disk(on), gpid: G, name, kind, info: None, seal: None, manifest_job: None }
}

fn with_info(mut dir: FoundDir, incarnation: u64, job: Option<Uuid>) -> FoundDir {
    let ballot = Ballot(3);
    dir.info = Some(Info { gpid: G, incarnation: Incarnation(incarnation), ballot, job, disk: dir.disk });
    dir
}

fn live(on: u8, incarnation: u64, job: Option<Uuid>) -> FoundDir {
    with_info(dir(on, DirKind::Live), incarnation, job)
}

fn origin(on: u8, incarnation: u64, job: Uuid) -> FoundDir {
    with_info(dir(on, DirKind::Origin), incarnation, Some(job))
}

fn sealed(on: u8, kind: DirKind, incarnation: u64, job: Uuid) -> FoundDir {
    let mut dir = with_info(dir(on, kind), incarnation, Some(job));
    dir.seal = Some(Seal { job, incarnation: Incarnation(incarnation), last: Decree(9) });
    dir.manifest_job = Some(job);
    dir
}

fn unsealed(on: u8) -> FoundDir {
    FoundDir { manifest_job: Some(JOB), ..dir(on, DirKind::MoveTmp) }
}

fn decide(found: &[FoundDir], absent: &[u8], configured: Option<u64>) -> Decision {
    let absent: Vec<_> = absent.iter().map(|number| disk(*number)).collect();
    let configured = configured.map(|number| (G, Incarnation(number))).into_iter().collect();
    recover(found, &absent, &configured).remove(&G).unwrap()
}

fn opened(decision: &Decision) -> Option<(usize, u64)> {
    match decision.outcome {
        Outcome::Open { dir, incarnation, .. } => Some((dir, incarnation.0)),
        Outcome::Wait { .. } | Outcome::Nothing => None,
    }
}

fn waits(decision: &Decision) -> bool {
    matches!(decision.outcome, Outcome::Wait { .. })
}

const fn rename(dir: usize, to: RenameTo) -> Rename {
    Rename { dir, to }
}

#[test]
fn a_single_live_directory_is_opened_as_it_is() {
    let decision = decide(&[live(0, 1, None)], &[], None);
    assert_eq!((opened(&decision), decision.renames), (Some((0, 1)), vec![]));
}

#[test]
fn a_crash_before_the_seal_opens_the_source_and_keeps_the_copy_for_resuming() {
    let decision = decide(&[live(0, 1, Some(JOB)), unsealed(1)], &[], Some(2));
    assert_eq!((opened(&decision), decision.renames), (Some((0, 1)), vec![]));
}

#[test]
fn a_crash_before_the_target_rename_rolls_forward_target_first() {
    let decision = decide(&[live(0, 1, Some(JOB)), sealed(1, DirKind::MoveTmp, 2, JOB)], &[], None);
    assert_eq!(opened(&decision), Some((1, 2)));
    assert_eq!(decision.renames, [rename(1, RenameTo::Live), rename(0, RenameTo::Origin)]);
}

#[test]
fn a_crash_between_the_renames_finishes_the_second() {
    let decision = decide(&[live(0, 1, Some(JOB)), live(1, 2, Some(JOB))], &[], None);
    assert_eq!((opened(&decision), decision.renames), (Some((1, 2)), vec![rename(0, RenameTo::Origin)]));
}

#[test]
fn a_sealed_copy_beside_its_origin_rolls_forward() {
    let decision = decide(&[origin(0, 1, JOB), sealed(1, DirKind::MoveTmp, 2, JOB)], &[], None);
    assert_eq!((opened(&decision), decision.renames), (Some((1, 2)), vec![rename(1, RenameTo::Live)]));
}

#[test]
fn a_sealed_copy_never_wins_over_an_origin_that_rejoined() {
    // The history of rule MOVES: the origin rejoined under a new incarnation and acknowledged.
    let decision = decide(&[live(0, 3, None), sealed(1, DirKind::MoveTmp, 2, JOB)], &[], None);
    assert_eq!((opened(&decision), decision.renames), (Some((0, 3)), vec![rename(1, RenameTo::Garbage)]));
}

#[test]
fn a_sealed_copy_beside_a_source_that_was_never_closed_stays_where_it_is() {
    for source in [live(0, 1, None), live(0, 1, Some(OTHER_JOB))] {
        let decision = decide(&[source, sealed(1, DirKind::MoveTmp, 2, JOB)], &[], None);
        assert_eq!((opened(&decision), decision.renames), (Some((0, 1)), vec![]));
    }
}

#[test]
fn the_configured_incarnation_wins_over_a_higher_number() {
    let decision = decide(&[live(0, 4, None), live(1, 7, None)], &[], Some(4));
    assert_eq!((opened(&decision), decision.renames), (Some((0, 4)), vec![]));
}

#[test]
fn a_disk_that_comes_back_with_an_older_copy_does_not_get_its_role_back() {
    // The history of rule INCARNATION: re-learned on disk 0 while disk 1 was away.
    let decision = decide(&[live(0, 3, None), live(1, 2, None)], &[], None);
    assert_eq!((opened(&decision), decision.renames), (Some((0, 3)), vec![rename(1, RenameTo::Garbage)]));
}

#[test]
fn an_absent_disk_makes_it_wait_unless_the_configured_copy_is_here() {
    assert!(waits(&decide(&[live(0, 1, None)], &[1], None)));
    assert!(waits(&decide(&[live(0, 1, None)], &[1], Some(2))));
    assert!(waits(&decide(&[origin(0, 1, JOB)], &[1], None)));
    assert_eq!(opened(&decide(&[live(0, 1, None)], &[1], Some(1))), Some((0, 1)));
}

#[test]
fn an_origin_alone_is_kept_and_never_opened() {
    let decision = decide(&[origin(0, 1, JOB)], &[], None);
    assert_eq!((decision.outcome, decision.renames), (Outcome::Nothing, vec![]));
}

#[test]
fn an_unreadable_live_directory_is_set_aside_as_damaged() {
    let foreign = FoundDir { disk: disk(1), ..live(0, 9, None) };
    let decision = decide(&[dir(0, DirKind::Live), foreign], &[], None);
    assert_eq!(decision.outcome, Outcome::Nothing);
    assert_eq!(decision.renames, [rename(0, RenameTo::Damaged), rename(1, RenameTo::Damaged)]);
}

#[test]
fn a_move_back_meets_its_own_origin_and_gives_it_another_name() {
    let found = [live(0, 3, Some(JOB)), origin(0, 1, OTHER_JOB), live(1, 4, Some(JOB))];
    let decision = decide(&found, &[], None);
    assert_eq!(decision.renames, [rename(1, RenameTo::Garbage), rename(0, RenameTo::Origin)]);
}

#[test]
fn a_complete_learned_checkpoint_takes_the_place_of_a_directory_that_is_gone() {
    let learned = sealed(0, DirKind::LearnTmp, 2, JOB);
    let decision = decide(std::slice::from_ref(&learned), &[], None);
    assert_eq!((opened(&decision), decision.renames), (Some((0, 2)), vec![rename(0, RenameTo::Live)]));
    let beside_live = decide(&[live(0, 2, None), learned], &[], None);
    assert_eq!((opened(&beside_live), beside_live.renames), (Some((0, 2)), vec![rename(1, RenameTo::Garbage)]));
}

fn lives(on: u8) -> Vec<Option<FoundDir>> {
    let mut damaged = dir(on, DirKind::Live);
    damaged.info = None;
    let jobs = [None, Some(JOB), Some(OTHER_JOB)];
    let readable = (1..=3).flat_map(|n| jobs.map(|job| Some(live(on, n, job))));
    [None, Some(damaged)].into_iter().chain(readable).collect()
}

fn temporaries(on: u8) -> Vec<Option<FoundDir>> {
    let mut no_info = sealed(on, DirKind::MoveTmp, 2, JOB);
    no_info.info = None;
    let seals = [(2, JOB), (2, OTHER_JOB), (3, JOB)].map(|(n, job)| Some(sealed(on, DirKind::MoveTmp, n, job)));
    [None, Some(dir(on, DirKind::MoveTmp)), Some(unsealed(on)), Some(no_info)].into_iter().chain(seals).collect()
}

fn others(on: u8) -> Vec<Option<FoundDir>> {
    let learned = Some(sealed(on, DirKind::LearnTmp, 2, OTHER_JOB));
    let garbage = Some(with_info(dir(on, DirKind::Garbage), 3, None));
    vec![None, Some(origin(on, 1, JOB)), Some(origin(on, 2, JOB)), learned, garbage]
}

/// Every content of one disk.
fn contents(on: u8) -> Vec<Vec<FoundDir>> {
    let (temporaries, others) = (temporaries(on), others(on));
    let combine = |live: Option<FoundDir>| {
        let pairs = temporaries.iter().flat_map(|tmp| others.iter().map(move |other| (tmp.clone(), other.clone())));
        let whole = pairs.map(move |(tmp, other)| [live.clone(), tmp, other].into_iter().flatten().collect());
        whole.collect::<Vec<Vec<FoundDir>>>()
    };
    lives(on).into_iter().flat_map(combine).collect()
}

/// Carries the first `count` renames out, refusing two directories of one name.
fn carry_out(found: &[FoundDir], renames: &[Rename]) -> Vec<FoundDir> {
    let mut found = found.to_vec();
    for (step, rename) in renames.iter().enumerate() {
        let (kind, name) = match rename.to {
            RenameTo::Live => (DirKind::Live, format!("{G}.Live")),
            RenameTo::Origin => (DirKind::Origin, format!("{G}.Origin")),
            RenameTo::Garbage => (DirKind::Garbage, format!("{G}.gar.{step}.{}", rename.dir)),
            RenameTo::Damaged => (DirKind::Damaged, format!("{G}.err.{step}.{}", rename.dir)),
        };
        let on = found[rename.dir].disk;
        assert!(!found.iter().any(|d| d.disk == on && d.name == name), "{name} is taken: {renames:?}");
        (found[rename.dir].kind, found[rename.dir].name) = (kind, name);
    }
    found
}

fn check(found: &[FoundDir], absent: &[u8], configured: Option<u64>) {
    let decision = decide(found, absent, configured);
    check_what_is_opened(found, absent, configured, &decision);
    check_what_is_renamed(found, &decision);
    check_it_can_be_repeated(found, absent, configured, &decision);
}

fn check_what_is_opened(found: &[FoundDir], absent: &[u8], configured: Option<u64>, decision: &Decision) {
    let readable = |d: &&FoundDir| d.kind == DirKind::Live && d.own_info().is_some();
    let highest_live = found.iter().filter(readable).filter_map(|d| Some(d.info?.incarnation.0)).max();
    match opened(decision) {
        Some((dir, incarnation)) => {
            assert_eq!(found[dir].own_info().unwrap().incarnation.0, incarnation);
            let is_configured = configured == Some(incarnation);
            assert!(is_configured || absent.is_empty(), "opened beside an absent disk: {found:?}");
            assert!(is_configured || highest_live <= Some(incarnation), "a lower copy is opened: {found:?}");
            assert!(found[dir].kind == DirKind::Live || found[dir].own_seal().is_some(), "unsealed: {found:?}");
        }
        None => assert!(highest_live.is_none() || waits(decision), "a live copy is not opened: {found:?}"),
    }
    assert!(!waits(decision) || (decision.renames.is_empty() && !absent.is_empty()));
}

fn check_what_is_renamed(found: &[FoundDir], decision: &Decision) {
    let renamed: BTreeSet<_> = decision.renames.iter().map(|r| r.dir).collect();
    assert_eq!(renamed.len(), decision.renames.len(), "a directory is renamed twice");
    for rename in &decision.renames {
        let dir = &found[rename.dir];
        if rename.to == RenameTo::Live {
            assert_eq!(opened(decision).unwrap().0, rename.dir);
            assert!(dir.own_seal().is_some(), "rolled forward without a seal: {dir:?}");
        }
        assert!(!matches!(dir.kind, DirKind::Garbage | DirKind::Damaged), "trash is touched");
    }
}

/// Cut short after any rename and run again, the same copy is opened; run to its end, nothing is left to rename.
fn check_it_can_be_repeated(found: &[FoundDir], absent: &[u8], configured: Option<u64>, decision: &Decision) {
    for count in 0..=decision.renames.len() {
        let after = carry_out(found, &decision.renames[..count]);
        let again = decide(&after, absent, configured);
        assert_eq!(opened(&again), opened(decision), "{found:?} after {count} of {:?}", decision.renames);
        assert!(count < decision.renames.len() || again.renames.is_empty(), "{after:?} is renamed: {again:?}");
    }
}

#[test]
fn every_combination_on_two_disks_is_decided_safely() {
    let (first, second) = (contents(0), contents(1));
    let mut seen = 0_u64;
    for a in &first {
        for b in &second {
            let found = [a.as_slice(), b.as_slice()].concat();
            if found.is_empty() {
                continue;
            }
            for configured in [None, Some(2), Some(3)] {
                check(&found, &[], configured);
                seen += 1;
            }
        }
        if !a.is_empty() {
            for configured in [None, Some(1), Some(2), Some(3)] {
                check(a, &[1], configured);
                seen += 1;
            }
        }
    }
    assert!(seen > 100_000, "{seen}");
}

proptest! {
    #[test]
    fn the_order_in_which_disks_are_read_does_not_matter(
        picks in proptest::collection::vec((0_usize..385, 0_u8..3), 1..3),
        configured in proptest::option::of(1_u64..4),
        rotation in 0_usize..6,
    ) {
        let mut found: Vec<_> = picks
            .iter()
            .map(|(pick, on)| (*on, contents(*on).swap_remove(*pick)))
            .collect::<BTreeMap<_, _>>()
            .into_values()
            .flatten()
            .collect();
        prop_assume!(!found.is_empty());
        let name = |found: &[FoundDir], decision: &Decision| {
            let at = |index: usize| (found[index].disk, found[index].name.clone());
            let renames: Vec<_> = decision.renames.iter().map(|r| (at(r.dir), r.to)).collect();
            (opened(decision).map(|(dir, n)| (at(dir), n)), renames)
        };
        let before = name(&found, &decide(&found, &[], configured));
        let rotation = rotation % found.len();
        found.rotate_left(rotation);
        found.reverse();
        prop_assert_eq!(before, name(&found, &decide(&found, &[], configured)));
    }

    #[test]
    fn partitions_are_decided_apart_from_each_other(other in 1_u32..9, pick in 1_usize..385) {
        let one = contents(0).swap_remove(pick);
        prop_assume!(!one.is_empty());
        let elsewhere: Vec<_> = one.iter().cloned().map(|d| FoundDir { gpid: Gpid::new(other, 7), info: None, ..d }).collect();
        let alone = recover(&one, &[], &BTreeMap::new()).remove(&G);
        let both = [one, elsewhere].concat();
        prop_assert_eq!(alone, recover(&both, &[], &BTreeMap::new()).remove(&G));
    }
}

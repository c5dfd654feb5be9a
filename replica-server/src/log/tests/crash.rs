//! Random crashes: cut anywhere past the last fsync, lose any page past it, flip any bit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::types::{Decree, Gpid, Incarnation};
use proptest::prelude::*;
use tempfile::TempDir;

use super::support::{Seen, WAIT, dir, mutation, options};
use crate::log::{DiskLog, LogOptions, ReplicaLog, SyncMode};

const I: Incarnation = Incarnation(1);
const PAGE: usize = 512;

/// What was appended to a log: the partition of each append, in order; decrees count up in each partition.
#[derive(Clone, Debug)]
struct Script {
    synced: Vec<(u32, usize)>,
    unsynced: Vec<(u32, usize)>,
    /// Into segments that were used before.
    again: bool,
}

fn script() -> impl Strategy<Value = Script> {
    let append = || (0_u32..3, 0_usize..4000);
    let many = || prop::collection::vec(append(), 1..40);
    (many(), many(), any::<bool>()).prop_map(|(synced, unsynced, again)| Script { synced, unsynced, again })
}

struct Run {
    dir: TempDir,
    /// Last decree of each partition that was acknowledged as durable, and last appended.
    durable: BTreeMap<u32, u64>,
    appended: BTreeMap<u32, u64>,
    /// What is surely durable of each file: what it held when all of `synced` was, or what its header was written over.
    before: BTreeMap<PathBuf, Vec<u8>>,
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_string_lossy().contains("/log."))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap())
}

/// What spares hold, by inode.
fn spares(dir: &Path) -> BTreeMap<u64, Vec<u8>> {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let spares = paths.filter(|path| path.to_string_lossy().contains("/spare."));
    spares.map(|path| (inode(&path), std::fs::read(path).unwrap())).collect()
}

/// What is durable of a segment that was begun since: its first page, over what its file held.
fn begun(path: &Path, bytes: &[u8], spares: &BTreeMap<u64, Vec<u8>>) -> Vec<u8> {
    let mut old = spares.get(&inode(path)).cloned().unwrap_or_else(|| vec![0; bytes.len()]);
    old[..4096].fill(0);
    old[..64].copy_from_slice(&bytes[..64]);
    old
}

/// Fills segments with records of a copy that then lives here no longer, so that they are used again.
fn use_once(log: &DiskLog) {
    let sink = Seen::new();
    let gone = log.attach(Gpid::new(9, 9), I, sink.clone());
    (1..=90).for_each(|decree| sink.append(&gone, mutation(1, decree, 5000)));
    sink.wait(90);
    assert!(log.collect_garbage(&|_, _| None).unwrap().segments > 3);
}

/// Runs a script in a log that is fsynced only where the script says so.
fn run(script: &Script) -> Run {
    let dir = dir();
    let options = LogOptions { sync: SyncMode::Never, mark_after: WAIT, ..options(&dir) };
    let (log, _) = DiskLog::open(options).unwrap();
    if script.again {
        use_once(&log);
    }
    let sinks: Vec<_> = (0..3).map(|_| Seen::new()).collect();
    let logs: Vec<ReplicaLog> =
        (0..3).zip(&sinks).map(|(p, sink)| log.attach(Gpid::new(1, p), I, sink.clone())).collect();
    let mut appended = BTreeMap::new();
    let append = |part: &[(u32, usize)], appended: &mut BTreeMap<u32, u64>| {
        for (partition, bytes) in part {
            let decree = appended.entry(*partition).or_insert(0);
            *decree += 1;
            sinks[*partition as usize].append(&logs[*partition as usize], mutation(1, *decree, *bytes));
        }
        appended.iter().for_each(|(partition, count)| sinks[*partition as usize].wait(*count as usize));
    };
    append(&script.synced, &mut appended);
    log.sync(WAIT).unwrap();
    let (durable, before, spares) = (appended.clone(), files(dir.path()), spares(dir.path()));
    append(&script.unsynced, &mut appended);
    let after = files(dir.path());
    let known = |(path, bytes): (&PathBuf, &Vec<u8>)| {
        (path.clone(), before.get(path).cloned().unwrap_or_else(|| begun(path, bytes, &spares)))
    };
    let before = after.iter().map(known).collect();
    drop((logs, log));
    // What the close wrote and fsynced never happened.
    for (path, bytes) in after {
        std::fs::write(path, bytes).unwrap();
    }
    Run { dir, durable, appended, before }
}

impl Run {
    /// The segments that a crash can still change are the last one only: the others were fsynced when it was begun.
    fn head(&self) -> PathBuf {
        files(self.dir.path()).into_keys().next_back().unwrap()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (log, recovery) = DiskLog::open(options(&self.dir)).unwrap();
        prop_assert_eq!(&recovery.damage, &vec![]);
        for (partition, durable) in &self.durable {
            self.check_tail(&log, *partition, *durable)?;
        }
        drop(log);
        let (log, again) = DiskLog::open(options(&self.dir)).unwrap();
        prop_assert_eq!(&again.damage, &vec![]);
        prop_assert_eq!(again.records, recovery.records);
        drop(log);
        Ok(())
    }

    fn check_tail(&self, log: &DiskLog, partition: u32, at_least: u64) -> Result<(), TestCaseError> {
        let tail = log.tail(Gpid::new(1, partition), I, Decree(0)).unwrap();
        let found = tail.mutations.len() as u64;
        prop_assert!(found >= at_least, "partition {} has {} of {}", partition, found, at_least);
        prop_assert!(found <= self.appended[&partition]);
        for (decree, mutation) in (1..).zip(&tail.mutations) {
            prop_assert_eq!(mutation.decree, Decree(decree));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_pages_past_the_last_fsync_are_lost_what_was_durable_is_there(script in script(), seed: u64) {
        let run = run(&script);
        let head = run.head();
        let mut bytes = std::fs::read(&head).unwrap();
        let old = &run.before[&head];
        let mut coin = seed;
        for (number, page) in bytes.chunks_mut(PAGE).enumerate() {
            coin = coin.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if coin >> 62 == 0 {
                page.copy_from_slice(&old[number * PAGE..][..page.len()]);
            }
        }
        std::fs::write(&head, bytes).unwrap();
        run.check()?;
    }

    #[test]
    fn wherever_the_log_is_cut_past_the_last_fsync_what_was_durable_is_there(script in script(), cut: u64) {
        let run = run(&script);
        let head = run.head();
        let bytes = std::fs::read(&head).unwrap();
        // The first byte that differs from the durable state.
        let first = bytes.iter().zip(&run.before[&head]).position(|(a, b)| a != b).unwrap_or(bytes.len());
        let cut = first as u64 + cut % (bytes.len() as u64 - first as u64 + 1);
        std::fs::OpenOptions::new().write(true).open(&head).unwrap().set_len(cut).unwrap();
        run.check()?;
    }

    #[test]
    fn a_flipped_bit_never_goes_unnoticed_below_what_is_known_durable(script in script(), at: u64, bit in 0..8_u32) {
        let dir = dir();
        let (log, _) = DiskLog::open(options(&dir)).unwrap();
        let sinks: Vec<_> = (0..3).map(|_| Seen::new()).collect();
        let logs: Vec<ReplicaLog> = (0..3).zip(&sinks).map(|(p, sink)| log.attach(Gpid::new(1, p), I, sink.clone())).collect();
        let mut appended = BTreeMap::new();
        for (partition, bytes) in script.synced.iter().chain(&script.unsynced) {
            let decree = appended.entry(*partition).or_insert(0_u64);
            *decree += 1;
            sinks[*partition as usize].append(&logs[*partition as usize], mutation(1, *decree, *bytes));
        }
        appended.iter().for_each(|(partition, count)| sinks[*partition as usize].wait(*count as usize));
        drop((logs, log));
        let all = files(dir.path());
        let total: u64 = all.values().map(|bytes| bytes.len() as u64).sum();
        let mut at = at % total;
        for (path, mut bytes) in all {
            if at < bytes.len() as u64 {
                bytes[at as usize] ^= 1 << bit;
                std::fs::write(&path, bytes).unwrap();
                break;
            }
            at -= bytes.len() as u64;
        }
        let opened = DiskLog::open(options(&dir));
        // A flipped version looks like a newer program's: refused, which loses nothing.
        let Ok((log, recovery)) = opened else { return Ok(()) };
        for (partition, count) in &appended {
            let gpid = Gpid::new(1, *partition);
            if recovery.is_clean(gpid, I) {
                let tail = log.tail(gpid, I, Decree(0)).unwrap();
                prop_assert_eq!(tail.mutations.len() as u64, *count, "partition {}: {:?}", partition, recovery);
            }
        }
    }
}

/// Every record counts, also that which fills a segment: the note that says so must have had room behind it.
#[test]
fn damage_in_the_last_record_is_noticed_however_much_of_its_segment_is_left() {
    for bytes in (4600..4900).step_by(8) {
        let dir = dir();
        // No notes between, so that every run comes by the same ends.
        let (log, _) = DiskLog::open(LogOptions { mark_after: WAIT, ..options(&dir) }).unwrap();
        let sink = Seen::new();
        let replica = log.attach(Gpid::new(1, 0), I, sink.clone());
        for decree in 1..=15 {
            sink.append(&replica, mutation(1, decree, if decree < 15 { 4200 } else { bytes }));
            sink.wait(decree as usize);
        }
        drop((replica, log));
        let (path, mut file) = files(dir.path()).into_iter().next_back().unwrap();
        // In the payload of the last record, which is the same byte again and again.
        let at = file.windows(64).rposition(|window| window == [15; 64]).unwrap();
        file[at] ^= 1;
        std::fs::write(&path, file).unwrap();
        let (_log, recovery) = DiskLog::open(options(&dir)).unwrap();
        assert!(!recovery.is_clean(Gpid::new(1, 0), I), "a last record of {bytes}: {recovery:?}");
    }
}

#[test]
fn damage_is_attributed_to_its_replica_and_reported_again_until_that_copy_is_gone() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let (sink, other) = (Seen::new(), Seen::new());
    let (g, h) = (Gpid::new(1, 0), Gpid::new(1, 1));
    let (one, two) = (log.attach(g, I, sink.clone()), log.attach(h, I, other.clone()));
    for decree in 1..=3 {
        sink.append(&one, mutation(1, decree, 100));
        other.append(&two, mutation(1, decree, 100));
    }
    sink.wait(3);
    other.wait(3);
    drop((one, two, log));
    let (path, mut bytes) = files(dir.path()).into_iter().next().unwrap();
    // In the payload of the first frame: partition 0, decree 1.
    bytes[64 + 32 + 72 + 50] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for _ in 0..2 {
        let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
        assert_eq!(recovery.damage.len(), 1);
        assert!(!recovery.is_clean(g, I) && recovery.is_clean(h, I));
        assert!(recovery.is_clean(g, Incarnation(2)), "the copy learned anew");
        assert!(log.tail(g, I, Decree(0)).unwrap().gap);
        // All is flushed, but the damaged copy still lives here: the evidence stays.
        assert_eq!(log.collect_garbage(&|_, _| Some(Decree(3))).unwrap().segments, 0);
        drop(log);
    }
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    assert!(log.collect_garbage(&|gpid, _| (gpid == h).then_some(Decree(3))).unwrap().segments > 0);
    drop(log);
    assert_eq!(DiskLog::open(options(&dir)).unwrap().1.damage, vec![]);
}

#[test]
fn a_lost_segment_and_a_lost_header_concern_everybody() {
    for lose_file in [true, false] {
        let dir = dir();
        let (log, _) = DiskLog::open(options(&dir)).unwrap();
        let sink = Seen::new();
        let replica = log.attach(Gpid::new(1, 0), I, sink.clone());
        (1..=40).for_each(|decree| sink.append(&replica, mutation(1, decree, 5000)));
        sink.wait(40);
        drop((replica, log));
        let (path, mut bytes) = files(dir.path()).into_iter().nth(1).unwrap();
        if lose_file {
            std::fs::remove_file(path).unwrap();
        } else {
            bytes[20] ^= 4;
            std::fs::write(path, bytes).unwrap();
        }
        let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
        assert!(!recovery.is_clean(Gpid::new(9, 9), I), "{recovery:?}");
        assert!(log.tail(Gpid::new(1, 0), I, Decree(0)).unwrap().gap);
        drop(log);
    }
}

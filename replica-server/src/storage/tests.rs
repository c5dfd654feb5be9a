//! Storage against a real RocksDB.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::fault;
use common::types::{Ballot, Body, Decree, Mutation, Value, WritesBuilder, encode_key};
use tempfile::TempDir;

use super::rocks::Tier;
use super::*;

mod orphans;
mod record_cache;

const WAIT: Duration = Duration::from_secs(10);

fn engine() -> Engine {
    let options = EngineOptions { cache_bytes: 8 << 20, clock_skew_ms: 0, ..EngineOptions::default() };
    Engine::new(&options).unwrap()
}

fn key(name: &str) -> Bytes {
    encode_key(name.as_bytes(), b"").unwrap()
}

fn value(text: &str, expires_at_ms: Option<u64>) -> Bytes {
    Value::bytes(Bytes::copy_from_slice(text.as_bytes()), expires_at_ms).encode()
}

/// A mutation whose time is a thousand times its decree.
fn put(decree: u64, records: &[(&str, Bytes)]) -> Arc<Mutation> {
    let mut writes = WritesBuilder::default();
    for (name, value) in records {
        writes.put(&key(name), value);
    }
    let body = Body::Writes(writes.finish());
    Arc::new(Mutation { ballot: Ballot(1), decree: Decree(decree), time_ms: decree * 1000, body })
}

fn new(engine: &Engine) -> (TempDir, Storage) {
    let dir = tempfile::Builder::new().prefix("store-storage").tempdir().unwrap();
    let storage = Storage::create(engine, &dir.path().join("rdb")).unwrap();
    (dir, storage)
}

#[test]
fn what_was_applied_is_read_and_counted_in_order_of_key() {
    let (_dir, storage) = new(&engine());
    storage
        .apply(&[put(1, &[("a", value("1", None)), ("b", value("2", None))]), put(2, &[("a", value("3", None))])])
        .unwrap();
    assert_eq!(storage.get(&key("a")).unwrap(), Some(value("3", None)));
    assert_eq!(storage.multi_get(&[key("b"), key("c")]).unwrap(), vec![Some(value("2", None)), None]);
    assert_eq!(storage.applied(), Applied { decree: Decree(2), ballot: Ballot(1), time_ms: 2000 });
    let mut expected = vec![(key("a"), value("3", None)), (key("b"), value("2", None))];
    expected.sort();
    let all = storage.scan(&[], &[], ScanLimit::records(10), 0).unwrap();
    assert_eq!(all, Scanned { records: expected.clone(), more: false });
    let first = storage.scan(&[], &[], ScanLimit::records(1), 0).unwrap();
    assert_eq!(first, Scanned { records: expected[..1].to_vec(), more: true });
    let counted = storage.count(&expected[1].0, &[], 5, 0).unwrap();
    assert_eq!(counted, Counted { count: 1, more: false, last: expected[1].0.clone() });
}

#[test]
fn a_deleted_record_is_gone() {
    let (_dir, storage) = new(&engine());
    storage.apply(&[put(1, &[("a", value("1", None))])]).unwrap();
    let mut writes = WritesBuilder::default();
    let body = Body::Writes(writes.delete(&key("a")).finish());
    storage.apply(&[Arc::new(Mutation { ballot: Ballot(2), decree: Decree(2), time_ms: 0, body })]).unwrap();
    assert_eq!(storage.get(&key("a")).unwrap(), None);
    assert_eq!(storage.applied(), Applied { decree: Decree(2), ballot: Ballot(2), time_ms: 1000 });
}

#[test]
#[should_panic(expected = "decree 3 follows 1")]
fn a_gap_in_decrees_is_an_invariant_failure() {
    let (_dir, storage) = new(&engine());
    let _ = storage.apply(&[put(1, &[]), put(3, &[])]);
}

#[test]
fn close_flushes_nothing_and_open_finds_the_flushed_prefix() {
    let engine = engine();
    let (dir, storage) = new(&engine);
    storage.apply(&[put(1, &[("a", value("1", None))])]).unwrap();
    assert_eq!(storage.flushed().unwrap().decree, Decree(0));
    assert_eq!(storage.flush().unwrap(), Decree(1));
    storage.apply(&[put(2, &[("a", value("2", None)), ("b", value("2", None))])]).unwrap();
    assert_eq!(storage.flushed().unwrap().decree, Decree(1));
    storage.close(WAIT).unwrap();
    assert!(matches!(storage.get(&key("a")), Err(StorageError::Closed(_))));

    let moved = dir.path().join("elsewhere");
    common::fs::durable_rename(&dir.path().join("rdb"), &moved).unwrap();
    assert_eq!(Storage::read_applied(&moved).unwrap().decree, Decree(1));
    let storage = Storage::open(&engine, &moved).unwrap();
    assert_eq!(storage.applied().decree, Decree(1));
    assert_eq!(storage.get(&key("a")).unwrap(), Some(value("1", None)));
    assert_eq!(storage.get(&key("b")).unwrap(), None);
    storage.close(WAIT).unwrap();
}

/// The child half of the next test: does nothing unless it is told a directory.
#[test]
fn child_applies_until_it_is_killed() {
    let Ok(dir) = std::env::var("GODWIT_TEST_STORAGE_CHILD") else { return };
    let options = EngineOptions { memtable_bytes: 64 << 10, ..EngineOptions::default() };
    let storage = Storage::create(&Engine::new(&options).unwrap(), Path::new(&dir)).unwrap();
    for decree in 1.. {
        let text = format!("{decree}:{}", "x".repeat(2000));
        let name = format!("k{decree}");
        storage.apply(&[put(decree, &[(&name, value(&text, None)), ("last", value(&text, None))])]).unwrap();
        if storage.flushed().unwrap().decree.0 > 100 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[test]
fn a_killed_process_leaves_a_consistent_prefix_without_any_write_ahead_log() {
    let dir = tempfile::Builder::new().prefix("store-kill").tempdir().unwrap();
    let rdb = dir.path().join("rdb");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage::tests::child_applies_until_it_is_killed"])
        .env("GODWIT_TEST_STORAGE_CHILD", &rdb)
        .output()
        .unwrap();
    assert!(!status.status.success(), "{status:?}");
    let applied = Storage::read_applied(&rdb).unwrap();
    assert!(applied.decree.0 > 100);
    let storage = Storage::open(&engine(), &rdb).unwrap();
    assert_eq!(storage.applied(), applied);
    let last = storage.get(&key("last")).unwrap().unwrap();
    assert_eq!(last, value(&format!("{}:{}", applied.decree, "x".repeat(2000)), None));
    for decree in 1..=applied.decree.0 {
        assert!(storage.get(&key(&format!("k{decree}"))).unwrap().is_some(), "{decree}");
    }
    assert_eq!(storage.get(&key(&format!("k{}", applied.decree.0 + 1))).unwrap(), None);
}

#[test]
fn a_read_of_memory_says_when_only_the_disk_knows() {
    let engine = engine();
    let (dir, storage) = new(&engine);
    // Many blocks: opening reads the last one, where the decree record is.
    let names: Vec<_> = (0..100).map(|n| format!("k{n}")).collect();
    let long = value(&"x".repeat(1000), None);
    let records: Vec<_> = names.iter().map(|name| (name.as_str(), long.clone())).collect();
    storage.apply(&[put(1, &records)]).unwrap();
    let first = names.iter().map(|name| key(name)).min().unwrap();
    assert_eq!(storage.get_cached(&first).unwrap(), Cached::Found(Some(long.clone())));
    storage.flush().unwrap();
    storage.close(WAIT).unwrap();
    let storage = Storage::open(&engine, &dir.path().join("rdb")).unwrap();
    assert_eq!(storage.get_cached(&first).unwrap(), Cached::NotInCache);
    assert_eq!(storage.get(&first).unwrap(), Some(long.clone()));
    assert_eq!(storage.get_cached(&first).unwrap(), Cached::Found(Some(long)));
    assert!(engine.memory().0 > 0);
}

#[test]
fn expired_records_are_not_seen_and_compaction_drops_them() {
    let (_dir, storage) = new(&engine());
    let records = [("dies", value("1", Some(2500))), ("stays", value("2", Some(9_000_000)))];
    storage.apply(&[put(1, &records)]).unwrap();
    assert_eq!(storage.count(&[], &[], 9, 2499).unwrap().count, 2);
    assert_eq!(storage.count(&[], &[], 9, 2500).unwrap().count, 1);
    storage.flush().unwrap();
    storage.compact().unwrap();
    // Past the cache of records, which may know for longer what nobody sees any more.
    let stored = || storage.multi_get(&[key("dies"), key("stays")]).unwrap().into_iter().map(|found| found.is_some());
    assert!(stored().eq([true, true]), "applied time is 1000");
    storage.apply(&[put(2, &[]), put(3, &[])]).unwrap();
    let before = storage.digest(|| ()).unwrap();
    storage.flush().unwrap();
    storage.compact().unwrap();
    assert!(stored().eq([false, true]));
    assert_eq!(storage.digest(|| ()).unwrap(), before);
    assert_eq!((before.decree, before.records), (Decree(3), 1));
}

#[test]
fn copies_have_one_digest_only_if_they_hold_the_same() {
    let engine = engine();
    let ((_a, a), (_b, b), (_c, c)) = (new(&engine), new(&engine), new(&engine));
    let two = [put(1, &[("x", value("1", None))]), put(2, &[("y", value("2", None))])];
    a.apply(&two).unwrap();
    b.apply(&two[..1]).unwrap();
    b.flush().unwrap();
    b.apply(&two[1..]).unwrap();
    c.apply(&[two[0].clone(), put(2, &[("y", value("3", None))])]).unwrap();
    assert_eq!(a.digest(|| ()).unwrap(), b.digest(|| ()).unwrap());
    assert_ne!(a.digest(|| ()).unwrap().hash, c.digest(|| ()).unwrap().hash);
}

#[test]
fn a_checkpoint_opens_at_the_decree_that_it_names() {
    let engine = engine();
    let (dir, storage) = new(&engine);
    storage.apply(&[put(1, &[("a", value("1", None))])]).unwrap();
    let copy = dir.path().join("copy");
    let made = storage.checkpoint(&copy).unwrap();
    assert_eq!((made.decree, made.time_ms), (Decree(1), 1000));
    assert!(made.files.iter().any(|file| file.name == "CURRENT" && file.size > 0));
    storage.apply(&[put(2, &[("a", value("2", None))])]).unwrap();

    let list = |dir: &Path| -> BTreeMap<_, _> {
        std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name(), e.metadata().unwrap().len()))
            .collect()
    };
    let before = list(&copy);
    assert_eq!(Storage::read_applied(&copy).unwrap().decree, Decree(1));
    assert_eq!(list(&copy), before, "a look inside writes nothing");
    let opened = Storage::open(&engine, &copy).unwrap();
    assert_eq!(opened.get(&key("a")).unwrap(), Some(value("1", None)));
    assert_eq!(opened.database_id().unwrap(), storage.database_id().unwrap());
    assert!(matches!(storage.checkpoint(&copy), Err(StorageError::Io { .. })), "it is there already");
}

#[test]
fn a_storage_is_neither_created_twice_nor_opened_from_nothing() {
    let engine = engine();
    let (dir, storage) = new(&engine);
    storage.close(WAIT).unwrap();
    assert!(Storage::create(&engine, &dir.path().join("rdb")).is_err());
    assert!(Storage::open(&engine, &dir.path().join("none")).is_err());
    assert!(Storage::read_applied(&dir.path().join("none")).is_err());
    assert!(!dir.path().join("none/CURRENT").exists());
}

#[test]
fn without_automatic_compaction_level_0_grows() {
    let (_dir, storage) = new(&engine());
    storage.set_auto_compaction(false).unwrap();
    storage.await_compactions(WAIT).unwrap();
    for decree in 1..=6 {
        storage.apply(&[put(decree, &[("a", value("1", None))])]).unwrap();
        storage.flush().unwrap();
    }
    assert!(storage.level0_files().unwrap() >= 6);
    storage.set_auto_compaction(true).unwrap();
    storage.await_compactions(WAIT).unwrap();
    assert!(storage.level0_files().unwrap() < 6);
    assert!(storage.size_bytes().unwrap() > 0 && !storage.is_stalled().unwrap());
}

#[test]
fn a_scrub_finds_a_flipped_bit_in_a_table_file() {
    let (dir, storage) = new(&engine());
    let records: Vec<_> = (0..200).map(|n| (format!("k{n}"), value(&format!("{n}").repeat(100), None))).collect();
    let records: Vec<_> = records.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    storage.apply(&[put(1, &records)]).unwrap();
    let scratch = dir.path().join("scratch");
    let clean = storage.scrub(&scratch, &mut |_| true).unwrap();
    assert_eq!((clean.records, clean.damage.len()), (200, 0));
    assert!(clean.sst_bytes > 0 && !scratch.exists());
    let tables = std::fs::read_dir(dir.path().join("rdb")).unwrap().map(|entry| entry.unwrap().path());
    let largest =
        tables.filter(|path| path.extension().is_some_and(|e| e == "sst")).max_by_key(|p| p.metadata().unwrap().len());
    let largest = largest.unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    assert_eq!(storage.scrub(&scratch, &mut |_| true).unwrap().damage.len(), 1);
}

#[test]
fn a_failing_disk_fails_the_flush_and_nothing_else() {
    let (dir, storage) = new(&engine());
    storage.apply(&[put(1, &[("a", value("1", None))])]).unwrap();
    let path = dir.path().to_string_lossy().into_owned();
    fault::arm(fault::Point::StorageFlush, fault::Action::Error, 1, &path);
    assert!(storage.flush().unwrap_err().is_disk_failure());
    fault::disarm(&path);
    fault::arm(fault::Point::StorageFlush, fault::Action::NoSpace, 1, &path);
    assert!(matches!(storage.flush(), Err(StorageError::NoSpace { .. })));
    fault::disarm(&path);
    assert_eq!(storage.flush().unwrap(), Decree(1));
}

/// A tmpfs of a few megabytes, unmounted at the end. `None` where this user may not mount.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("store-small").tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(dir.path()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_fails_the_flush_in_words_and_a_reopened_storage_goes_on_from_the_log() {
    let Some(disk) = SmallDisk::mount() else { return };
    let engine = engine();
    let storage = Storage::create(&engine, &disk.0.path().join("rdb")).unwrap();
    storage.apply(&[put(1, &[("a", value("1", None))])]).unwrap();
    storage.flush().unwrap();
    let mixed = |n: u64| char::from((n.wrapping_mul(n + 7919) >> 7) as u8 & 0x7F);
    let noise: String = (0..512 << 10).map(mixed).collect();
    let second = put(2, &[("b", value(&noise, None))]);
    storage.apply(&[Arc::clone(&second)]).unwrap();
    let ballast = disk.0.path().join("ballast");
    assert!(std::fs::write(&ballast, vec![1; 16 << 20]).is_err());
    let refused = storage.flush().unwrap_err();
    assert!(matches!(refused, StorageError::NoSpace { .. }), "{refused}");
    assert!(storage.background_errors().unwrap() > 0);
    assert_eq!(storage.get(&key("a")).unwrap(), Some(value("1", None)));
    assert!(storage.get(&key("b")).unwrap().is_some(), "what is in memory stays readable");
    assert_eq!(storage.flushed().unwrap().decree, Decree(1));
    let count = || storage.count(&[], &[], 9, 0).unwrap().count;
    let all =
        || storage.moment(Reach::Disk, |moment| moment.scan(&[], &[], ScanLimit::records(9), 0)).unwrap().unwrap();
    assert_eq!((count(), all().unwrap().records.len(), storage.digest(|| ()).unwrap().decree), (2, 2, Decree(2)));
    let third = put(3, &[("c", value("3", None))]);
    assert!(matches!(storage.apply(&[Arc::clone(&third)]), Err(StorageError::NoSpace { .. })));
    assert_eq!(storage.applied().decree, Decree(2), "to be applied again later");

    std::fs::remove_file(&ballast).unwrap();
    let clone = storage.clone();
    let applied = storage.reopen(WAIT, &mut |after| {
        assert_eq!(after, Decree(1));
        vec![Arc::clone(&second), Arc::clone(&third)]
    });
    assert_eq!(applied.unwrap().decree, Decree(2), "what was not applied is left to who applies");
    assert!(clone.get(&key("b")).unwrap().is_some());
    storage.apply(&[third]).unwrap();
    assert_eq!(storage.flush().unwrap(), Decree(3));
    storage.close(WAIT).unwrap();
}

#[test]
fn what_is_applied_at_once_goes_into_rocksdb_when_there_is_enough_of_it() {
    let (_dir, storage) = new(&engine());
    let in_rocksdb = || storage.with(|rocks| rocks.applied(Tier::All)).unwrap().decree;
    storage.apply_at_once(&[put(1, &[("a", value("1", None))])]).unwrap().unwrap();
    assert_eq!((storage.applied().decree, in_rocksdb()), (Decree(1), Decree(0)));
    let last = (2..).find(|decree| {
        let mutation = [put(*decree, &[("b", value(&"x".repeat(4000), None))])];
        // On a busy machine the table is full before anybody writes it out.
        while storage.apply_at_once(&mutation).unwrap().is_none() {
            std::thread::yield_now();
        }
        in_rocksdb() > Decree(0)
    });
    let last = Decree(last.unwrap());
    assert!(in_rocksdb() <= last && storage.applied().decree == last);
    storage.write_out().unwrap();
    assert_eq!(in_rocksdb(), last);
}

#[test]
fn while_rocksdb_holds_writers_back_nothing_is_applied_at_once_and_waiting_applies_it() {
    let slow =
        EngineOptions { memtable_bytes: 64 << 10, rate_bytes_per_s: Some(200 << 10), ..EngineOptions::default() };
    let (_dir, storage) = new(&Engine::new(&slow).unwrap());
    // Hardly compressed, so that flushes are slower than writes.
    let text = |decree: u64| {
        (0..2000_u64).map(|n| char::from(b'a' + (decree * 31 + n * n * 7 % 251) as u8 % 26)).collect::<String>()
    };
    let mutations = (1..).map(|decree| put(decree, &[(&format!("k{decree}"), value(&text(decree), None))]));
    let held_back = mutations.take(10_000).find(|mutation| {
        let at_once = storage.apply_at_once(std::slice::from_ref(mutation)).unwrap();
        assert_eq!(storage.applied().decree, at_once.map_or(Decree(mutation.decree.0 - 1), |applied| applied.decree));
        at_once.is_none()
    });
    let held_back = held_back.expect("RocksDB holds nobody back");
    assert_eq!(storage.apply(std::slice::from_ref(&held_back)).unwrap().decree, held_back.decree);
}

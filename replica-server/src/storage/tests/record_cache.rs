//! The cache of records: never older than the storage, whoever reads and writes when.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::storage::record_cache::{RecordCache, Records};

/// A stored value, or that there is none.
type Known = Option<Bytes>;

fn records(bytes: usize) -> (Arc<RecordCache>, Records) {
    let cache = Arc::new(RecordCache::new(bytes));
    let records = Records::new(&cache);
    (cache, records)
}

/// Reads a key; `below` is what the storage holds, `None` if it must not be asked.
fn read(records: &Records, name: &str, below: Option<Known>) -> Known {
    let fetch = || Ok::<_, Infallible>(Some(below.expect("the storage is not to be asked")));
    records.read(&key(name), fetch).unwrap().unwrap()
}

fn known(text: &str) -> Known {
    Some(value(text, None))
}

#[test]
fn what_was_read_once_is_not_asked_for_again_nor_what_was_not_found() {
    let (cache, records) = records(1 << 20);
    for (name, found) in [("a", known("1")), ("b", None)] {
        assert_eq!(read(&records, name, Some(found.clone())), found);
        assert_eq!(read(&records, name, None), found);
    }
    let RecordCacheStats { hits, misses, bytes } = cache.stats();
    assert_eq!((hits, misses), (2, 2));
    assert!(bytes > 0 && bytes < 1000, "{bytes}");
}

#[test]
fn what_is_written_takes_the_place_of_what_was_read() {
    let (_cache, records) = records(1 << 20);
    read(&records, "a", Some(known("1")));
    records.overwrite(&key("a"), known("2").as_deref());
    assert_eq!(read(&records, "a", None), known("2"));
    records.overwrite(&key("a"), None);
    assert_eq!(read(&records, "a", None), None, "it is known that there is none");
}

#[test]
fn what_a_read_found_before_a_write_is_not_kept_after_it() {
    let (_cache, records) = records(1 << 20);
    let fetch = || {
        records.overwrite(&key("a"), known("2").as_deref());
        Ok::<_, Infallible>(Some(known("1")))
    };
    assert_eq!(records.read(&key("a"), fetch).unwrap(), Some(known("1")), "it began before the write");
    assert_eq!(read(&records, "a", Some(known("2"))), known("2"));
}

#[test]
fn what_only_the_disk_knows_is_asked_for_again() {
    let (_cache, records) = records(1 << 20);
    assert_eq!(records.read(&key("a"), || Ok::<_, Infallible>(None)).unwrap(), None);
    assert_eq!(read(&records, "a", Some(known("1"))), known("1"));
}

#[test]
fn another_opening_of_a_storage_knows_nothing_of_the_one_before() {
    let (cache, records) = records(1 << 20);
    read(&records, "a", Some(known("1")));
    assert_eq!(read(&Records::new(&cache), "a", Some(known("0"))), known("0"));
}

#[test]
fn long_values_are_left_to_the_storage_also_when_they_take_the_place_of_short_ones() {
    let (_cache, records) = records(64 << 20);
    let long = value(&"x".repeat(64 << 10), None);
    read(&records, "a", Some(known("1")));
    records.overwrite(&key("a"), Some(&long));
    for _ in 0..2 {
        assert_eq!(read(&records, "a", Some(Some(long.clone()))), Some(long.clone()));
    }
}

#[test]
fn a_cache_keeps_to_its_size() {
    let (cache, records) = records(1 << 20);
    for n in 0..20_000 {
        read(&records, &n.to_string(), Some(known("1")));
    }
    let bytes = cache.stats().bytes;
    assert!((1 << 19..=1 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn a_cache_of_nothing_keeps_nothing() {
    let (cache, records) = records(0);
    for _ in 0..2 {
        assert_eq!(read(&records, "a", Some(known("1"))), known("1"));
    }
    assert_eq!(cache.stats().bytes, 0);
}

/// One key is written, counting up; readers see it in the cache, on disk and in moments, in turns, while it goes into RocksDB,
/// and never see it go back.
#[test]
fn whatever_readers_ask_a_record_never_goes_back() {
    const WRITES: u64 = 20_000;
    let engine = engine();
    let (_dir, storage) = new(&engine);
    let (written, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let number = |stored: Option<Bytes>| {
        let stored = stored.map(|stored| Value::from_stored(stored).unwrap().payload);
        stored.map_or(0, |text| std::str::from_utf8(&text).unwrap().parse::<u64>().unwrap())
    };
    let read = |turn: u64| {
        let found = match turn % 4 {
            0 => storage.get_cached(&key("k")).unwrap(),
            1 => storage.moment(Reach::Memory, |moment| moment.get(&key("k"))).unwrap().unwrap(),
            2 => Cached::Found(storage.multi_get(&[key("k")]).unwrap().remove(0)),
            _ => Cached::Found(storage.get(&key("k")).unwrap()),
        };
        let Cached::Found(found) = found else { panic!("it is in memory") };
        number(found)
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                storage.write_out().unwrap();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                for turn in (0..).take_while(|_| !over.load(Ordering::SeqCst)) {
                    let acknowledged = written.load(Ordering::SeqCst);
                    let seen = read(turn);
                    assert!(seen >= last.max(acknowledged), "{seen} after {last}, {acknowledged} were acknowledged");
                    last = seen;
                }
            });
        }
        for n in 1..=WRITES {
            storage.apply(&[put(n, &[("k", value(&n.to_string(), None))])]).unwrap();
            written.store(n, Ordering::SeqCst);
        }
        over.store(true, Ordering::SeqCst);
    });
    assert!(engine.record_cache().hits > 0);
}

/// What a test does to a storage.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Read(u8),
    Range(u8, u8, bool),
    WriteOut,
    Flush,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        4 => (0..8_u8, any::<u8>()).prop_map(|(name, value)| Step::Put(name, value)),
        2 => (0..8_u8).prop_map(Step::Delete),
        8 => (0..8_u8).prop_map(Step::Read),
        4 => (0..9_u8, 0..9_u8, any::<bool>()).prop_map(|(start, end, disk)| Step::Range(start, end, disk)),
        2 => Just(Step::WriteOut),
        1 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(one, 1..60)
}

fn written(decree: u64, name: u8, value: Option<&Bytes>) -> Arc<Mutation> {
    let (mut writes, key) = (WritesBuilder::default(), key(&name.to_string()));
    match value {
        Some(value) => writes.put(&key, value),
        None => writes.delete(&key),
    };
    Arc::new(Mutation { ballot: Ballot(1), decree: Decree(decree), time_ms: 0, body: Body::Writes(writes.finish()) })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn cache_write_buffer_and_rocksdb_answer_as_one(steps in steps()) {
        let (_dir, storage) = new(&engine());
        let (mut model, mut log) = (BTreeMap::new(), Vec::new());
        for step in steps {
            let next = log.len() as u64 + 1;
            match step {
                Step::Put(name, number) => {
                    let stored = value(&number.to_string(), None);
                    log.push(written(next, name, Some(&stored)));
                    storage.apply(&log[log.len() - 1..]).unwrap();
                    model.insert(name, stored);
                }
                Step::Delete(name) => {
                    log.push(written(next, name, None));
                    prop_assert!(storage.apply_at_once(&log[log.len() - 1..]).unwrap().is_some());
                    model.remove(&name);
                }
                Step::Read(name) => {
                    let found = storage.get_cached(&key(&name.to_string())).unwrap();
                    prop_assert_eq!(found, Cached::Found(model.get(&name).cloned()));
                }
                Step::Range(start, end, disk) => {
                    let (from, to) = (key(&start.to_string()), key(&end.to_string()));
                    let expected: BTreeMap<_, _> =
                        model.iter().map(|(name, stored)| (key(&u8::to_string(name)), stored.clone())).collect();
                    let within = expected.into_iter().filter(|(name, _)| from <= *name && *name < to);
                    let (all, reach) = (ScanLimit::records(100), if disk { Reach::Disk } else { Reach::Memory });
                    let found = storage.moment(reach, |moment| moment.scan(&from, &to, all, 0)).unwrap().unwrap();
                    prop_assert!(found.is_some() || !disk);
                    if let Some(found) = found {
                        prop_assert_eq!(found.records, within.collect::<Vec<_>>());
                    }
                }
                Step::WriteOut => storage.write_out().unwrap(),
                Step::Flush => drop(storage.flush().unwrap()),
                Step::Reopen => drop(storage.reopen(WAIT, &mut |_| log.clone()).unwrap()),
            }
        }
    }
}

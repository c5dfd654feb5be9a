//! Fields of Redis hashes that are no more.

use bytes::Bytes;
use redis_data::{Context, Missing, Page, Parsed, View};
use resp::{Reply, Version};

use super::*;

/// What is applied, from wherever it is.
struct Applied<'a>(&'a Storage);

impl View for Applied<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        Ok(self.0.get(key).unwrap())
    }

    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        let page = self.0.scan_all(start, end, ScanLimit::records(limit), 0).unwrap();
        Ok(Page { records: page.records, more: page.more })
    }
}

/// One moment of it.
struct Still<'a>(&'a Moment<'a>);

impl View for Still<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        let Cached::Found(value) = self.0.get(key).unwrap() else { return Err(Missing) };
        Ok(value)
    }

    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        let page = self.0.scan(start, end, ScanLimit::records(limit), 0).unwrap().ok_or(Missing)?;
        Ok(Page { records: page.records, more: page.more })
    }
}

/// What a command amounts to, at a time of a thousand times the decree.
fn evaluated(request: &str, decree: u64, view: &mut dyn View) -> redis_data::Evaluation {
    let arguments: Vec<Bytes> = request.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    let Parsed::Command(command) = redis_data::parse(&arguments).unwrap() else { panic!("{request}") };
    let context =
        Context { now_ms: decree * 1000, unique: decree, seed: 0, protocol: Version::Resp2, value_bytes_max: 1000 };
    command.evaluate(view, &context).unwrap()
}

/// Carries commands out, a decree each.
fn carry_out(storage: &Storage, requests: &[&str]) {
    for request in requests {
        let decree = storage.applied().decree.next();
        let writes = evaluated(request, decree.0, &mut Applied(storage)).writes;
        let body = Body::Writes(writes);
        storage.apply(&[Arc::new(Mutation { ballot: Ballot(1), decree, time_ms: decree.0 * 1000, body })]).unwrap();
    }
}

fn records(storage: &Storage) -> usize {
    storage.scan_all(&[], &[], ScanLimit::records(1000), 0).unwrap().records.len()
}

#[test]
fn fields_of_a_deleted_hash_go_with_a_compaction_and_those_of_its_successor_stay() {
    let (_dir, storage) = new(&engine());
    carry_out(&storage, &["HSET h a 1 b 2 c 3", "SET s text", "DEL h", "HSET h d 4"]);
    assert_eq!(records(&storage), 6, "two heads or strings, and the fields of both hashes");
    storage.compact().unwrap();
    assert_eq!(records(&storage), 3);
    let all = evaluated("HGETALL h", 9, &mut Applied(&storage)).reply;
    assert_eq!(all, Reply::map([("d", Reply::bulk("4"))]));
}

#[test]
fn fields_of_a_hash_that_expired_go_once_every_clock_says_so() {
    let (_dir, storage) = new(&engine());
    carry_out(&storage, &["HSET h a 1 b 2", "PEXPIREAT h 4000"]);
    storage.compact().unwrap();
    assert_eq!(records(&storage), 3);
    carry_out(&storage, &["SET s 1", "SET s 2"]);
    storage.compact().unwrap();
    assert_eq!(records(&storage), 1);
}

#[test]
fn a_hash_whose_longer_life_is_not_in_rocksdb_yet_keeps_its_fields() {
    let (_dir, storage) = new(&engine());
    carry_out(&storage, &["HSET h a 1", "PEXPIREAT h 4000"]);
    storage.flush().unwrap();
    // By the time of the last of these, the hash as RocksDB knows it is gone.
    carry_out(&storage, &["PERSIST h", "SET s 1", "SET s 2"]);
    storage.with(|rocks| rocks.applied(Tier::All).inspect(|_| rocks.compact())).unwrap();
    let all = evaluated("HGETALL h", 9, &mut Applied(&storage)).reply;
    assert_eq!(all, Reply::map([("a", Reply::bulk("1"))]));
}

#[test]
fn a_moment_that_is_read_keeps_its_fields() {
    let (_dir, storage) = new(&engine());
    carry_out(&storage, &["HSET h a 1 b 2"]);
    let all = storage.moment(Reach::Disk, |moment| {
        carry_out(&storage, &["DEL h"]);
        storage.compact().unwrap();
        evaluated("HLEN h", 1, &mut Still(moment));
        evaluated("HMGET h a b", 1, &mut Still(moment)).reply
    });
    assert_eq!(all.unwrap(), Reply::bulks(["1", "2"]));
    // Another compaction has nothing to do where nothing was written.
    carry_out(&storage, &["HSET h c 3", "DEL h"]);
    storage.compact().unwrap();
    assert_eq!(records(&storage), 0);
}

#[test]
fn a_digest_does_not_depend_on_what_was_compacted() {
    let engine = engine();
    let ((_one, kept), (_two, compacted)) = (new(&engine), new(&engine));
    let requests = ["HSET h a 1 b 2", "HSET other x 1", "DEL h", "HSET h c 3", "EXPIRE other 1", "SET s text", "DEL s"];
    for storage in [&kept, &compacted] {
        carry_out(storage, &requests);
    }
    compacted.compact().unwrap();
    assert!(records(&compacted) < records(&kept));
    assert_eq!(kept.digest(|| {}).unwrap(), compacted.digest(|| {}).unwrap());
}

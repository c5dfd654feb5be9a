//! Commands about all keys of this node: those of the partitions that it leads, one partition after the other.

use std::sync::Arc;

use bytes::Bytes;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::SlotRange;
use redis_data::keyspace::{Keys, Keyspace, Scan, count_keys, first_keys, random_key};
use redis_data::{Missing, Parsed, View};
use resp::cluster::Question;
use resp::command::Spec;
use resp::{Reply, Version};

use super::data::{outcome, still, told};
use super::door::Door;
use crate::replica::Replica;
use crate::storage::Reach;

/// Keys that one mutation of a flush removes.
const FLUSHED_AT_ONCE: usize = 1000;

/// A partition that this node leads.
type Part = (SlotRange, Arc<Replica>);

impl Door {
    /// Answers a command about all keys; `None`: it is none.
    pub(super) async fn keyspace(&self, spec: &Spec, arguments: &[Bytes], protocol: Version) -> Option<Reply> {
        let reply = match spec.name {
            "scan" | "keys" | "randomkey" | "dbsize" => match redis_data::parse(arguments) {
                Ok(Parsed::Keyspace(command)) => self.overview(command, protocol).await,
                Ok(Parsed::Command(_)) => return None,
                Err(reply) => Ok(reply),
            },
            "flushall" | "flushdb" => self.flush(arguments, protocol).await,
            "cluster|countkeysinslot" | "cluster|getkeysinslot" => match Question::parse(spec, arguments) {
                Ok(question) => self.in_slot(question).await,
                Err(reply) => Ok(reply),
            },
            _ => return None,
        };
        Some(reply.unwrap_or_else(|error| told(&error)))
    }

    async fn overview(&self, command: Keyspace, protocol: Version) -> WireResult<Reply> {
        let parts = self.parts();
        match command {
            Keyspace::Scan(scan) => self.scan(scan, &parts).await,
            Keyspace::Keys(keys) => self.keys(&keys, &parts).await,
            Keyspace::RandomKey => self.random(parts, protocol).await,
            Keyspace::DbSize => self.count(&parts).await,
        }
    }

    async fn scan(&self, scan: Scan, parts: &[Part]) -> WireResult<Reply> {
        let mut scanning = scan.begin();
        for (slots, replica) in parts {
            if scanning.wants(*slots) {
                let (mut taken, slots) = (scanning, *slots);
                let look = move |view: &mut dyn View, now_ms| taken.take(slots, view, now_ms).map(|()| taken.clone());
                scanning = self.in_part(replica, look).await?;
            }
        }
        let owned: Vec<SlotRange> = parts.iter().map(|(slots, _)| *slots).collect();
        Ok(scanning.reply(&owned))
    }

    async fn keys(&self, keys: &Keys, parts: &[Part]) -> WireResult<Reply> {
        let mut names = Vec::new();
        for (slots, replica) in parts {
            let (keys, slots) = (keys.clone(), *slots);
            names.extend(self.in_part(replica, move |view, now_ms| keys.within(slots, view, now_ms)).await?);
        }
        Ok(Reply::bulks(names))
    }

    async fn count(&self, parts: &[Part]) -> WireResult<Reply> {
        let mut count = 0;
        for (slots, replica) in parts {
            let slots = *slots;
            count += self.in_part(replica, move |view, now_ms| count_keys(slots, view, now_ms)).await?;
        }
        Ok(Reply::count(count))
    }

    /// A key of a random partition; of the next one, if that is empty.
    async fn random(&self, mut parts: Vec<Part>, protocol: Version) -> WireResult<Reply> {
        let start = self.chance(parts.len());
        parts.rotate_left(start);
        for (slots, replica) in parts {
            let Some(storage) = replica.storage() else { continue };
            let context = self.context(&storage, protocol);
            let found = self.in_part(&replica, move |view, _| random_key(slots, view, &context)).await?;
            if found.is_some() {
                return Ok(Reply::bulk_or_null(found));
            }
        }
        Ok(Reply::Null)
    }

    fn chance(&self, bound: usize) -> usize {
        let seed = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, std::sync::atomic::Ordering::Relaxed);
        usize::try_from(seed >> 33).unwrap_or(0) % bound.max(1)
    }

    async fn in_slot(&self, question: Question) -> WireResult<Reply> {
        let within = |slot| SlotRange { start: slot, end: slot };
        if let Question::CountKeys { slot } = question {
            let Some(replica) = self.leads(slot) else { return Ok(Reply::Integer(0)) };
            let slots = within(slot);
            return self.in_part(&replica, move |view, now_ms| count_keys(slots, view, now_ms)).await.map(Reply::count);
        }
        if let Question::GetKeys { slot, count } = question {
            let Some(replica) = self.leads(slot) else { return Ok(Reply::Array(vec![])) };
            let (slots, count) = (within(slot), usize::try_from(count).unwrap_or(usize::MAX));
            let look = move |view: &mut dyn View, now_ms| first_keys(slots, count, view, now_ms);
            return self.in_part(&replica, look).await.map(Reply::bulks);
        }
        Ok(Reply::Null)
    }

    fn leads(&self, slot: u16) -> Option<Arc<Replica>> {
        let gpid = self.atlas.page().partition(slot)?.gpid;
        self.node.registry.get(gpid).filter(|replica| replica.may_read(self.node.clock.mono()))
    }

    /// The partitions that this node leads, in order of slot.
    fn parts(&self) -> Vec<Part> {
        let now = self.node.clock.mono();
        let leads = |gpid| self.node.registry.get(gpid).filter(|replica| replica.may_read(now));
        let page = self.atlas.page();
        page.partitions().iter().filter_map(|config| Some((config.slots, leads(config.gpid)?))).collect()
    }

    /// Looks at one moment of a partition, from disk where it must be, under the primary's lease.
    async fn in_part<T: Send + 'static>(
        &self,
        replica: &Replica,
        mut look: impl FnMut(&mut dyn View, u64) -> Result<T, Missing> + Send + 'static,
    ) -> WireResult<T> {
        let moved = || WireError::new(ErrorCode::NotPrimary, "a partition has left this node meanwhile", "try again");
        let storage = replica.storage().ok_or_else(moved)?;
        let now_ms = self.node.clock.wall_ms().max(storage.applied().time_ms);
        let seen =
            crate::replica::blocking(move || still(&storage, Reach::Disk, now_ms, |view| look(view, now_ms))).await?;
        if replica.may_read(self.node.clock.mono()) { Ok(seen) } else { Err(moved()) }
    }

    /// Deletes the keys that there are, a thousand by a thousand: one that is written meanwhile may stay.
    async fn flush(&self, arguments: &[Bytes], protocol: Version) -> WireResult<Reply> {
        let mode = arguments.get(1).map(|mode| mode.to_ascii_lowercase());
        if arguments.len() > 2 || mode.is_some_and(|mode| mode != b"async" && mode != b"sync") {
            return Ok(Reply::error(resp::errors::SYNTAX));
        }
        for (slots, replica) in self.parts() {
            while let Some(names) = self.some_keys(slots, &replica).await? {
                let unlink: Vec<Bytes> = std::iter::once(Bytes::from_static(b"UNLINK")).chain(names).collect();
                let writing = match self.write(slots.start, &unlink, protocol).await {
                    Ok(writing) => writing,
                    Err(reply) => return Ok(reply),
                };
                match outcome(writing, |error| self.refusal(slots.start, error)).await {
                    Some(reply) if !reply.is_error() => {}
                    Some(reply) => return Ok(reply),
                    None => {
                        return Err(WireError::new(ErrorCode::NotPrimary, "the flush was interrupted", "flush again"));
                    }
                }
            }
        }
        Ok(Reply::ok())
    }

    async fn some_keys(&self, slots: SlotRange, replica: &Replica) -> WireResult<Option<Vec<Bytes>>> {
        let names = self.in_part(replica, move |view, now_ms| first_keys(slots, FLUSHED_AT_ONCE, view, now_ms)).await?;
        Ok(Some(names).filter(|names| !names.is_empty()))
    }
}

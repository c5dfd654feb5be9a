//! SCAN.
//!
//! A key that is there during the whole scan is told, and keys that come and go change nothing about that. The cursor
//! is a number of 64 bits at most, has to outlive restarts and fail-overs, and clients may keep it for days, so it
//! cannot be a name for something that the server remembers; and no number holds a key, by whose order the storage
//! could be asked to go on. So keys are told slot by slot, in a slot in the order of a hash of 38 bits
//! ([`Cursor`]), and every call that tells of a slot reads all keys of it. That is cheap while slots are small: one
//! that holds up to 1,000 keys is told at once, as real servers tell more than COUNT of small things. A larger one is
//! told in up to 16 parts, or parts of 10,000 keys, whichever are smaller: reading it again for each part is the price.

use bytes::Bytes;
use common::types::SlotRange;
use resp::Reply;

use super::Keyspace;
use super::cursor::{Cursor, place_of};
use super::smallest::Smallest;
use super::walk::{Found, Walk};
use crate::args::Args;
use crate::error;
use crate::key::type_name;
use crate::number::parse_cursor;
use crate::scan_options::ScanOptions;
use crate::view::{Missing, View};

/// A slot of so many keys is told at once.
const WHOLE: usize = 1_000;
/// A larger one is told in about so many parts,
const PARTS: usize = 16;
/// but no more than this at once.
const AT_ONCE_MAX: usize = 10_000;
/// Records after which a call ends at the next slot, however little it has found.
const READ_MAX: u64 = 20_000;

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type].
#[derive(Clone, Debug)]
pub struct Scan {
    /// `None`: behind the end.
    cursor: Option<Cursor>,
    options: ScanOptions,
}

impl Scan {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Keyspace, Reply> {
        let cursor = parse_cursor(&args.text()?).ok_or_else(error::invalid_cursor)?;
        let options = ScanOptions::parse(true, &mut args)?;
        Ok(Keyspace::Scan(Self { cursor: Cursor::from_number(cursor), options }))
    }

    /// Begins one call.
    #[must_use]
    pub fn begin(self) -> Scanning {
        Scanning { next: self.cursor, options: self.options, seen: 0, read: 0, is_full: false, names: vec![] }
    }
}

/// One call of SCAN on its way. Hand it the server's ranges in order of slot, each with a view of its partition, until
/// [`Scanning::is_full`]; then take [`Scanning::reply`].
#[derive(Clone, Debug)]
pub struct Scanning {
    next: Option<Cursor>,
    options: ScanOptions,
    /// Keys looked at: what COUNT counts.
    seen: usize,
    read: u64,
    is_full: bool,
    names: Vec<Bytes>,
}

impl Scanning {
    /// Whether it needs to look at any of these slots.
    #[must_use]
    pub fn wants(&self, slots: SlotRange) -> bool {
        !self.is_full && self.next.is_some_and(|next| next.slot <= slots.end)
    }

    /// Whether this call has told enough.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Tells of one range. Ranges before the cursor, and any after it is full, are passed over.
    ///
    /// # Errors
    /// [`Missing`]: nothing was noted then, and the same range may be handed in again.
    pub fn take(&mut self, slots: SlotRange, view: &mut dyn View, now_ms: u64) -> Result<(), Missing> {
        let Some(from) = self.next.filter(|_| self.wants(slots)) else { return Ok(()) };
        let mut attempt = self.clone();
        let from = from.max(Cursor { slot: slots.start, place: 0 });
        attempt.walk(from, slots.end, view, now_ms)?;
        *self = attempt;
        Ok(())
    }

    /// What the client is told. `owned`: the ranges that the server holds, so that the next call begins in one of them.
    #[must_use]
    pub fn reply(self, owned: &[SlotRange]) -> Reply {
        let next = self.next.and_then(|next| {
            let reached = owned.iter().filter(|slots| next.slot <= slots.end);
            reached.map(|slots| next.max(Cursor { slot: slots.start, place: 0 })).min()
        });
        let cursor = next.map_or(0, Cursor::number).to_string();
        Reply::Array(vec![Reply::bulk(cursor), Reply::bulks(self.names)])
    }

    fn walk(&mut self, from: Cursor, last: u16, view: &mut dyn View, now_ms: u64) -> Result<(), Missing> {
        let mut walk = Walk::over(SlotRange { start: from.slot, end: last });
        let mut slot = Slot::new(from);
        while let Some(found) = walk.step(view, now_ms)? {
            for key in found {
                if key.slot != slot.number {
                    let next = Slot::new(Cursor { slot: key.slot, place: 0 });
                    self.tell(std::mem::replace(&mut slot, next), self.read + walk.read());
                    if self.is_full {
                        return Ok(());
                    }
                }
                slot.add(key);
            }
        }
        self.tell(slot, self.read + walk.read());
        if !self.is_full {
            self.read += walk.read();
            self.next = last.checked_add(1).map(|slot| Cursor { slot, place: 0 });
        }
        Ok(())
    }

    /// Tells of one slot, of which all keys were read.
    fn tell(&mut self, slot: Slot, read: u64) {
        let room = self.options.count.saturating_sub(self.seen);
        let number = slot.number;
        let (keys, rest) = slot.take(room);
        self.seen += keys.len();
        let wanted = keys.into_iter().filter(|key| self.options.wants(type_name(key.kind)));
        let names: Vec<_> = wanted.map(|key| key.name).filter(|name| self.options.matches(name)).collect();
        self.names.extend(names);
        self.is_full = rest.is_some() || self.seen >= self.options.count || read >= READ_MAX;
        self.next = Some(match rest {
            Some(place) => Cursor { slot: number, place },
            None => Cursor { slot: number.saturating_add(1), place: 0 },
        });
    }
}

/// The keys of one slot from a place on.
struct Slot {
    number: u16,
    place: u64,
    /// All keys of it, those before the place too.
    size: usize,
    keys: Smallest,
}

impl Slot {
    const fn new(from: Cursor) -> Self {
        Self { number: from.slot, place: from.place, size: 0, keys: Smallest::of(AT_ONCE_MAX) }
    }

    fn add(&mut self, key: Found) {
        self.size += 1;
        let place = place_of(&key.name);
        if place >= self.place {
            self.keys.add(place, key);
        }
    }

    /// The keys to tell now, and where the rest begins.
    fn take(self, room: usize) -> (Vec<Found>, Option<u64>) {
        self.keys.take(room.max(WHOLE).max(self.size / PARTS).min(AT_ONCE_MAX))
    }
}

//! Reading one replica's records: only its frames are read, and those that stand side by side with one call.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use common::types::{Decree, Gpid, Mutation};

use super::error::LogError;
use super::format::{FRAME_HEADER, FrameHeader, GROUP_HEADER};
use super::handle::{DiskLog, ReplicaLog, Shared};
use super::index::{Place, ReplicaKey};
use super::segment::Segment;

/// A record as it was appended.
pub(super) struct Record {
    pub committed: Decree,
    pub mutation: Arc<Mutation>,
}

/// What a scrub of the log read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogScrub {
    /// Records read.
    pub frames: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Damage in words; empty if all is well.
    pub damage: Vec<String>,
}

impl ReplicaLog {
    /// The records from `from` on, in order, up to about `bytes_max` and at least one; ends at the first gap. Empty if
    /// `from` is the next decree to come. Only what is committed may be passed on: the caller knows up to where. Blocks.
    ///
    /// # Errors
    /// [`LogError::Missing`] if the log holds later records but not `from`; damage; the disk fails.
    pub fn read(&self, from: Decree, bytes_max: usize) -> Result<Vec<Arc<Mutation>>, LogError> {
        let shared = self.log.shared();
        let Some(places) = places_from(shared, self.attached.replica, from, bytes_max) else {
            return Err(LogError::Missing { decree: from });
        };
        Ok(read(shared, self.attached.replica, &places)?.into_iter().map(|record| record.mutation).collect())
    }
}

impl DiskLog {
    /// Reads every record of a partition that the log holds and checks its checksum. Blocks.
    #[must_use]
    pub fn scrub(&self, gpid: Gpid) -> LogScrub {
        let mut scrubbed = LogScrub::default();
        for (key, place) in self.places_of(gpid) {
            scrubbed.frames += 1;
            scrubbed.bytes += u64::from(place.bytes);
            if let Err(error) = read(self.shared(), key, &[place]) {
                scrubbed.damage.push(error.to_string());
            }
        }
        scrubbed
    }

    fn places_of(&self, gpid: Gpid) -> Vec<(ReplicaKey, Place)> {
        let state = self.shared().state.read();
        let replicas = state.index.replicas.iter().filter(|(key, _)| key.0 == gpid);
        replicas.flat_map(|(key, replica)| replica.live.values().map(|place| (*key, *place))).collect()
    }
}

fn places_from(shared: &Shared, key: ReplicaKey, from: Decree, bytes_max: usize) -> Option<Vec<Place>> {
    let state = shared.state.read();
    let Some(replica) = state.index.replicas.get(&key) else { return Some(Vec::new()) };
    let (mut expected, mut bytes, mut places) = (from, 0, Vec::new());
    for (decree, place) in replica.live.range(from..) {
        if *decree != expected || (bytes > 0 && bytes + place.bytes as usize > bytes_max) {
            break;
        }
        bytes += place.bytes as usize;
        expected = decree.next();
        places.push(*place);
    }
    let holds_later = replica.live.range(from..).next().is_some();
    (!places.is_empty() || !holds_later).then_some(places)
}

/// Reads records in the order given.
pub(super) fn read(shared: &Shared, key: ReplicaKey, places: &[Place]) -> Result<Vec<Record>, LogError> {
    let segments = segments_of(shared, places);
    let mut records = Vec::with_capacity(places.len());
    for run in places.chunk_by(|one, next| is_adjacent(*one, *next)) {
        let Some(segment) = run.first().and_then(|place| segments.get(&place.segment)) else {
            // It was collected after the index was asked: what it held is flushed everywhere it is needed.
            return Err(LogError::Missing { decree: Decree::default() });
        };
        read_run(segment, key, run, &mut records)?;
    }
    Ok(records)
}

fn segments_of(shared: &Shared, places: &[Place]) -> BTreeMap<u64, Arc<Segment>> {
    let state = shared.state.read();
    let held = places.iter().filter_map(|place| state.segments.get_key_value(&place.segment));
    held.map(|(sequence, segment)| (*sequence, Arc::clone(segment))).collect()
}

/// Nothing but a group's header lies between.
fn is_adjacent(one: Place, next: Place) -> bool {
    let end = one.offset.saturating_add(one.bytes);
    one.segment == next.segment && (end..=end.saturating_add(GROUP_HEADER as u32)).contains(&next.offset)
}

fn read_run(segment: &Segment, key: ReplicaKey, run: &[Place], records: &mut Vec<Record>) -> Result<(), LogError> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
    let mut buffer = BytesMut::zeroed((last.offset + last.bytes - first.offset) as usize);
    segment.read(&mut buffer, first.offset.into()).map_err(|error| LogError::io(&segment.path, &error))?;
    let buffer = buffer.freeze();
    for place in run {
        let at = (place.offset - first.offset) as usize;
        let record = decode(&buffer.slice(at..at + place.bytes as usize), segment.salt, key);
        let damaged = || LogError::Damaged { segment: segment.path.clone(), offset: place.offset.into() };
        records.push(record.ok_or_else(damaged)?);
    }
    Ok(())
}

fn decode(frame: &Bytes, salt: u32, key: ReplicaKey) -> Option<Record> {
    let header = FrameHeader::decode(frame, salt).filter(|header| header.replica == key)?;
    if !header.is_intact(frame, salt) {
        return None;
    }
    let payload = frame.slice(FRAME_HEADER..FRAME_HEADER + header.length as usize);
    Some(Record { committed: header.committed, mutation: Arc::new(header.mutation(payload)?) })
}

//! Bytes on disk: file names, segment header, group header, frame header (docs/on-disk-format.md). Big-endian; frames
//! begin at multiples of eight. Checksums are CRC-32 begun with a salt that comes of the segment's random nonce.

use std::path::{Path, PathBuf};

use common::types::{Ballot, Body, Decree, Gpid, Incarnation, Mutation, Writes};
use crc32fast::Hasher;

use super::index::ReplicaKey;
use bytes::Bytes;

const SEGMENT_MAGIC: [u8; 7] = *b"GODWLOG";
const GROUP_MAGIC: [u8; 4] = *b"gGrp";
const FRAME_MAGIC: [u8; 4] = *b"gFrm";
const VERSION: u8 = 1;

/// Segment header, in bytes.
pub(super) const SEGMENT_HEADER: usize = 64;
/// Group header, in bytes.
pub(super) const GROUP_HEADER: usize = 32;
/// Frame header, in bytes.
pub(super) const FRAME_HEADER: usize = 72;
/// Alignment of groups and frames, in bytes.
pub(super) const ALIGN: usize = 8;

/// Of a file that is used again, pages are written whole when they are first touched, in bytes: what is not in memory would
/// have to be read before.
pub(super) const PAGE: usize = 4096;

/// Zeros that follow the last group at least, in bytes: a note has room in them, and no header of an earlier life of the file
/// follows at once.
const SILENCE: u64 = (GROUP_HEADER + FRAME_HEADER) as u64;

/// The zeros to write after a group that ends at `end`: none if there are enough, up to `zeroed_to`.
pub(super) fn silence(end: u64, zeroed_to: u64, segment_bytes: u64) -> &'static [u8] {
    const ZEROS: [u8; 2 * PAGE] = [0; 2 * PAGE];
    if end + SILENCE <= zeroed_to {
        return &[];
    }
    let to = (end + SILENCE).next_multiple_of(PAGE as u64).min(segment_bytes);
    usize::try_from(to.saturating_sub(end)).ok().and_then(|count| ZEROS.get(..count)).unwrap_or_default()
}

const KIND_WRITES: u8 = 1;
const KIND_OPENING: u8 = 2;

/// Bytes of an opening's payload.
pub(super) const OPENING_BYTES: usize = 16;

/// An opening's payload: the decree that it carries, the ballot that opened (rule OPENING).
pub(super) fn opening_payload(after: Decree, by: Ballot) -> [u8; OPENING_BYTES] {
    ((u128::from(after.0) << 64) | u128::from(by.0)).to_be_bytes()
}

/// `log.<sequence, 16 hex digits>`.
pub(super) fn segment_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("log.{sequence:016x}"))
}

/// The sequence of a segment's file name.
pub(super) fn parse_segment_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log.").filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

/// A preallocated file that will become a segment.
pub(super) fn spare_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("spare.{number:016x}"))
}

/// Whether it is the name of a spare.
pub(super) fn is_spare_name(name: &str) -> bool {
    name.starts_with("spare.")
}

/// The file that keeps space for flushes.
pub(super) fn reserve_path(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub sequence: u64,
    /// Random: bytes of an earlier life of the file never pass as this one's.
    pub nonce: u64,
    /// Sequence of the segment before it; 0 for none.
    pub predecessor: u64,
    /// Where that one ends: nothing past it counts.
    pub predecessor_end: u64,
}

/// Why a segment header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    Damaged,
    Newer(u8),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        let mut writer = Fields(&mut bytes);
        writer.put(&SEGMENT_MAGIC).put(&[VERSION]);
        writer.u64(self.sequence).u64(self.nonce).u64(self.predecessor).u64(self.predecessor_end);
        let crc = crc32fast::hash(bytes.first_chunk::<40>().unwrap_or(&[0; 40]));
        Fields(bytes.split_at_mut(40).1).u32(crc);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let header = bytes.first_chunk::<40>().ok_or(HeaderError::Damaged)?;
        let mut reader = Reader(bytes);
        if reader.array::<7>() != Some(SEGMENT_MAGIC) {
            return Err(HeaderError::Damaged);
        }
        let version = reader.array::<1>().map_or(0, |[version]| version);
        if version > VERSION {
            return Err(HeaderError::Newer(version));
        }
        let mut next = || reader.u64().ok_or(HeaderError::Damaged);
        let found = Self { sequence: next()?, nonce: next()?, predecessor: next()?, predecessor_end: next()? };
        let intact = reader.u32() == Some(crc32fast::hash(header)) && version == VERSION;
        if intact { Ok(found) } else { Err(HeaderError::Damaged) }
    }

    /// What checksums in the segment begin with.
    pub(super) fn salt(&self) -> u32 {
        let mut hasher = Hasher::new();
        hasher.update(&self.nonce.to_be_bytes());
        hasher.update(&self.sequence.to_be_bytes());
        hasher.finalize()
    }
}

/// What stands before the frames of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupHeader {
    /// Frames that follow; 0 for a note that only says what is durable.
    pub frames: u32,
    /// Bytes of those frames.
    pub length: u64,
    /// Offset in this segment up to which all was durable when this was written.
    pub synced_to: u64,
}

impl GroupHeader {
    pub(super) fn encode(&self, salt: u32) -> [u8; GROUP_HEADER] {
        let mut bytes = [0; GROUP_HEADER];
        let mut writer = Fields(&mut bytes);
        writer.put(&GROUP_MAGIC).u32(self.frames).u64(self.length).u64(self.synced_to);
        let crc = checksum(salt, bytes.first_chunk::<24>().unwrap_or(&[0; 24])).finalize();
        Fields(bytes.split_at_mut(24).1).u32(crc);
        bytes
    }

    pub(super) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let header = bytes.first_chunk::<24>()?;
        let mut reader = Reader(bytes);
        if reader.array::<4>()? != GROUP_MAGIC {
            return None;
        }
        let found = Self { frames: reader.u32()?, length: reader.u64()?, synced_to: reader.u64()? };
        (reader.u32()? == checksum(salt, header).finalize()).then_some(found)
    }
}

/// What stands before a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub length: u32,
    pub replica: ReplicaKey,
    pub ballot: Ballot,
    pub decree: Decree,
    pub committed: Decree,
    pub time_ms: u64,
    pub kind: u8,
}

impl FrameHeader {
    pub(super) fn of(replica: ReplicaKey, mutation: &Mutation, committed: Decree) -> Self {
        let (kind, length) = match &mutation.body {
            Body::Writes(writes) => (KIND_WRITES, writes.as_bytes().len()),
            Body::Opening { .. } => (KIND_OPENING, OPENING_BYTES),
        };
        Self {
            // The writer refuses what is longer than a quarter of a segment before it comes here.
            length: u32::try_from(length).unwrap_or(u32::MAX),
            replica,
            ballot: mutation.ballot,
            decree: mutation.decree,
            committed,
            time_ms: mutation.time_ms,
            kind,
        }
    }

    /// The header; its last eight bytes are the checksum of its fields and that of fields and payload.
    pub(super) fn encode(&self, salt: u32, payload: &[u8]) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        let mut writer = Fields(&mut bytes);
        writer.put(&FRAME_MAGIC).u32(self.length).u64(self.replica.0.region_id()).u64(self.replica.1.0);
        writer.u64(self.ballot.0).u64(self.decree.0).u64(self.committed.0).u64(self.time_ms).put(&[self.kind]);
        let mut hasher = checksum(salt, bytes.first_chunk::<64>().unwrap_or(&[0; 64]));
        let header_crc = hasher.clone().finalize();
        hasher.update(payload);
        Fields(bytes.split_at_mut(64).1).u32(header_crc).u32(hasher.finalize());
        bytes
    }

    /// The header alone, if its own checksum is right.
    pub(super) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let fields = bytes.first_chunk::<64>()?;
        let mut reader = Reader(bytes);
        if reader.array::<4>()? != FRAME_MAGIC {
            return None;
        }
        let found = Self {
            length: reader.u32()?,
            replica: (Gpid::from_region_id(reader.u64()?), Incarnation(reader.u64()?)),
            ballot: Ballot(reader.u64()?),
            decree: Decree(reader.u64()?),
            committed: Decree(reader.u64()?),
            time_ms: reader.u64()?,
            kind: reader.array::<1>().map(|[kind]| kind)?,
        };
        let mut reader = Reader(bytes.get(64..)?);
        (reader.u32()? == checksum(salt, fields).finalize()).then_some(found)
    }

    /// Whether header and payload, at the beginning of `bytes`, are what was written.
    pub(super) fn is_intact(&self, bytes: &[u8], salt: u32) -> bool {
        let payload = bytes.get(FRAME_HEADER..FRAME_HEADER + self.length as usize);
        let (Some(fields), Some(crc), Some(payload)) = (bytes.first_chunk::<64>(), bytes.get(68..), payload) else {
            return false;
        };
        let mut hasher = checksum(salt, fields);
        hasher.update(payload);
        Reader(crc).u32() == Some(hasher.finalize()) && matches!(self.kind, KIND_WRITES | KIND_OPENING)
    }

    /// Bytes from this frame to what follows it.
    pub(super) const fn stride(&self) -> u64 {
        frame_bytes(self.length as usize) as u64
    }

    /// For an opening, the decree that it carries and the ballot that opened (rule OPENING).
    pub(super) fn opening(&self, payload: &[u8]) -> Option<(Decree, Ballot)> {
        let mut fields = Reader(payload);
        let carried = || Some((Decree(fields.u64()?), Ballot(fields.u64()?)));
        (self.kind == KIND_OPENING).then(carried).flatten()
    }

    /// The mutation, from an intact frame.
    pub(super) fn mutation(&self, payload: Bytes) -> Option<Mutation> {
        let body = match self.kind {
            KIND_OPENING => {
                let (after, by) = self.opening(&payload)?;
                Body::Opening { after, by }
            }
            _ => Body::Writes(Writes::decode(payload).ok()?),
        };
        Some(Mutation { ballot: self.ballot, decree: self.decree, time_ms: self.time_ms, body })
    }
}

/// Bytes that a frame with this payload takes.
pub(super) const fn frame_bytes(payload: usize) -> usize {
    (FRAME_HEADER + payload).next_multiple_of(ALIGN)
}

fn checksum(salt: u32, bytes: &[u8]) -> Hasher {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher
}

/// Writes fields one after the other.
struct Fields<'a>(&'a mut [u8]);

impl Fields<'_> {
    fn put(&mut self, field: &[u8]) -> &mut Self {
        let (place, rest) = std::mem::take(&mut self.0).split_at_mut(field.len());
        place.copy_from_slice(field);
        self.0 = rest;
        self
    }

    fn u32(&mut self, field: u32) -> &mut Self {
        self.put(&field.to_be_bytes())
    }

    fn u64(&mut self, field: u64) -> &mut Self {
        self.put(&field.to_be_bytes())
    }
}

/// Reads fields one after the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_survives_encoding_and_no_flipped_bit_passes(
            decree: u64, ballot: u64, region: u64, payload: Vec<u8>, bit: usize, salt: u32,
        ) {
            let writes = Mutation { ballot: Ballot(ballot), decree: Decree(decree), time_ms: 7, body: Body::Opening { after: Decree(1), by: Ballot(ballot) } };
            let mut header = FrameHeader::of((Gpid::from_region_id(region), Incarnation(3)), &writes, Decree(9));
            header.kind = KIND_WRITES;
            header.length = payload.len() as u32;
            let mut bytes = header.encode(salt, &payload).to_vec();
            bytes.extend_from_slice(&payload);
            prop_assert_eq!(FrameHeader::decode(&bytes, salt), Some(header));
            prop_assert!(header.is_intact(&bytes, salt));
            prop_assert_eq!(FrameHeader::decode(&bytes, salt ^ 1), None);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let passes = FrameHeader::decode(&bytes, salt).is_some_and(|header| header.is_intact(&bytes, salt));
            prop_assert!(!passes);
        }

        #[test]
        fn headers_survive_encoding(sequence: u64, nonce: u64, end: u64, salt: u32) {
            let header = SegmentHeader { sequence, nonce, predecessor: 3, predecessor_end: end };
            prop_assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
            let group = GroupHeader { frames: 5, length: end, synced_to: nonce };
            prop_assert_eq!(GroupHeader::decode(&group.encode(salt), salt), Some(group));
            prop_assert_eq!(GroupHeader::decode(&group.encode(salt), salt ^ 1), None);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>, salt: u32) {
            let _ = (SegmentHeader::decode(&bytes), GroupHeader::decode(&bytes, salt), FrameHeader::decode(&bytes, salt));
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = SegmentHeader { sequence: 1, nonce: 2, predecessor: 0, predecessor_end: 0 }.encode();
        bytes[7] = 9;
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Newer(9)));
        bytes[0] = 0;
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Damaged));
    }

    #[test]
    fn names_go_there_and_back() {
        let path = segment_path(Path::new("/d"), 0xAB);
        assert_eq!(parse_segment_name(path.file_name().unwrap().to_str().unwrap()), Some(0xAB));
        assert_eq!(parse_segment_name("log.1"), None);
    }
}

//! Takes a segment's bytes apart and decides what is a torn tail and what is damage (rule LOG). Pure.
//!
//! What lies below the highest `synced_to` of any intact group header, or below the end that the next segment names,
//! was durable once: if it is bad now, it is damage. Above that, everything from the first bad byte on is a torn tail,
//! even if intact frames follow.

use super::format::{ALIGN, FRAME_HEADER, FrameHeader, GROUP_HEADER, GroupHeader, SEGMENT_HEADER};
use super::recovery::Concern;

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Intact frames with their offsets, in order.
    pub frames: Vec<(u64, FrameHeader)>,
    /// Bad stretches below what was durable: (offset, bytes, whom it concerns).
    pub damage: Vec<(u64, u64, Concern)>,
    /// Where the segment ends.
    pub end: u64,
    /// Bytes of a torn tail after the end were there.
    pub torn: bool,
}

enum Item {
    Group(u64),
    Frame(FrameHeader, u64),
    /// The header is right and the payload is not.
    BadPayload(FrameHeader, u64),
    Bad,
}

/// Scans a segment. `named_end`: where the next segment says that it ends.
pub(super) fn scan(bytes: &[u8], salt: u32, named_end: Option<u64>) -> Scan {
    let durable = named_end.unwrap_or_else(|| highest_synced_to(bytes, salt));
    let visible = named_end.and_then(|end| bytes.get(..usize::try_from(end).ok()?)).unwrap_or(bytes);
    let mut found = Scan { frames: Vec::new(), damage: Vec::new(), end: SEGMENT_HEADER as u64, torn: false };
    let mut at = SEGMENT_HEADER as u64;
    loop {
        match item_at(visible, at, salt) {
            Item::Group(next) => at = next,
            Item::Frame(header, next) => {
                found.frames.push((at, header));
                at = next;
            }
            _ if at >= durable => break,
            Item::BadPayload(header, next) => {
                found.damage.push((at, next - at, Concern::Replica(header.replica.0, header.replica.1)));
                at = next;
            }
            Item::Bad => {
                let next = next_item(visible, at, salt).unwrap_or(durable).min(durable);
                found.damage.push((at, next - at, concern_of_gap(next - at)));
                at = next;
            }
        }
    }
    found.end = at;
    found.torn = named_end.is_none() && has_bytes(bytes, at);
    found
}

/// A gap in which no frame has room can only have been group headers: no record is lost.
const fn concern_of_gap(bytes: u64) -> Concern {
    if bytes < FRAME_HEADER as u64 { Concern::Nobody } else { Concern::Anyone }
}

fn item_at(bytes: &[u8], at: u64, salt: u32) -> Item {
    let Some(rest) = usize::try_from(at).ok().and_then(|at| bytes.get(at..)) else { return Item::Bad };
    if GroupHeader::decode(rest, salt).is_some() {
        return Item::Group(at + GROUP_HEADER as u64);
    }
    match FrameHeader::decode(rest, salt) {
        Some(header) if header.stride() > rest.len() as u64 => Item::Bad,
        Some(header) if header.is_intact(rest, salt) => Item::Frame(header, at + header.stride()),
        Some(header) => Item::BadPayload(header, at + header.stride()),
        None => Item::Bad,
    }
}

/// The next place after `at` where something intact begins.
fn next_item(bytes: &[u8], at: u64, salt: u32) -> Option<u64> {
    let begins =
        |at: &u64| matches!(item_at(bytes, *at, salt), Item::Group(_) | Item::Frame(..) | Item::BadPayload(..));
    (at + ALIGN as u64..bytes.len() as u64).step_by(ALIGN).find(begins)
}

fn highest_synced_to(bytes: &[u8], salt: u32) -> u64 {
    let aligned = bytes.get(SEGMENT_HEADER..).unwrap_or_default();
    let places = (0..aligned.len()).step_by(ALIGN).filter_map(|at| aligned.get(at..));
    let durable = places.filter_map(|rest| GroupHeader::decode(rest, salt)).map(|group| group.synced_to).max();
    durable.unwrap_or(0).min(bytes.len() as u64)
}

fn has_bytes(bytes: &[u8], at: u64) -> bool {
    let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    rest.iter().take(FRAME_HEADER).any(|byte| *byte != 0)
}

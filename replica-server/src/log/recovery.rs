//! Opening what an earlier process left: which segments there are, where the log ends, what is damaged (rule LOG).
//!
//! 1. A newer format is refused before anything is written.
//! 2. Segments are read in order. Each names its predecessor and where that ends; a missing one is damage.
//! 3. Only the last one can have a torn tail. It is cut by beginning a new segment that names its end.
//! 4. What was recovered is fsynced before anybody may rely on it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::{create_dir_durable, sync_dir};
use common::types::{Gpid, Incarnation};

use super::error::LogError;
use super::format::{FRAME_HEADER, HeaderError, SEGMENT_HEADER, SegmentHeader, is_spare_name, parse_segment_name};
use super::index::{Entry, Index, Place};
use super::scan::{Scan, scan};
use super::segment::Segment;

/// Whom damage may concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// No record is lost.
    Nobody,
    /// One replica.
    Replica(Gpid, Incarnation),
    /// It cannot be known: any replica of this disk may have lost a record.
    Anyone,
}

/// A stretch of the log that was durable and is bad now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment's sequence.
    pub segment: u64,
    /// Where it begins.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// Whom it may concern.
    pub concern: Concern,
}

/// A torn tail that was cut: written and never acknowledged under `sync = always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment's sequence.
    pub segment: u64,
    /// Where it ends now.
    pub end: u64,
}

/// What an open found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Intact records.
    pub records: u64,
    /// Segments that hold them.
    pub segments: u64,
    /// Damage below what was durable. Never dropped silently: see [`Recovery::is_clean`].
    pub damage: Vec<Damage>,
    /// The torn tail.
    pub cut: Option<Cut>,
}

impl Recovery {
    /// Whether this replica's records are surely all there. If not, it must be learned again (it is not "clean" in the
    /// sense of rule ROLES).
    #[must_use]
    pub fn is_clean(&self, gpid: Gpid, incarnation: Incarnation) -> bool {
        !self.damage.iter().any(|damage| match damage.concern {
            Concern::Nobody => false,
            Concern::Replica(g, i) => (g, i) == (gpid, incarnation),
            Concern::Anyone => true,
        })
    }
}

/// What the writer goes on from.
pub(super) struct Recovered {
    pub segments: BTreeMap<u64, Arc<Segment>>,
    pub index: Index,
    /// Sequence and end of the last segment; (0, 0) if there is none.
    pub last: (u64, u64),
    pub recovery: Recovery,
}

struct Found {
    sequence: u64,
    path: PathBuf,
    header: Option<SegmentHeader>,
}

/// Reads the directory, making it if it is missing.
pub(super) fn recover(dir: &Path) -> Result<Recovered, LogError> {
    create_dir_durable(dir).map_err(|error| LogError::io(dir, &error))?;
    let found = list(dir)?;
    let mut state =
        Recovered { segments: BTreeMap::new(), index: Index::default(), last: (0, 0), recovery: Recovery::default() };
    let mut previous = None;
    for (at, segment) in found.iter().enumerate() {
        state.check_chain(previous, segment);
        state.take(segment, named_end(segment.sequence, found.get(at + 1)))?;
        previous = Some(segment.sequence);
    }
    if let Some(last) = state.segments.get(&state.last.0) {
        last.sync().map_err(|error| LogError::io(&last.path, &error))?;
    }
    sync_dir(dir).map_err(|error| LogError::io(dir, &error))?;
    Ok(state)
}

/// Segments in order. Spares of an earlier process are removed, once it is known that nothing is of a newer format.
fn list(dir: &Path) -> Result<Vec<Found>, LogError> {
    let io = |error: std::io::Error| LogError::io(dir, &error);
    let (mut found, mut spares) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(sequence) = parse_segment_name(&name) {
            found.push(Found { sequence, header: read_header(&entry.path())?, path: entry.path() });
        } else if is_spare_name(&name) {
            spares.push(entry.path());
        }
    }
    for spare in spares {
        std::fs::remove_file(&spare).map_err(|error| LogError::io(&spare, &error))?;
    }
    found.sort_by_key(|segment| segment.sequence);
    Ok(found)
}

fn read_header(path: &Path) -> Result<Option<SegmentHeader>, LogError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SEGMENT_HEADER as u64).read_to_end(&mut bytes));
    read.map_err(|error| LogError::io(path, &error))?;
    match SegmentHeader::decode(&bytes) {
        Ok(header) => Ok(Some(header)),
        Err(HeaderError::Damaged) => Ok(None),
        Err(HeaderError::Newer(version)) => Err(LogError::NewerFormat { path: path.to_owned(), version }),
    }
}

fn named_end(sequence: u64, next: Option<&Found>) -> Option<u64> {
    let header = next?.header.as_ref()?;
    (header.predecessor == sequence).then_some(header.predecessor_end)
}

impl Recovered {
    fn check_chain(&mut self, previous: Option<u64>, segment: &Found) {
        let (Some(previous), Some(header)) = (previous, &segment.header) else { return };
        if header.predecessor != previous {
            self.damage(header.predecessor, 0, 0, Concern::Anyone);
        }
    }

    fn take(&mut self, found: &Found, named_end: Option<u64>) -> Result<(), LogError> {
        let path = &found.path;
        let Some(header) = found.header.filter(|header| header.sequence == found.sequence) else {
            // The header was durable before the first record: this is no torn tail.
            let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            self.damage(found.sequence, 0, bytes, Concern::Anyone);
            return self.keep(found, 0, bytes);
        };
        let bytes = std::fs::read(path).map_err(|error| LogError::io(path, &error))?;
        let scanned = scan(&bytes, header.salt(), named_end);
        self.index(found.sequence, &bytes, &scanned);
        self.keep(found, header.salt(), scanned.end)
    }

    fn keep(&mut self, found: &Found, salt: u32, end: u64) -> Result<(), LogError> {
        let segment = Segment::open(found.path.clone(), found.sequence, salt, end);
        let segment = segment.map_err(|error| LogError::io(&found.path, &error))?;
        self.segments.insert(found.sequence, Arc::new(segment));
        self.last = (found.sequence, end);
        Ok(())
    }

    fn index(&mut self, sequence: u64, bytes: &[u8], scanned: &Scan) {
        for (offset, bytes, concern) in &scanned.damage {
            self.damage(sequence, *offset, *bytes, *concern);
        }
        if scanned.torn {
            self.recovery.cut = Some(Cut { segment: sequence, end: scanned.end });
        }
        self.recovery.segments += 1;
        for (offset, header) in &scanned.frames {
            self.recovery.records += 1;
            let payload = usize::try_from(*offset).ok().and_then(|at| bytes.get(at + FRAME_HEADER..));
            let place = Place {
                segment: sequence,
                offset: u32::try_from(*offset).unwrap_or(u32::MAX),
                bytes: u32::try_from(header.stride()).unwrap_or(u32::MAX),
                ballot: header.ballot,
            };
            self.index.insert(&Entry {
                replica: header.replica,
                decree: header.decree,
                committed: header.committed,
                opening: payload.and_then(|payload| header.opening(payload)),
                place,
            });
        }
    }

    fn damage(&mut self, segment: u64, offset: u64, bytes: u64, concern: Concern) {
        let damage = Damage { segment, offset, bytes, concern };
        tracing::error!(?damage, "the log is damaged");
        self.recovery.damage.push(damage);
    }
}

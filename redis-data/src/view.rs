//! The records that an evaluation may ask for. Whoever implements it decides where they come from.

use bytes::Bytes;

/// Something is not at hand yet. The view noted what: fetch it and evaluate again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records that the command depends on are not at hand yet")]
pub struct Missing;

/// A part of a range of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Records in order of key: (record key, stored value). Expired ones may be left out.
    pub records: Vec<(Bytes, Bytes)>,
    /// There may be more after the last of them. A page without records is never followed by more.
    pub more: bool,
}

/// One state of a partition's records. All answers to one evaluation come from the same state: of a write, what is
/// applied and all writes in flight, of a read, one moment of what is applied.
///
/// An evaluation asks for all that it can name before it gives up, so a caller that must fetch from a disk fetches once
/// for what the arguments name, and once more for what depends on that (the fields of a hash, by its head).
pub trait View {
    /// A stored value; `None` if there is no such record. An expired one may be told or not.
    ///
    /// # Errors
    /// [`Missing`], having noted the key.
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing>;

    /// Records with `start <= key < end`, at most `limit` of them, and at least one if there is one.
    ///
    /// # Errors
    /// [`Missing`], having noted the range.
    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing>;
}

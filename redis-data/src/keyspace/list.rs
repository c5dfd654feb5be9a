//! KEYS and DBSIZE; CLUSTER COUNTKEYSINSLOT and GETKEYSINSLOT are the same over one slot.

use bytes::Bytes;
use common::types::SlotRange;
use resp::Reply;
use resp::glob::{self, Case};

use super::Keyspace;
use super::walk::Walk;
use crate::args::Args;
use crate::view::{Missing, View};

/// KEYS pattern.
#[derive(Clone, Debug)]
pub struct Keys(Bytes);

impl Keys {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Keyspace, Reply> {
        let pattern = args.text()?;
        args.end().map(|()| Keyspace::Keys(Self(pattern)))
    }

    /// The keys of these slots that match, in no order that means anything.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn within(&self, slots: SlotRange, view: &mut dyn View, now_ms: u64) -> Result<Vec<Bytes>, Missing> {
        let (mut walk, mut names) = (Walk::over(slots), vec![]);
        while let Some(found) = walk.step(view, now_ms)? {
            let matching = found.into_iter().filter(|key| glob::matches(&self.0, &key.name, Case::Sensitive));
            names.extend(matching.map(|key| key.name));
        }
        Ok(names)
    }
}

/// How many keys these slots hold. It reads every one of them.
///
/// # Errors
/// [`Missing`].
pub fn count_keys(slots: SlotRange, view: &mut dyn View, now_ms: u64) -> Result<u64, Missing> {
    let (mut walk, mut count) = (Walk::over(slots), 0);
    while let Some(found) = walk.step(view, now_ms)? {
        count += found.len() as u64;
    }
    Ok(count)
}

/// The first keys of these slots, at most `count`.
///
/// # Errors
/// [`Missing`].
pub fn first_keys(slots: SlotRange, count: usize, view: &mut dyn View, now_ms: u64) -> Result<Vec<Bytes>, Missing> {
    let (mut walk, mut names) = (Walk::over(slots), vec![]);
    while names.len() < count
        && let Some(found) = walk.step(view, now_ms)?
    {
        names.extend(found.into_iter().map(|key| key.name));
    }
    names.truncate(count);
    Ok(names)
}

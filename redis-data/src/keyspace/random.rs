//! RANDOMKEY.

use bytes::Bytes;
use common::types::SlotRange;

use super::walk::{Found, Walk};
use crate::context::{Chance, Context};
use crate::view::{Missing, View};

/// Keys of one slot among which one is taken.
const CANDIDATES_MAX: usize = 1024;

/// A key of these slots, `None` if there is none: a random slot, or the next one that holds keys, and a random key among
/// the first 1,024 of it. So keys of slots that hold few, or that follow empty ones, are more likely than others.
///
/// # Errors
/// [`Missing`].
pub fn random_key(slots: SlotRange, view: &mut dyn View, ctx: &Context) -> Result<Option<Bytes>, Missing> {
    let mut chance = ctx.chance();
    let width = usize::from(slots.end.saturating_sub(slots.start)) + 1;
    let middle = slots.start.saturating_add(u16::try_from(chance.below(width)).unwrap_or(0));
    let found = first_of(SlotRange { start: middle, ..slots }, view, ctx.now_ms, &mut chance)?;
    match found {
        None if middle > slots.start => first_of(SlotRange { end: middle - 1, ..slots }, view, ctx.now_ms, &mut chance),
        found => Ok(found),
    }
}

/// One of the keys of the first slot that holds any.
fn first_of(slots: SlotRange, view: &mut dyn View, now_ms: u64, chance: &mut Chance) -> Result<Option<Bytes>, Missing> {
    let (mut walk, mut candidates) = (Walk::over(slots), Vec::<Found>::new());
    while let Some(found) = walk.step(view, now_ms)? {
        candidates.extend(found);
        let slot = candidates.first().map(|key| key.slot);
        let others = candidates.iter().position(|key| Some(key.slot) != slot);
        candidates.truncate(others.unwrap_or(CANDIDATES_MAX));
        if others.is_some() || candidates.len() >= CANDIDATES_MAX {
            break;
        }
    }
    let at = chance.below(candidates.len());
    Ok(candidates.into_iter().nth(at).map(|key| key.name))
}

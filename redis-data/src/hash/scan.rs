//! HSCAN.
//!
//! Fields stand in the order of a hash of 32 bits ([`crate::encoding`]), and a cursor is the first place in that order
//! that was not told yet: it names no state of the server, holds for ever, and no change of other fields moves it. So
//! a field that is there during the whole scan is told, and once. Fields that share a place are told together.

use resp::Reply;

use super::Hash;
use super::table::Pair;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::{Key, place};
use crate::error;
use crate::evaluation::Answer;
use crate::number::parse_cursor;
use crate::scan_options::ScanOptions;
use crate::store::Store;
use crate::view::Missing;

/// A hash of so many fields is told at once, as real servers do with those that they keep packed.
const WHOLE: u64 = 128;

/// HSCAN key cursor [MATCH pattern] [COUNT count].
#[derive(Clone, Debug)]
pub(crate) struct HScan {
    key: Key,
    cursor: u64,
    /// Wrong options of an absent hash are not minded.
    options: Result<ScanOptions, Reply>,
}

impl HScan {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let (key, cursor) = (args.key()?, args.text()?);
        let cursor = parse_cursor(&cursor).ok_or_else(error::invalid_cursor)?;
        Ok(Self { key, cursor, options: ScanOptions::parse(false, &mut args) })
    }

    fn reply(cursor: u64, found: Vec<Pair>) -> Reply {
        let flat = found.into_iter().flat_map(|(field, value)| [field, value]);
        Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::bulks(flat)])
    }
}

impl Evaluate for HScan {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(hash) = Hash::open(store, &self.key)? else { return Ok(Self::reply(0, vec![])) };
        let options = self.options.clone()?;
        let count = if hash.len() <= WHOLE { WHOLE as usize } else { options.count };
        let (mut found, next) = match u32::try_from(self.cursor) {
            Ok(from) => step(&hash, store, from, count)?,
            Err(_) => (vec![], 0),
        };
        found.retain(|(field, _)| options.matches(field));
        Ok(Self::reply(next, found))
    }
}

/// About `count` fields from a place on, and the place of the next one, or 0. Fewer if they are large.
fn step(hash: &Hash<'_>, store: &mut Store<'_>, from: u32, count: usize) -> Result<(Vec<Pair>, u64), Missing> {
    let mut found: Vec<Pair> = vec![];
    let mut next = Some(hash.fields().start_at(from));
    while let Some(start) = next {
        // One more than wanted, to see where the next call goes on.
        let run = hash.run(store, &start, (count + 1).saturating_sub(found.len()))?;
        found.extend(run.pairs);
        next = run.next;
        if let Some((at, place)) = last_place(&found).filter(|_| next.is_some()) {
            found.truncate(at);
            return Ok((found, place.into()));
        }
    }
    Ok((found, 0))
}

/// Where the fields of the last place begin, of which there may be more; `None` if there is no other place.
fn last_place(found: &[Pair]) -> Option<(usize, u32)> {
    let last = place(&found.last()?.0);
    let at = found.iter().rposition(|(field, _)| place(field) != last)?;
    Some((at + 1, last))
}

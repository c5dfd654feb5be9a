//! HRANDFIELD.
//!
//! Of a hash of moderate size, or if many are wanted, every field is as likely as the next. Of a larger one a few are
//! read from a random place on, and one of these is taken: their places are spread evenly but not equally far apart,
//! so some fields are then more likely than others, by about an eighth.

use std::collections::BTreeSet;

use bytes::Bytes;
use resp::{Reply, Version};

use super::Hash;
use super::table::Pair;
use crate::args::Args;
use crate::command::Evaluate;
use crate::context::Chance;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::store::Store;
use crate::view::Missing;

/// A hash of so many fields is read as a whole.
const WHOLE: u64 = 4096;
/// So many fields are read for one that is taken.
const WINDOW: usize = 64;
/// Most fields told with repetitions. Real servers go on until the client is gone.
const REPEATED_MAX: u64 = 1 << 20;

/// HRANDFIELD key [count [WITHVALUES]].
#[derive(Clone, Debug)]
pub(crate) struct HRandField {
    key: Key,
    count: Option<i64>,
    with_values: bool,
}

impl HRandField {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        let count = if args.len() > 0 { Some(count(&mut args)?) } else { None };
        let with_values = args.word("WITHVALUES");
        if args.len() > 0 {
            return Err(error::syntax());
        }
        let most = if with_values { (i64::MAX / 2).unsigned_abs() } else { u64::MAX };
        if count.is_some_and(|count| count.unsigned_abs() > most || count < 0 && count.unsigned_abs() > REPEATED_MAX) {
            return Err(error::out_of_range());
        }
        Ok(Self { key, count, with_values })
    }

    fn told(&self, pairs: Vec<Pair>, protocol: Version) -> Reply {
        let pairs = pairs.into_iter();
        Reply::Array(match (self.with_values, protocol) {
            (false, _) => pairs.map(|(field, _)| Reply::Bulk(field)).collect(),
            (true, Version::Resp2) => pairs.flat_map(|(field, value)| [field, value]).map(Reply::Bulk).collect(),
            (true, Version::Resp3) => pairs.map(|(field, value)| Reply::bulks([field, value])).collect(),
        })
    }
}

fn count(args: &mut Args<'_>) -> Result<i64, Reply> {
    let count = args.integer()?;
    if count != i64::MIN {
        return Ok(count);
    }
    let bound = i64::MAX;
    Err(Reply::error(format!("ERR value is out of range, value must between -{bound} and {bound}")))
}

impl Evaluate for HRandField {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let hash = Hash::open(store, &self.key)?;
        let mut chance = store.ctx().chance();
        let Some(count) = self.count else {
            let Some(hash) = hash else { return Ok(Reply::Null) };
            let pair = distinct(&hash, store, 1, &mut chance)?.pop();
            return Ok(Reply::bulk_or_null(pair.map(|(field, _)| field)));
        };
        let pairs = match hash {
            None => vec![],
            Some(hash) if count < 0 => repeated(&hash, store, count.unsigned_abs(), &mut chance)?,
            Some(hash) => distinct(&hash, store, count.unsigned_abs(), &mut chance)?,
        };
        Ok(self.told(pairs, store.ctx().protocol))
    }
}

/// So many fields, each of them once; all of them if there are no more.
fn distinct(hash: &Hash<'_>, store: &mut Store<'_>, count: u64, chance: &mut Chance) -> Result<Vec<Pair>, Missing> {
    if !is_sparse(hash, count) {
        return sample(hash, store, count, chance);
    }
    let (mut taken, mut pairs) = (BTreeSet::<Bytes>::new(), vec![]);
    // Few are taken of many, so hardly any is hit twice; the bound is there for a chance that is none.
    for _ in 0..count.saturating_mul(4) {
        let pair = near_a_random_place(hash, store, chance)?.filter(|(field, _)| taken.insert(field.clone()));
        pairs.extend(pair);
        if pairs.len() as u64 == count {
            break;
        }
    }
    Ok(pairs)
}

/// So many fields, some of them perhaps several times, in random order.
fn repeated(hash: &Hash<'_>, store: &mut Store<'_>, count: u64, chance: &mut Chance) -> Result<Vec<Pair>, Missing> {
    if is_sparse(hash, count) {
        return (0..count).filter_map(|_| near_a_random_place(hash, store, chance).transpose()).collect();
    }
    let mut all = vec![];
    hash.for_each(store, &mut |pair| all.push(pair))?;
    Ok((0..count).filter_map(|_| all.get(chance.below(all.len())).cloned()).collect())
}

/// Whether reading all would be reading far too much.
const fn is_sparse(hash: &Hash<'_>, count: u64) -> bool {
    hash.len() > WHOLE && count.saturating_mul(WINDOW as u64) < hash.len()
}

/// A sample in which each field is as likely as the next, in one pass (reservoir sampling).
fn sample(hash: &Hash<'_>, store: &mut Store<'_>, count: u64, chance: &mut Chance) -> Result<Vec<Pair>, Missing> {
    let (mut taken, mut seen) = (vec![], 0_usize);
    if count == 0 {
        return Ok(taken);
    }
    hash.for_each(store, &mut |pair| {
        seen += 1;
        if count > taken.len() as u64 {
            taken.push(pair);
        } else if let Some(place) = taken.get_mut(chance.below(seen)) {
            *place = pair;
        }
    })?;
    Ok(taken)
}

fn near_a_random_place(hash: &Hash<'_>, store: &mut Store<'_>, chance: &mut Chance) -> Result<Option<Pair>, Missing> {
    let place = (chance.next() >> 32) as u32;
    let run = hash.run(store, &hash.fields().start_at(place), WINDOW)?;
    let mut window = run.pairs;
    if run.next.is_none() && window.len() < WINDOW {
        // Past the last place the first one follows.
        window.extend(hash.run(store, &hash.fields().start_at(0), WINDOW - window.len())?.pairs);
    }
    let at = chance.below(window.len());
    Ok(window.into_iter().nth(at))
}

//! A command as `COMMAND INFO` tells it: an array of ten.

use super::Spec;
use super::flags::{Category, Flag};
use super::keys::{KeyFlag, KeyRange, KeySpec};
use crate::Reply;

/// Name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
pub(super) fn info(spec: &Spec) -> Reply {
    let range = spec.key_range();
    let last = |range: KeyRange| range.last.map_or(Reply::Integer(-1), Reply::count);
    Reply::Array(vec![
        Reply::bulk(spec.name),
        Reply::Integer(i64::from(spec.arity)),
        names(Flag::ALL.iter().filter(|flag| spec.is(**flag)).map(|flag| flag.name())),
        Reply::count(range.map_or(0, |range| range.first)),
        range.map_or(Reply::Integer(0), last),
        Reply::count(range.map_or(0, |range| range.step)),
        names(Category::ALL.iter().filter(|category| spec.belongs_to(**category)).map(|category| category.name())),
        Reply::Set(spec.tips.iter().map(|tip| Reply::bulk(*tip)).collect()),
        Reply::Set(spec.keys.iter().map(key_spec).collect()),
        subcommands(spec),
    ])
}

/// What becomes of a key: `RO`, `access`.
pub(super) fn key_flags(flags: &[KeyFlag]) -> Reply {
    names(flags.iter().map(|flag| flag.name()))
}

fn names(names: impl Iterator<Item = &'static str>) -> Reply {
    Reply::Set(names.map(Reply::simple).collect())
}

fn subcommands(spec: &Spec) -> Reply {
    let all: Vec<_> = spec.subcommands.iter().map(info).collect();
    if all.is_empty() { Reply::Set(all) } else { Reply::Array(all) }
}

/// Where to begin, and from there how far: the last key counts from the first, and -1 is the last argument.
fn key_spec(spec: &KeySpec) -> Reply {
    let KeyRange { first, last, step } = spec.range;
    let last = last.map_or(Reply::Integer(-1), |last| Reply::count(last - first));
    let begin = [("index", Reply::count(first))];
    let find = [("lastkey", last), ("keystep", Reply::count(step)), ("limit", Reply::Integer(0))];
    Reply::map([
        ("flags", key_flags(spec.flags)),
        ("begin_search", Reply::map([("type", Reply::bulk("index")), ("spec", Reply::map(begin))])),
        ("find_keys", Reply::map([("type", Reply::bulk("range")), ("spec", Reply::map(find))])),
    ])
}

//! What may happen in a sequence, and how a client asks for it.

use proptest::prelude::*;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Set {
        key: String,
        value: String,
        life_ms: Option<u64>,
        keep_life: bool,
        only: Only,
    },
    Get(String),
    Append(String, String),
    Increment(String, i64),
    MSetNx(Vec<(String, String)>),
    Del(Vec<String>),
    Exists(Vec<String>),
    Expire(String, i64),
    Persist(String),
    Ttl(String),
    Rename {
        from: String,
        to: String,
        only_if_absent: bool,
    },
    HSet(String, Vec<(String, String)>),
    HDel(String, Vec<String>),
    HGet(String, String),
    HGetAll(String),
    HLen(String),
    HIncrement(String, String, i64),
    Type(String),
    DbSize,
    Keys,
    /// Time passes, in ms.
    Wait(u64),
    /// Fields that no hash owns are dropped.
    Compact,
}

/// A condition of SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Always,
    IfAbsent,
    IfPresent,
}

/// A sequence of at most so many steps.
pub(crate) fn actions(most: usize) -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(
        prop_oneof![3 => of_strings(), 3 => of_keys(), 4 => of_hashes(), 2 => of_the_world()],
        1..most,
    )
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "{a}b", "{a}", "c"]).prop_map(str::to_owned)
}

fn field() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["f", "g", "h", ""]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(vec!["", "text", "0", "-5"]).prop_map(str::to_owned), "[0-9]{1,3}"]
}

fn of_strings() -> impl Strategy<Value = Action> {
    let only = prop::sample::select(vec![Only::Always, Only::Always, Only::IfAbsent, Only::IfPresent]);
    let life = prop::option::weighted(0.4, 1..2000_u64);
    prop_oneof![
        (key(), value(), life, any::<bool>(), only).prop_map(|(key, value, life_ms, keep, only)| Action::Set {
            key,
            value,
            life_ms,
            keep_life: keep && life_ms.is_none(),
            only
        }),
        key().prop_map(Action::Get),
        (key(), value()).prop_map(|(key, value)| Action::Append(key, value)),
        (key(), -3..3_i64).prop_map(|(key, by)| Action::Increment(key, by)),
        prop::collection::vec((key(), value()), 1..3).prop_map(Action::MSetNx),
    ]
}

fn of_keys() -> impl Strategy<Value = Action> {
    prop_oneof![
        prop::collection::vec(key(), 1..3).prop_map(Action::Del),
        prop::collection::vec(key(), 1..3).prop_map(Action::Exists),
        (key(), -100..2000_i64).prop_map(|(key, ms)| Action::Expire(key, ms)),
        key().prop_map(Action::Persist),
        key().prop_map(Action::Ttl),
        key().prop_map(Action::Type),
        (key(), key(), any::<bool>()).prop_map(|(from, to, only_if_absent)| Action::Rename {
            from,
            to,
            only_if_absent
        }),
    ]
}

fn of_hashes() -> impl Strategy<Value = Action> {
    prop_oneof![
        (key(), prop::collection::vec((field(), value()), 1..4)).prop_map(|(key, pairs)| Action::HSet(key, pairs)),
        (key(), prop::collection::vec(field(), 1..4)).prop_map(|(key, fields)| Action::HDel(key, fields)),
        (key(), field()).prop_map(|(key, field)| Action::HGet(key, field)),
        key().prop_map(Action::HGetAll),
        key().prop_map(Action::HLen),
        (key(), field(), -3..3_i64).prop_map(|(key, field, by)| Action::HIncrement(key, field, by)),
    ]
}

fn of_the_world() -> impl Strategy<Value = Action> {
    prop_oneof![(1..700_u64).prop_map(Action::Wait), Just(Action::Compact), Just(Action::DbSize), Just(Action::Keys),]
}

impl Action {
    /// What a client says; `None` for what no client does.
    pub(crate) fn request(&self) -> Option<Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let flat =
            |pairs: &[(String, String)]| pairs.iter().flat_map(|(a, b)| [a.clone(), b.clone()]).collect::<Vec<_>>();
        Some(match self {
            Self::Set { key, value, life_ms, keep_life, only } => {
                let mut request = words(&["SET", key, value]);
                request.extend(life_ms.map(|ms| ["PX".to_owned(), ms.to_string()]).into_iter().flatten());
                request.extend(keep_life.then(|| "KEEPTTL".to_owned()));
                request.extend(match only {
                    Only::Always => None,
                    Only::IfAbsent => Some("NX".to_owned()),
                    Only::IfPresent => Some("XX".to_owned()),
                });
                request
            }
            Self::Get(key) => words(&["GET", key]),
            Self::Append(key, value) => words(&["APPEND", key, value]),
            Self::Increment(key, by) => words(&["INCRBY", key, &by.to_string()]),
            Self::MSetNx(pairs) => [words(&["MSETNX"]), flat(pairs)].concat(),
            Self::Del(keys) => [words(&["DEL"]), keys.clone()].concat(),
            Self::Exists(keys) => [words(&["EXISTS"]), keys.clone()].concat(),
            Self::Expire(key, ms) => words(&["PEXPIRE", key, &ms.to_string()]),
            Self::Persist(key) => words(&["PERSIST", key]),
            Self::Ttl(key) => words(&["PTTL", key]),
            Self::Rename { from, to, only_if_absent: false } => words(&["RENAME", from, to]),
            Self::Rename { from, to, only_if_absent: true } => words(&["RENAMENX", from, to]),
            Self::HSet(key, pairs) => [words(&["HSET", key]), flat(pairs)].concat(),
            Self::HDel(key, fields) => [words(&["HDEL", key]), fields.clone()].concat(),
            Self::HGet(key, field) => words(&["HGET", key, field]),
            Self::HGetAll(key) => words(&["HGETALL", key]),
            Self::HLen(key) => words(&["HLEN", key]),
            Self::HIncrement(key, field, by) => words(&["HINCRBY", key, field, &by.to_string()]),
            Self::Type(key) => words(&["TYPE", key]),
            Self::DbSize => words(&["DBSIZE"]),
            Self::Keys => words(&["KEYS", "*"]),
            Self::Wait(_) | Self::Compact => return None,
        })
    }
}

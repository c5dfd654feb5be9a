//! The model: maps, and the meaning of each command written down once more, without records, versions and rounds.

use std::collections::BTreeMap;

use resp::Reply;

use crate::action::{Action, Only};

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[derive(Clone, Debug)]
enum Held {
    Text(String),
    Hash(BTreeMap<String, String>),
}

/// All keys, what they hold, and when that ends.
pub(crate) struct Plain {
    keys: BTreeMap<String, (Held, Option<u64>)>,
    now_ms: u64,
}

impl Plain {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { keys: BTreeMap::new(), now_ms }
    }

    /// How many fields there are.
    pub(crate) fn fields(&self) -> usize {
        let size = |held: &Held| if let Held::Hash(hash) = held { hash.len() } else { 0 };
        self.keys.values().map(|(held, _)| size(held)).sum()
    }

    pub(crate) fn answer(&mut self, action: &Action) -> Reply {
        let answer = self.act(action);
        let now_ms = self.now_ms;
        self.keys.retain(|_, (held, until)| {
            until.is_none_or(|until| until > now_ms) && !matches!(held, Held::Hash(hash) if hash.is_empty())
        });
        answer.unwrap_or_else(Reply::error)
    }

    fn act(&mut self, action: &Action) -> Result<Reply, &'static str> {
        let integer = |number: usize| Reply::Integer(number as i64);
        Ok(match action {
            Action::Wait(ms) => {
                self.now_ms += ms;
                Reply::ok()
            }
            Action::Compact => Reply::ok(),
            Action::Del(keys) => integer(keys.iter().filter(|key| self.keys.remove(*key).is_some()).count()),
            Action::Exists(keys) => integer(keys.iter().filter(|key| self.keys.contains_key(*key)).count()),
            Action::Expire(key, ms) => {
                let until = self.now_ms.saturating_add_signed(*ms);
                let found = self.keys.get_mut(key).map(|(_, life)| *life = Some(until));
                Reply::Integer(found.is_some().into())
            }
            Action::Persist(key) => {
                let life = self.keys.get_mut(key).and_then(|(_, life)| life.take());
                Reply::Integer(life.is_some().into())
            }
            Action::Ttl(key) => Reply::Integer(match self.keys.get(key) {
                None => -2,
                Some((_, None)) => -1,
                Some((_, Some(until))) => (until - self.now_ms) as i64,
            }),
            Action::Rename { from, to, only_if_absent } => {
                let held = self.keys.get(from).cloned().ok_or("ERR no such key")?;
                let renames = from != to && !(*only_if_absent && self.keys.contains_key(to));
                if renames {
                    self.keys.remove(from);
                    self.keys.insert(to.clone(), held);
                }
                if *only_if_absent { Reply::Integer(renames.into()) } else { Reply::ok() }
            }
            Action::Type(key) => Reply::simple(match self.keys.get(key) {
                None => "none",
                Some((Held::Text(_), _)) => "string",
                Some((Held::Hash(_), _)) => "hash",
            }),
            Action::DbSize => integer(self.keys.len()),
            Action::Keys => Reply::bulks(self.keys.keys().cloned()),
            of_value => return self.act_on_text(of_value),
        })
    }

    fn act_on_text(&mut self, action: &Action) -> Result<Reply, &'static str> {
        Ok(match action {
            Action::Set { key, value, life_ms, keep_life, only } => {
                let before = self.keys.get(key);
                let holds = *only == Only::Always || before.is_some() == (*only == Only::IfPresent);
                let kept = before.and_then(|(_, until)| *until).filter(|_| *keep_life);
                if holds {
                    let until = life_ms.map(|ms| self.now_ms + ms).or(kept);
                    self.keys.insert(key.clone(), (Held::Text(value.clone()), until));
                }
                if holds { Reply::ok() } else { Reply::Null }
            }
            Action::Get(key) => Reply::bulk_or_null(self.text(key)?.cloned()),
            Action::Append(key, value) => {
                let text = self.text(key)?.cloned().unwrap_or_default() + value;
                let length = text.len();
                self.keep(key, Held::Text(text));
                Reply::Integer(length as i64)
            }
            Action::Increment(key, by) => {
                let sum = number(self.text(key)?)
                    .map(|number| number + by)
                    .ok_or("ERR value is not an integer or out of range")?;
                self.keep(key, Held::Text(sum.to_string()));
                Reply::Integer(sum)
            }
            Action::MSetNx(pairs) => {
                let free = pairs.iter().all(|(key, _)| !self.keys.contains_key(key));
                if free {
                    self.keys.extend(pairs.iter().cloned().map(|(key, value)| (key, (Held::Text(value), None))));
                }
                Reply::Integer(free.into())
            }
            of_hash => return self.act_on_hash(of_hash),
        })
    }

    fn act_on_hash(&mut self, action: &Action) -> Result<Reply, &'static str> {
        let integer = |number: usize| Reply::Integer(number as i64);
        Ok(match action {
            Action::HSet(key, pairs) => {
                let mut hash = self.hash(key)?.cloned().unwrap_or_default();
                let new = pairs.iter().filter(|(f, value)| hash.insert(f.clone(), value.clone()).is_none()).count();
                self.keep(key, Held::Hash(hash));
                integer(new)
            }
            Action::HDel(key, fields) => {
                let Some(mut hash) = self.hash(key)?.cloned() else { return Ok(Reply::Integer(0)) };
                let gone = fields.iter().filter(|field| hash.remove(*field).is_some()).count();
                self.keep(key, Held::Hash(hash));
                integer(gone)
            }
            Action::HGet(key, field) => Reply::bulk_or_null(self.hash(key)?.and_then(|hash| hash.get(field)).cloned()),
            Action::HGetAll(key) => {
                let hash = self.hash(key)?.cloned().unwrap_or_default();
                Reply::map(hash.into_iter().map(|(field, value)| (field, Reply::bulk(value))))
            }
            Action::HLen(key) => integer(self.hash(key)?.map_or(0, BTreeMap::len)),
            Action::HIncrement(key, field, by) => {
                let mut hash = self.hash(key)?.cloned().unwrap_or_default();
                let sum =
                    number(hash.get(field)).map(|number| number + by).ok_or("ERR hash value is not an integer")?;
                hash.insert(field.clone(), sum.to_string());
                self.keep(key, Held::Hash(hash));
                Reply::Integer(sum)
            }
            other => panic!("{other:?} is not about a hash"),
        })
    }

    fn text(&self, key: &str) -> Result<Option<&String>, &'static str> {
        match self.keys.get(key) {
            None => Ok(None),
            Some((Held::Text(text), _)) => Ok(Some(text)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn hash(&self, key: &str) -> Result<Option<&BTreeMap<String, String>>, &'static str> {
        match self.keys.get(key) {
            None => Ok(None),
            Some((Held::Hash(hash), _)) => Ok(Some(hash)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    /// Another content, the same life.
    fn keep(&mut self, key: &str, held: Held) {
        let until = self.keys.get(key).and_then(|(_, until)| *until);
        self.keys.insert(key.to_owned(), (held, until));
    }
}

/// What is absent counts as 0; signs and leading zeros as they are printed, or it is no number.
fn number(text: Option<&String>) -> Option<i64> {
    let Some(text) = text else { return Some(0) };
    text.parse::<i64>().ok().filter(|number| number.to_string() == *text)
}

//! The same table as a Redis client sees it, with everything written down.

use std::sync::Arc;
use std::time::Duration;

use super::record::{Answer, Kind, Recorder, ValueId};
use super::value::{decode, encode};
use crate::redis::{Fate, Reply, Router};
use crate::workload::History as Keys;

/// A command was refused, or nobody knows what became of it; the record knows.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// A Redis client whose commands are recorded.
#[derive(Debug)]
pub struct RecordedRedis {
    router: Router,
    recorder: Arc<Recorder>,
    client: usize,
    value_bytes: usize,
    /// What it reads may lack what was acknowledged within this.
    stale_max: Option<Duration>,
}

impl RecordedRedis {
    /// The client of this number, with values of this length.
    #[must_use]
    pub const fn new(router: Router, recorder: Arc<Recorder>, client: usize, value_bytes: usize) -> Self {
        Self { router, recorder, client, value_bytes, stale_max: None }
    }

    /// The same on a router that asks secondaries too; what they tell lacks nothing older than this.
    #[must_use]
    pub fn of_secondaries(self, stale_max: Duration) -> Self {
        Self { stale_max: Some(stale_max), ..self }
    }

    fn read(&self) -> Kind {
        self.stale_max.map_or(Kind::Get, |stale_max| Kind::Look { since: self.recorder.since(stale_max) })
    }

    /// GET.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn get(&mut self, key: usize) -> Result<(), Refused> {
        let found = |reply| match reply {
            Reply::Bulk(content) => Some(Answer::Found(content.map(|content| decode(&content)))),
            Reply::Simple(_) | Reply::Integer(_) | Reply::Error(_) => None,
        };
        self.ask(key, self.read(), b"GET", &[], found).await
    }

    /// SET of a new value.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn set(&mut self, key: usize) -> Result<(), Refused> {
        let value = self.recorder.value();
        let content = encode(value, self.value_bytes);
        let done = |reply| (reply == Reply::Simple("OK".to_owned())).then_some(Answer::Done);
        self.ask(key, Kind::Put(value), b"SET", &[&content], done).await
    }

    /// SET … GET of a new value.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn exchange(&mut self, key: usize) -> Result<(), Refused> {
        let value = self.recorder.value();
        let content = encode(value, self.value_bytes);
        let answer = |reply| previous(reply).map(|previous| Answer::Compared { written: true, previous });
        self.ask(key, Kind::Exchange(value), b"SET", &[&content, b"GET"], answer).await
    }

    /// SET … NX GET of a new value.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn set_if_absent(&mut self, key: usize) -> Result<(), Refused> {
        let value = self.recorder.value();
        let content = encode(value, self.value_bytes);
        let kind = Kind::CompareAndSet { expected: None, value: Some(value) };
        let answer = |reply| previous(reply).map(|previous| Answer::Compared { written: previous.is_none(), previous });
        self.ask(key, kind, b"SET", &[&content, b"NX", b"GET"], answer).await
    }

    /// DEL.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn delete(&mut self, key: usize) -> Result<(), Refused> {
        let done = |reply| matches!(reply, Reply::Integer(_)).then_some(Answer::Done);
        self.ask(key, Kind::Delete, b"DEL", &[], done).await
    }

    /// INCR of a counter.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn increment(&mut self, key: usize) -> Result<(), Refused> {
        let at = |reply| match reply {
            Reply::Integer(at) => Some(Answer::Found(Some(u64::try_from(at).unwrap_or(0)))),
            Reply::Simple(_) | Reply::Bulk(_) | Reply::Error(_) => None,
        };
        self.ask(key, Kind::Increment, b"INCR", &[], at).await
    }

    /// GET of a counter.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn count(&mut self, key: usize) -> Result<(), Refused> {
        let at = |reply| match reply {
            Reply::Bulk(None) => Some(Answer::Found(None)),
            // What is no number was written by nobody.
            Reply::Bulk(Some(text)) => {
                let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                Some(Answer::Found(Some(number.unwrap_or(u64::MAX))))
            }
            Reply::Simple(_) | Reply::Integer(_) | Reply::Error(_) => None,
        };
        self.ask(key, self.read(), b"GET", &[], at).await
    }

    async fn ask(
        &mut self,
        key: usize,
        kind: Kind,
        name: &[u8],
        arguments: &[&[u8]],
        answer: impl FnOnce(Reply) -> Option<Answer>,
    ) -> Result<(), Refused> {
        let name_of_key = Keys::hash_key(key);
        let command = [&[name, &name_of_key[..]], arguments].concat();
        let operation = self.recorder.call(self.client, key, kind);
        match self.router.ask(&name_of_key, &command).await {
            Fate::Answered(reply) => {
                // An answer of a kind that the command does not have shows content that nobody wrote.
                let answer = answer(reply).unwrap_or(Answer::Found(Some(ValueId::MAX)));
                self.recorder.answered(operation, answer);
                Ok(())
            }
            Fate::Never(why) => {
                self.recorder.never(operation);
                Err(Refused(why))
            }
            Fate::Unknown(why) => {
                self.recorder.unknown(operation);
                Err(Refused(why))
            }
        }
    }
}

/// What SET … GET says was there.
fn previous(reply: Reply) -> Option<Option<ValueId>> {
    match reply {
        Reply::Bulk(content) => Some(content.map(|content| decode(&content))),
        Reply::Simple(_) | Reply::Integer(_) | Reply::Error(_) => None,
    }
}

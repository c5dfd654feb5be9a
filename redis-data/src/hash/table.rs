//! One hash: its head, and its fields, wherever they stand.

use bytes::{BufMut, Bytes, BytesMut};
use common::types::{Value, ValueKind};
use resp::Reply;

use crate::encoding::{Fields, Head, Key};
use crate::error;
use crate::evaluation::Stop;
use crate::store::{Store, element};
use crate::view::Missing;

/// Fields of a hash that is renamed: they are copied in one mutation, which must stay small.
const COPIED_FIELDS_MAX: u64 = 10_000;
/// Bytes of fields and values of a hash that is renamed.
const COPIED_BYTES_MAX: usize = 1 << 20;

/// Fields that are asked for at once where all are wanted.
const RUN_MAX: u64 = 4096;

/// A field and its value.
pub(crate) type Pair = (Bytes, Bytes);

/// A hash that is read, or changed and then saved.
#[derive(Clone, Debug)]
pub(crate) struct Hash<'k> {
    key: &'k Key,
    head: Head,
    expires_at_ms: Option<u64>,
}

/// A run of fields in their order.
pub(crate) struct Run {
    pub(crate) pairs: Vec<Pair>,
    /// Where the next run starts; `None`: these were the last.
    pub(crate) next: Option<Bytes>,
}

impl<'k> Hash<'k> {
    /// The hash under the key, if there is one.
    pub(crate) fn open(store: &mut Store<'_>, key: &'k Key) -> Result<Option<Self>, Stop> {
        let Some(value) = store.value(key)? else { return Ok(None) };
        if value.kind != ValueKind::Hash {
            return Err(error::wrong_type().into());
        }
        Ok(Some(Self::of(key, &value)?))
    }

    /// The hash under the key, or a new one without fields.
    pub(crate) fn open_or_new(store: &mut Store<'_>, key: &'k Key) -> Result<Self, Stop> {
        let head = Head { version: store.ctx().version(), length: 0 };
        Ok(Self::open(store, key)?.unwrap_or(Self { key, head, expires_at_ms: None }))
    }

    /// The hash whose head this is.
    pub(crate) fn of(key: &'k Key, head: &Value) -> Result<Self, Reply> {
        let expires_at_ms = head.expires_at_ms;
        let head = Head::decode(&head.payload).map_err(|_| error::unreadable(key.name()))?;
        Ok(Self { key, head, expires_at_ms })
    }

    /// Number of fields.
    pub(crate) const fn len(&self) -> u64 {
        self.head.length
    }

    /// The values of fields. All are asked for, whatever is missing; of a new hash, none.
    pub(crate) fn get(&self, store: &mut Store<'_>, fields: &[Bytes]) -> Result<Vec<Option<Bytes>>, Missing> {
        if self.len() == 0 {
            return Ok(vec![None; fields.len()]);
        }
        let records: Vec<_> = fields.iter().map(|field| self.fields().record(field)).collect();
        store.elements(&records, ValueKind::Field)
    }

    /// The value of one field.
    pub(crate) fn field(&self, store: &mut Store<'_>, field: &Bytes) -> Result<Option<Bytes>, Missing> {
        self.get(store, std::slice::from_ref(field)).map(|mut values| values.pop().flatten())
    }

    /// At most `limit` fields from a place on.
    pub(crate) fn run(&self, store: &mut Store<'_>, start: &[u8], limit: usize) -> Result<Run, Missing> {
        let page = store.scan(start, &self.fields().end(), limit.max(1))?;
        let last = page.records.last().filter(|_| page.more);
        let next = last.map(|(record, _)| after(record));
        let pair = |(record, stored)| Some((self.fields().field(&record)?, element(stored, ValueKind::Field)?));
        Ok(Run { pairs: page.records.into_iter().filter_map(pair).collect(), next })
    }

    /// Shows every field to `visit`.
    pub(crate) fn for_each(&self, store: &mut Store<'_>, visit: &mut dyn FnMut(Pair)) -> Result<(), Missing> {
        let mut next = Some(self.fields().start_at(0));
        while let Some(start) = next {
            let run = self.run(store, &start, self.len().min(RUN_MAX) as usize)?;
            run.pairs.into_iter().for_each(&mut *visit);
            next = run.next;
        }
        Ok(())
    }

    /// Where its fields stand.
    pub(crate) const fn fields(&self) -> Fields<'k> {
        Fields::of(self.key, self.head.version)
    }

    /// Sets a field. Whoever calls counts those that are new, and saves.
    pub(crate) fn set(&self, store: &mut Store<'_>, field: &[u8], value: Bytes) -> Result<(), Stop> {
        store.set_element(&self.fields().record(field), ValueKind::Field, value)
    }

    /// Removes a field. Whoever calls counts those that were there, and saves.
    pub(crate) fn remove(&self, store: &mut Store<'_>, field: &[u8]) {
        store.delete_element(&self.fields().record(field));
    }

    /// Notes that the number of fields is another now. A hash without fields ceases to exist.
    pub(crate) fn save(&self, store: &mut Store<'_>, length: u64) -> Result<(), Stop> {
        if length == self.len() {
            return Ok(());
        }
        if length == 0 {
            store.delete(self.key);
            return Ok(());
        }
        let payload = Head { length, ..self.head }.encode();
        store.set(self.key, &Value { kind: ValueKind::Hash, expires_at_ms: self.expires_at_ms, payload })
    }

    /// Copies everything, its life included, under another key.
    pub(crate) fn copy(&self, store: &mut Store<'_>, to: &Key) -> Result<(), Stop> {
        let too_many = || {
            Reply::error(format!(
                "ERR a hash of more than {COPIED_FIELDS_MAX} fields or {COPIED_BYTES_MAX} bytes cannot be renamed"
            ))
        };
        if self.len() > COPIED_FIELDS_MAX {
            return Err(too_many().into());
        }
        let (mut pairs, mut bytes) = (vec![], 0);
        self.for_each(store, &mut |pair| {
            bytes += pair.0.len() + pair.1.len();
            pairs.extend((bytes <= COPIED_BYTES_MAX).then_some(pair));
        })?;
        if bytes > COPIED_BYTES_MAX {
            return Err(too_many().into());
        }
        // Whatever a view lost on its way, a rename is not to lose for good.
        if pairs.len() as u64 != self.len() {
            return Err(error::incomplete(self.key.name()).into());
        }
        let head = Head { version: store.ctx().version(), length: 0 };
        let copy = Hash { key: to, head, expires_at_ms: self.expires_at_ms };
        pairs.into_iter().try_for_each(|(field, value)| copy.set(store, &field, value))?;
        copy.save(store, self.len())
    }
}

/// The first record key after this one.
fn after(record: &[u8]) -> Bytes {
    let mut after = BytesMut::with_capacity(record.len() + 1);
    after.put_slice(record);
    after.put_u8(0);
    after.freeze()
}

//! The records as a command sees them: values of types that live, and writes that are collected.

use bytes::Bytes;
use common::types::{Value, ValueKind, Writes, WritesBuilder};

use crate::context::Context;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Stop;
use crate::view::{Missing, Page, View};

/// One evaluation's access to its partition. What it writes it does not see.
pub(crate) struct Store<'a> {
    view: &'a mut dyn View,
    ctx: &'a Context,
    writes: WritesBuilder,
}

impl<'a> Store<'a> {
    pub(crate) fn new(view: &'a mut dyn View, ctx: &'a Context) -> Self {
        Self { view, ctx, writes: WritesBuilder::default() }
    }

    pub(crate) const fn ctx(&self) -> &'a Context {
        self.ctx
    }

    pub(crate) fn finish(mut self) -> Writes {
        self.writes.finish()
    }

    /// What lives under the key, of whatever type.
    pub(crate) fn value(&mut self, key: &Key) -> Result<Option<Value>, Stop> {
        let stored = self.view.get(key.record())?;
        self.living(key, stored)
    }

    /// What lives under each of the keys.
    pub(crate) fn values(&mut self, keys: &[Key]) -> Result<Vec<Option<Value>>, Stop> {
        let stored = self.stored(keys.iter().map(Key::record))?;
        keys.iter().zip(stored).map(|(key, stored)| self.living(key, stored)).collect()
    }

    fn living(&self, key: &Key, stored: Option<Bytes>) -> Result<Option<Value>, Stop> {
        let Some(stored) = stored else { return Ok(None) };
        let value = Value::from_stored(stored).ok().filter(|value| value.kind != ValueKind::Field);
        let value = value.ok_or_else(|| error::unreadable(key.name()))?;
        Ok(Some(value).filter(|value| !value.is_expired(self.ctx.now_ms)))
    }

    /// The string that lives under the key.
    pub(crate) fn string(&mut self, key: &Key) -> Result<Option<Value>, Stop> {
        match self.value(key)? {
            Some(value) if value.kind != ValueKind::Bytes => Err(error::wrong_type().into()),
            found => Ok(found),
        }
    }

    /// The payloads of records that are not types of their own.
    pub(crate) fn elements(&mut self, records: &[Bytes], kind: ValueKind) -> Result<Vec<Option<Bytes>>, Missing> {
        let stored = self.stored(records.iter())?;
        Ok(stored.into_iter().map(|stored| stored.and_then(|stored| element(stored, kind))).collect())
    }

    pub(crate) fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        self.view.scan(start, end, limit)
    }

    /// Sets a string. A life that is over deletes.
    pub(crate) fn set_string(&mut self, key: &Key, payload: Bytes, expires_at_ms: Option<u64>) -> Result<(), Stop> {
        self.set(key, &Value::bytes(payload, expires_at_ms))
    }

    /// Sets what lives under the key. A life that is over deletes.
    pub(crate) fn set(&mut self, key: &Key, value: &Value) -> Result<(), Stop> {
        if value.is_expired(self.ctx.now_ms) {
            self.delete(key);
            return Ok(());
        }
        self.put(key.record(), value)
    }

    /// Sets a record that is no type of its own.
    pub(crate) fn set_element(&mut self, record: &[u8], kind: ValueKind, payload: Bytes) -> Result<(), Stop> {
        self.put(record, &Value { kind, expires_at_ms: None, payload })
    }

    /// Removes what lives under the key: of a hash its head, which is all of it.
    pub(crate) fn delete(&mut self, key: &Key) {
        self.delete_element(key.record());
    }

    pub(crate) fn delete_element(&mut self, record: &[u8]) {
        self.writes.delete(record);
    }

    fn put(&mut self, record: &[u8], value: &Value) -> Result<(), Stop> {
        if value.payload.len() > self.ctx.value_bytes_max {
            return Err(error::too_large().into());
        }
        self.writes.put_value(record, value);
        Ok(())
    }

    /// Asks for every record before it gives up over one.
    fn stored<'r>(&mut self, records: impl Iterator<Item = &'r Bytes>) -> Result<Vec<Option<Bytes>>, Missing> {
        let asked: Vec<_> = records.map(|record| self.view.get(record)).collect();
        asked.into_iter().collect()
    }
}

/// The payload of a stored element; what is of another kind was not written by these commands and is not seen.
pub(crate) fn element(stored: Bytes, kind: ValueKind) -> Option<Bytes> {
    Value::from_stored(stored).ok().filter(|value| value.kind == kind).map(|value| value.payload)
}

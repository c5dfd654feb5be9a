//! What a client's operation amounts to: plain writes, or a read. Pure; the present values are handed in.
//!
//! Read-modify-writes are decided here, on the primary, against applied state plus the writes in flight, so that
//! nothing non-deterministic is ever logged (design section 3).

use bytes::Bytes;
use common::rpc::data::{DataOp, DataReply};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Decree, Value, ValueKind, Writes, WritesBuilder, decode_key};

/// Longest payload that is stored, in bytes.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The present state of a record, and the highest decree that its evaluation saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    /// The live record, if any.
    pub(super) value: Option<Value>,
    /// The decree of the write in flight that it was seen in, or the applied decree.
    pub(super) seen: Decree,
}

/// What an operation amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// These writes; the reply is true once they are committed.
    Write(Writes, DataReply),
    /// Nothing is written: the reply is a read of everything up to the decree (rule REPLIES).
    Read(DataReply, Decree),
    /// It cannot be done.
    Refused(WireError),
}

/// The value of a stored record as the Rust client sees it; none if it has expired.
///
/// # Errors
/// It cannot be read, or is of a type that only Redis clients know.
pub(crate) fn plain(stored: Option<Bytes>, now_ms: u64) -> WireResult<Option<Value>> {
    let value = stored.map(Value::from_stored).transpose().map_err(WireError::internal)?;
    let value = value.filter(|value| !value.is_expired(now_ms));
    if value.as_ref().is_none_or(|value| value.kind == ValueKind::Bytes) {
        return Ok(value);
    }
    let hint = "use a Redis client, or delete it first";
    Err(WireError::new(ErrorCode::InvalidArgument, "the record holds a hash of a Redis client", hint))
}

/// The key whose present value decides what the operation writes; `None`: it is decided already.
pub(super) const fn decisive_key(op: &DataOp) -> Option<&Bytes> {
    match op {
        DataOp::Increment { key, .. } | DataOp::CompareAndSet { key, .. } => Some(key),
        DataOp::Get { .. }
        | DataOp::MultiGet { .. }
        | DataOp::Scan { .. }
        | DataOp::Count { .. }
        | DataOp::Ttl { .. }
        | DataOp::Put { .. }
        | DataOp::Delete { .. }
        | DataOp::MultiPut { .. } => None,
    }
}

/// Checks a write's keys and sizes once, at the door.
///
/// # Errors
/// `INVALID_ARGUMENT` for what is no record key or for a key whose slot is not owned, `TOO_LARGE` for a payload.
pub(super) fn validate(op: &DataOp, owns: impl Fn(u16) -> bool) -> Result<(), WireError> {
    let key_ok = |key: &Bytes| match decode_key(key) {
        Ok(parts) if owns(parts.slot) => Ok(()),
        Ok(parts) => Err(WireError::new(
            ErrorCode::InvalidArgument,
            format!("slot {} is not in this partition", parts.slot),
            "refresh the table's route",
        )),
        Err(error) => Err(WireError::new(ErrorCode::InvalidArgument, error.to_string(), "")),
    };
    match op {
        DataOp::Put { key, payload, .. } => key_ok(key).and_then(|()| size_ok(payload)),
        DataOp::CompareAndSet { key, payload, .. } => {
            key_ok(key).and_then(|()| payload.as_ref().map_or(Ok(()), size_ok))
        }
        DataOp::MultiPut { records, .. } => {
            records.iter().try_for_each(|(key, payload)| key_ok(key).and_then(|()| size_ok(payload)))
        }
        DataOp::Delete { key } | DataOp::Increment { key, .. } | DataOp::Get { key } | DataOp::Ttl { key } => {
            key_ok(key)
        }
        DataOp::MultiGet { keys } => keys.iter().try_for_each(key_ok),
        DataOp::Scan { .. } | DataOp::Count { .. } => Ok(()),
    }
}

fn size_ok(payload: &Bytes) -> Result<(), WireError> {
    if payload.len() <= PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    let message = format!("a value of {} bytes is longer than {PAYLOAD_BYTES_MAX} bytes", payload.len());
    Err(WireError::new(ErrorCode::TooLarge, message, "split the value over several records"))
}

/// Evaluates a write at `now_ms` against the present value of its decisive key.
pub(super) fn evaluate(op: &DataOp, present: &Present, now_ms: u64) -> Outcome {
    let mut writes = WritesBuilder::default();
    let expiry = |ttl_ms: &Option<u64>| ttl_ms.map(|ttl| now_ms.saturating_add(ttl));
    match op {
        DataOp::Put { key, payload, ttl_ms } => {
            writes.put(key, &Value::bytes(payload.clone(), expiry(ttl_ms)).encode());
            Outcome::Write(writes.finish(), DataReply::Done)
        }
        DataOp::Delete { key } => {
            writes.delete(key);
            Outcome::Write(writes.finish(), DataReply::Done)
        }
        DataOp::MultiPut { records, ttl_ms } => {
            for (key, payload) in records {
                writes.put(key, &Value::bytes(payload.clone(), expiry(ttl_ms)).encode());
            }
            if writes.is_empty() {
                return Outcome::Read(DataReply::Done, Decree(0));
            }
            Outcome::Write(writes.finish(), DataReply::Done)
        }
        DataOp::Increment { key, by } => increment(key, *by, present),
        DataOp::CompareAndSet { key, expected, payload, ttl_ms } => {
            compare_and_set(key, expected.as_ref(), payload.as_ref(), expiry(ttl_ms), present)
        }
        DataOp::Get { .. }
        | DataOp::MultiGet { .. }
        | DataOp::Scan { .. }
        | DataOp::Count { .. }
        | DataOp::Ttl { .. } => Outcome::Refused(WireError::internal("a read was sent as a write")),
    }
}

fn increment(key: &Bytes, by: i64, present: &Present) -> Outcome {
    let integer = |text: &Bytes| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    let old = match &present.value {
        None => Some(0),
        Some(value) => integer(&value.payload),
    };
    let Some(sum) = old.and_then(|old| old.checked_add(by)) else {
        let message = "the value is not a decimal integer, or the sum is out of the range of 64 bits";
        return Outcome::Refused(WireError::new(
            ErrorCode::InvalidArgument,
            message,
            "set the record to an integer first",
        ));
    };
    let expires = present.value.as_ref().and_then(|value| value.expires_at_ms);
    let mut writes = WritesBuilder::default();
    writes.put(key, &Value::bytes(Bytes::from(sum.to_string()), expires).encode());
    Outcome::Write(writes.finish(), DataReply::Integer(sum))
}

fn compare_and_set(
    key: &Bytes,
    expected: Option<&Bytes>,
    payload: Option<&Bytes>,
    expires_at_ms: Option<u64>,
    present: &Present,
) -> Outcome {
    let previous = present.value.as_ref().map(|value| value.payload.clone());
    if previous.as_ref() != expected {
        return Outcome::Read(DataReply::Compared { written: false, previous }, present.seen);
    }
    let mut writes = WritesBuilder::default();
    match payload {
        Some(payload) => writes.put(key, &Value::bytes(payload.clone(), expires_at_ms).encode()),
        None => writes.delete(key),
    };
    Outcome::Write(writes.finish(), DataReply::Compared { written: true, previous })
}

#[cfg(test)]
mod tests {
    use common::types::encode_key;

    use super::*;

    fn key() -> Bytes {
        encode_key(b"h", b"s").unwrap()
    }

    fn present(text: &'static str, seen: u64) -> Present {
        Present { value: Some(Value::bytes(Bytes::from(text), Some(77))), seen: Decree(seen) }
    }

    #[test]
    fn an_increment_keeps_the_life_of_the_record() {
        let outcome = evaluate(&DataOp::Increment { key: key(), by: 2 }, &present("40", 1), 5);
        let Outcome::Write(writes, reply) = outcome else { panic!("{outcome:?}") };
        let stored = Value::decode(writes.iter().next().unwrap().value().unwrap()).unwrap();
        assert_eq!((reply, stored.expires_at_ms, &stored.payload[..]), (DataReply::Integer(42), Some(77), &b"42"[..]));
    }

    #[test]
    fn an_increment_of_text_or_past_the_range_is_refused() {
        for text in ["text", "9223372036854775807"] {
            let outcome = evaluate(&DataOp::Increment { key: key(), by: 1 }, &present(text, 1), 5);
            assert!(matches!(outcome, Outcome::Refused(_)), "{text}");
        }
    }

    #[test]
    fn a_failed_compare_is_a_read_of_what_it_saw() {
        let op = DataOp::CompareAndSet { key: key(), expected: None, payload: Some(Bytes::from("x")), ttl_ms: None };
        let reply = DataReply::Compared { written: false, previous: Some(Bytes::from("old")) };
        assert_eq!(evaluate(&op, &present("old", 9), 5), Outcome::Read(reply, Decree(9)));
    }

    #[test]
    fn lives_become_absolute_on_the_primary() {
        let op = DataOp::Put { key: key(), payload: Bytes::from("v"), ttl_ms: Some(100) };
        let Outcome::Write(writes, _) = evaluate(&op, &Present::default(), 1000) else { panic!() };
        assert_eq!(Value::expiry_of(writes.iter().next().unwrap().value().unwrap()), Some(1100));
    }

    #[test]
    fn foreign_slots_malformed_keys_and_long_values_are_refused_at_the_door() {
        let put = |key: Bytes, len| DataOp::Put { key, payload: vec![0; len].into(), ttl_ms: None };
        assert_eq!(validate(&put(key(), 1), |_| false).unwrap_err().code, ErrorCode::InvalidArgument);
        assert_eq!(validate(&put(Bytes::from("x"), 1), |_| true).unwrap_err().code, ErrorCode::InvalidArgument);
        assert_eq!(validate(&put(key(), PAYLOAD_BYTES_MAX + 1), |_| true).unwrap_err().code, ErrorCode::TooLarge);
        assert_eq!(validate(&put(key(), PAYLOAD_BYTES_MAX), |_| true), Ok(()));
    }
}

//! How Redis types lie in records (docs/on-disk-format.md, "Redis types").
//!
//! | record | kind | payload |
//! |---|---|---|
//! | (K, "") | bytes | a string |
//! | (K, "") | hash | [`Head`]: version and number of fields |
//! | (K, `01` version(8) place(4) field) | field | the field's value |
//!
//! A hash is deleted, overwritten or expired by what happens to its head alone, however many fields it has: fields of
//! another version than the head's are invisible, and a compaction collects them ([`Owner`]). `place` is the upper half
//! of [`order_of`] the field, so that fields stand in an order that a cursor of a few bytes can name, and a random
//! one among them can be sought.

mod field;
mod head;
mod key;
mod order;
mod owner;

pub use field::{FIELD_BYTES_MAX, FieldTooLong};
pub(crate) use field::{Fields, place};
pub use head::{DamagedHead, Head};
pub use key::Key;
pub(crate) use order::mix;
pub use order::order_of;
pub use owner::Owner;

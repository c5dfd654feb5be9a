//! Commands on all keys there are. A server holds several ranges of slots; these work on one range at a time, and the
//! server puts the parts together.

mod cursor;
mod list;
mod random;
mod scan;
mod smallest;
mod walk;

use resp::Reply;

use crate::args::Args;

pub use cursor::Cursor;
pub use list::{Keys, count_keys, first_keys};
pub use random::random_key;
pub use scan::{Scan, Scanning};
pub use walk::{Found, Walk};

/// A command on all keys.
#[derive(Clone, Debug)]
pub enum Keyspace {
    /// SCAN: begin with [`Scan::begin`].
    Scan(Scan),
    /// KEYS: [`Keys::within`] each range.
    Keys(Keys),
    /// RANDOMKEY: [`random_key`] of a random range, then of the others, until there is one.
    RandomKey,
    /// DBSIZE: the sum of [`count_keys`].
    DbSize,
}

/// A command that takes no arguments.
pub(crate) fn bare(command: Keyspace, args: &Args<'_>) -> Result<Keyspace, Reply> {
    args.end().map(|()| command)
}

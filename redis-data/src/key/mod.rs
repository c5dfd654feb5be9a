//! The commands on keys of any type, one family a file.

mod exists;
mod expire;
mod kind;
mod persist;
mod rename;
mod ttl;

pub(crate) use exists::{Del, Exists};
pub(crate) use expire::Expire;
pub(crate) use kind::Type;
pub(crate) use persist::Persist;
pub(crate) use rename::Rename;
pub(crate) use ttl::Ttl;

pub(crate) use kind::type_name;

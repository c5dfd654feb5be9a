//! The commands on strings, one family a file: its arguments, then what it does.

mod append;
mod get;
mod getex;
mod increment;
mod increment_float;
mod life;
mod many;
mod range;
mod set;
mod setnx;

pub(crate) use append::Append;
pub(crate) use get::{Get, StrLen};
pub(crate) use getex::{GetDel, GetEx};
pub(crate) use increment::Increment;
pub(crate) use increment_float::IncrementFloat;
pub(crate) use many::{MGet, MSet, MSetNx};
pub(crate) use range::{GetRange, SetRange};
pub(crate) use set::Set;
pub(crate) use setnx::SetNx;

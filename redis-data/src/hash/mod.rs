//! The commands on hashes, one family a file.

mod all;
mod del;
mod get;
mod increment;
mod increment_float;
mod random;
mod scan;
mod set;
mod table;

pub(crate) use all::{All, Part};
pub(crate) use del::HDel;
pub(crate) use get::{HExists, HGet, HLen, HMGet, HStrLen};
pub(crate) use increment::HIncrement;
pub(crate) use increment_float::HIncrementFloat;
pub(crate) use random::HRandField;
pub(crate) use scan::HScan;
pub(crate) use set::{HSet, HSetNx};
pub(crate) use table::Hash;

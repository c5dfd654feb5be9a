//! A partition in memory, and a server over it: what the tests drive the crate with.
#![allow(dead_code, reason = "each test program uses its part of it")]

pub(crate) mod node;
pub(crate) mod records;

//! Bringing a learner up to date: from the prepare cache, from the log, or from a checkpoint (design section 6).
//!
//! `source` answers on the primary, `fetch` asks on the learner, `install` puts a fetched checkpoint in place. What to
//! offer is decided by `replica_state::learn`.

mod fetch;
mod install;
mod source;

pub(crate) use fetch::{FetchError, Fetched, Fetcher, LearnOrder, Progress};
pub(crate) use install::{begin as begin_install, finish as finish_install};
pub(crate) use source::{Facts, SourceHost, Sources};

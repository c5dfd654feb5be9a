//! A replica server: stores replicas on several disks, replicates and migrates them.
//!
//! Layers, lower never imports higher, siblings never each other: `log`, `storage`, `disk` below `migrate`, `learn`
//! below `replica` below `meta_link`, `service`, `http`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod disk;
pub mod http;
pub mod learn;
pub mod log;
pub mod migrate;
pub mod replica;
pub mod service;
pub mod storage;

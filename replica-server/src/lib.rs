//! A replica server: stores replicas on several disks, replicates and migrates them.
//!
//! Layers, lower never imports higher, siblings never each other: `log`, `storage`, `disk` below `migrate`, `learn`
//! below `replica` below `meta_link`, `service`, `http`; `server` puts them together.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod disk;
mod http;
mod learn;
pub mod log;
mod meta_link;
pub mod migrate;
mod open_files;
mod replica;
mod resp;
pub mod server;
mod service;
pub mod settings;
pub mod storage;

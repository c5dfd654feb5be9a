//! Whole-system tests over real processes: a harness that starts, breaks and watches them, and a workload that
//! remembers what was acknowledged. The demo and the benchmarks stand on the same ground.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod api;
pub mod browser;
pub mod chaos;
pub mod cities;
pub mod cli;
pub mod cluster;
pub mod demo;
pub mod disks;
pub mod equal;
pub mod history;
pub mod loop_disk;
pub mod network;
pub mod ports;
pub mod process;
pub mod programs;
pub mod redis;
pub mod redis_clients;
pub mod wait;
pub mod workload;

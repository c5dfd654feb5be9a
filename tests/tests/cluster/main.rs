//! Whole-system tests: real processes on loopback, real disks, real crashes. One binary, so that it is linked once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod chaos;
mod cli_contract;
mod console;
mod damage;
mod deploy_files;
mod disk_balance;
mod disk_copying;
mod disk_drain;
mod disk_faults;
mod disk_jobs;
mod disk_move;
mod disk_set;
mod doors;
mod full_disk;
mod http_admin;
mod learn;
mod meta_absence;
mod metrics;
mod node_drain;
mod recover;
mod redis;
mod redis_door;
mod redis_secondary;
mod region;
mod replication;
mod restart;
mod support;
mod tables;

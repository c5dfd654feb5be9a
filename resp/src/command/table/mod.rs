//! The table: every command that is answered with anything but "unknown command". One file for each chapter of the manual.
//!
//! Names, arities, flags and key positions are those of Redis, since clients and proxies are built upon them.

mod client;
mod cluster;
mod connection;
mod expiry;
mod hash;
mod key;
mod server;
mod string;
mod string_write;

use super::Spec;

/// All commands, chapter by chapter.
pub(super) const CHAPTERS: [&[Spec]; 8] = [
    string::COMMANDS,
    string_write::COMMANDS,
    key::COMMANDS,
    expiry::COMMANDS,
    hash::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    cluster::COMMANDS,
];

/// Tips that several commands share.
mod tip {
    pub(super) const MANY_SHARDS: &str = "request_policy:multi_shard";
    pub(super) const ALL_SHARDS: &str = "request_policy:all_shards";
    pub(super) const ALL_NODES: &str = "request_policy:all_nodes";
    pub(super) const SPECIAL_REQUEST: &str = "request_policy:special";
    pub(super) const SUM: &str = "response_policy:agg_sum";
    pub(super) const MINIMUM: &str = "response_policy:agg_min";
    pub(super) const ALL_SUCCEED: &str = "response_policy:all_succeeded";
    pub(super) const SPECIAL_RESPONSE: &str = "response_policy:special";
    pub(super) const ANY_OUTPUT: &str = "nondeterministic_output";
    pub(super) const ANY_ORDER: &str = "nondeterministic_output_order";
}

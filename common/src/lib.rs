//! Types, plumbing and RPC that every process of Godwit shares. The lowest layer: imports no other crate of the workspace.

pub mod job;
pub mod types;

//! Remote calls: one transport, and one file per tarpc service.
//!
//! A port serves several services; the handshake names the one that a connection wants, so a connection carries
//! exactly one tarpc service.

pub mod data;
mod error;
pub mod meta_admin;
pub mod meta_node;
pub mod node_admin;
pub mod peer;

pub use error::{ErrorCode, WireError, WireResult};

//! Remote calls: one transport, and one file per tarpc service.
//!
//! A port serves several services; the handshake names the one that a connection wants, so a connection carries
//! exactly one tarpc service. [`serve`] with a [`Router`] is the server side, [`Link`] the client side.

pub mod auth;
pub mod codec;
pub mod data;
pub mod disk_plan;
mod error;
pub mod garbage;
mod link;
pub mod meta_admin;
pub mod meta_node;
pub mod node_admin;
pub mod peer;
pub mod rates;
mod server;
mod service;
mod transport;

#[cfg(test)]
mod tests;

pub use auth::{Secret, SecretError};
pub use codec::{CodecError, FRAME_BYTES_MAX};
pub use error::{ErrorCode, WireError, WireResult};
pub use link::{CallError, Link, LinkOptions};
pub use server::{
    BindError, Connection, ConnectionRequests, Router, Security, ServerOptions, bind, check_bind, drive, serve,
};
pub use service::{RpcClient, Service};
pub use tarpc::client::RpcError;
pub use tarpc::context::Context;

//! Redis clients: their connections, and the way of their commands to the partitions that this node leads.
//!
//! ```text
//! listen ──► connection ──► session: who it is, what it may do
//!                │
//!                ├─ about the server itself ──► server, parameters, clients
//!                ├─ about the cluster ────────► atlas (what the meta server says, looked at every second)
//!                ├─ about all keys of the node ► keyspace
//!                ├─ reads after READONLY ─────► secondary: the storage, while freshness knows it to be fresh enough
//!                └─ about keys of one slot ───► place: here, elsewhere (MOVED), nowhere (waits, then CLUSTERDOWN)
//!                                                  ├─ read: the storage, under the primary's lease
//!                                                  └─ write: the partition's task
//! ```
//!
//! How requests are spelt and what commands there are is the crate `resp`'s; what a command does with data is
//! `redis_data`'s.

mod atlas;
mod clients;
mod connection;
mod data;
mod door;
mod freshness;
mod keyspace;
mod listen;
mod parameters;
mod place;
mod replies;
mod secondary;
mod server;
mod session;
mod view;

pub(crate) use atlas::Atlas;
pub(crate) use door::{Door, RespOptions};
pub(crate) use listen::serve;

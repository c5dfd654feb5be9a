//! The Rust client of Godwit: it knows which server is primary of a key's partition, shares calls among concurrent
//! callers, and repeats by itself only what is safe to repeat.
//!
//! A write that failed comes back as one of two things: surely not done ([`ClientError::Unavailable`],
//! [`ClientError::Refused`]), or of unknown outcome ([`ClientError::OutcomeUnknown`]). The client never guesses.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use client::{Client, ClientError, ClientOptions, Scope};
//!
//! # async fn example() -> Result<(), ClientError> {
//! let client = Client::new(ClientOptions::new(["127.0.0.1:34601"]));
//! let cities = client.table("cities");
//!
//! cities.put(b"NL", b"Texel", "13600").await?;
//! assert_eq!(cities.get(b"NL", b"Texel").await?.as_deref(), Some(&b"13600"[..]));
//! cities.put_with_ttl(b"session", b"42", "open", Duration::from_secs(60)).await?;
//! let visits = cities.increment(b"visits", b"NL", 1).await?;
//! println!("{visits} visits");
//!
//! match cities.compare_and_set(b"NL", b"Texel", Some(b"13600"), Some("13650".into()), None).await {
//!     Ok(compared) if compared.written => println!("counted anew"),
//!     Ok(compared) => println!("somebody else wrote {:?}", compared.previous),
//!     Err(ClientError::OutcomeUnknown(cause)) => println!("read it again before deciding: {cause}"),
//!     Err(error) => return Err(error),
//! }
//!
//! let mut scanner = cities.scan(Scope::HashKey(b"NL".to_vec().into()));
//! while let Some(page) = scanner.next_page().await? {
//!     for record in page {
//!         println!("{:?} {} bytes", record.sort_key, record.value.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::wildcard_enum_match_arm))]

mod error;
mod meta_finder;
mod node;
mod options;
mod retry;
mod route;
mod router;
mod scan;
mod table;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use router::Router;

pub use error::ClientError;
pub use meta_finder::{MetaFinder, Repeat};
pub use options::ClientOptions;
pub use scan::{Record, Scanner, Scope};
pub use table::{Compared, Table, TimeToLive};

/// A client of one cluster. Clones share connections and routes. Must be used within a tokio runtime.
#[derive(Clone, Debug)]
pub struct Client {
    router: Arc<Router>,
}

impl Client {
    /// A client; nothing is connected before the first operation.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self { router: Arc::new(Router::new(options)) }
    }

    /// A table by its name; that it exists shows with the first operation. Keep it: it holds the table's route.
    #[must_use]
    pub fn table(&self, name: &str) -> Table {
        Table::new(self.router.clone(), self.router.table(name))
    }

    /// The way to the meta server, for administrative calls.
    #[must_use]
    pub fn meta(&self) -> &MetaFinder {
        self.router.meta()
    }
}

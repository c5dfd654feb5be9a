//! What a server says about itself: `INFO`, `CONFIG`, and the replies that test suites ask for. The figures are the server's; here
//! is how they are spelt.

pub mod config;
mod debug;
mod info;
#[cfg(test)]
mod tests;

pub use debug::protocol;
pub use info::{Section, Sections, info};

/// The version of Redis whose commands, texts and shapes this server follows, for clients that ask before they use something.
pub const REDIS_VERSION: &str = "7.2.0";

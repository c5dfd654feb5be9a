//! The requests of RESP2 and RESP3: arrays of bulk strings, and inline commands. Clients send nothing else, so no request
//! nests and depth needs no limit of its own.

mod error;
mod header;
mod inline;
mod limits;
mod parser;
mod progress;
mod request;
#[cfg(test)]
mod tests;

pub use error::ProtocolError;
pub use limits::Limits;
pub use parser::Parser;
pub use progress::Progress;
pub use request::Request;

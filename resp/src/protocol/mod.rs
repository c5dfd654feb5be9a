//! The requests of RESP2 and RESP3: arrays of bulk strings, and inline commands. Clients send nothing else, so no request
//! nests and depth needs no limit of its own.

mod error;
mod header;
mod inline;
mod limits;
mod parser;
mod request;

pub use error::ProtocolError;
pub use limits::Limits;
pub use parser::{Parser, Progress};
pub use request::Request;

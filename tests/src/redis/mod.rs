//! A small Redis client that tells what became of a command and hides nothing: it follows redirections, repeats nothing, and
//! says of a broken connection that nobody knows.

mod fate;
mod router;
mod wire;

pub use fate::Fate;
pub use router::Router;
pub use wire::Reply;

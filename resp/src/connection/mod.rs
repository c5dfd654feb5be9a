//! What a connection says about itself: `HELLO` and `CLIENT`. The state is the server's; here is how it is spelt.

mod client;
mod hello;
mod line;
#[cfg(test)]
mod tests;

pub use client::{Attribute, Question, Who};
pub use hello::{Hello, greeting};
pub use line::{Client, line};

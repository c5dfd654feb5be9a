//! What this crate says, read as the real server's answers are.

use bytes::BytesMut;
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;
use resp::Version;
use resp::command::{Spec, answer, commands, resolve};

/// The answer to a `COMMAND …` request, in RESP2.
pub(crate) fn answered(request: &[&str]) -> OwnedFrame {
    let mut out = BytesMut::new();
    answer(resolve(request).unwrap(), request).encode(Version::Resp2, &mut out);
    decode(&out).unwrap().unwrap().0
}

/// All commands, and their subcommands.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    commands().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands))
}

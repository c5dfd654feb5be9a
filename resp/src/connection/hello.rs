//! `HELLO [version [AUTH name password] [SETNAME name]]`: the greeting of clients that know of versions.

use super::client::checked_name;
use crate::number::parse_integer;
use crate::{Reply, Version, server};

/// What a client says in its greeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The version to go on with; `None`: the present one.
    pub version: Option<Version>,
    /// Name and password.
    pub credentials: Option<(&'a [u8], &'a [u8])>,
    /// The name of the connection; an empty one takes its name away.
    pub name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    /// Reads the arguments, the first of which is `HELLO`. Nothing is to be done before all of it has been read.
    ///
    /// # Errors
    /// The answer: no such version, no such option, or no possible name.
    pub fn parse<A: AsRef<[u8]>>(arguments: &'a [A]) -> Result<Self, Reply> {
        let mut words = arguments.iter().skip(1).map(A::as_ref);
        let mut hello = Self { version: words.next().map(version).transpose()?, ..Self::default() };
        while let Some(option) = words.next() {
            let mut following = words.clone();
            match (option.to_ascii_uppercase().as_slice(), following.next(), following.next()) {
                (b"AUTH", Some(name), Some(password)) => {
                    hello.credentials = Some((name, password));
                    words = following;
                }
                (b"SETNAME", Some(name), _) => {
                    hello.name = Some(checked_name(name)?);
                    words.next();
                }
                _ => return Err(unknown_option(option)),
            }
        }
        Ok(hello)
    }
}

fn version(text: &[u8]) -> Result<Version, Reply> {
    match parse_integer(text) {
        Some(2) => Ok(Version::Resp2),
        Some(3) => Ok(Version::Resp3),
        Some(_) => Err(Reply::error("NOPROTO unsupported protocol version")),
        None => Err(Reply::error("ERR Protocol version is not an integer or out of range")),
    }
}

fn unknown_option(option: &[u8]) -> Reply {
    Reply::error([b"ERR Syntax error in HELLO option '", option, b"'"].concat())
}

/// What a server answers: who it is, what they speak from now on, and the number of the connection.
#[must_use]
pub fn greeting(version: Version, connection: u64) -> Reply {
    Reply::map([
        ("server", Reply::bulk("redis")),
        ("version", Reply::bulk(server::REDIS_VERSION)),
        ("proto", Reply::Integer(version.number())),
        ("id", Reply::count(connection)),
        ("mode", Reply::bulk("cluster")),
        ("role", Reply::bulk("master")),
        ("modules", Reply::Array(vec![])),
    ])
}

//! Every command on data: from arguments to a command, from a command to its evaluation.

use bytes::Bytes;
use resp::Reply;

use crate::args::Args;
use crate::context::Context;
use crate::evaluation::{Answer, Evaluation, Stop};
use crate::hash::{self, Part};
use crate::keyspace::{self, Keyspace};
use crate::store::Store;
use crate::view::{Missing, View};
use crate::{key, string};

/// A request, understood.
#[derive(Clone, Debug)]
pub enum Parsed {
    /// A command on keys of one slot: [`Command::evaluate`] it in the slot's partition.
    Command(Command),
    /// A command on all keys there are.
    Keyspace(Keyspace),
}

/// What a command on keys does with the records of their partition.
pub(crate) trait Evaluate {
    /// Reads what it needs, notes what it writes, and says what the client is told.
    fn evaluate(&self, store: &mut Store<'_>) -> Answer;
}

/// Declares [`Kind`] and its dispatch, so that no command is forgotten in one of the two.
macro_rules! commands {
    ($($name:ident($type:ty)),+ $(,)?) => {
        #[derive(Clone, Debug)]
        enum Kind {
            $($name($type)),+
        }

        impl Evaluate for Kind {
            fn evaluate(&self, store: &mut Store<'_>) -> Answer {
                match self {
                    $(Self::$name(command) => command.evaluate(store)),+
                }
            }
        }

        $(impl From<$type> for Parsed {
            fn from(command: $type) -> Self {
                Self::Command(Command(Kind::$name(command)))
            }
        })+
    };
}

commands! {
    Append(string::Append),
    Get(string::Get),
    GetDel(string::GetDel),
    GetEx(string::GetEx),
    GetRange(string::GetRange),
    Increment(string::Increment),
    IncrementFloat(string::IncrementFloat),
    MGet(string::MGet),
    MSet(string::MSet),
    MSetNx(string::MSetNx),
    Set(string::Set),
    SetNx(string::SetNx),
    SetRange(string::SetRange),
    StrLen(string::StrLen),
    Del(key::Del),
    Exists(key::Exists),
    Expire(key::Expire),
    Persist(key::Persist),
    Rename(key::Rename),
    Ttl(key::Ttl),
    Type(key::Type),
    HAll(hash::All),
    HDel(hash::HDel),
    HExists(hash::HExists),
    HGet(hash::HGet),
    HIncrement(hash::HIncrement),
    HIncrementFloat(hash::HIncrementFloat),
    HLen(hash::HLen),
    HMGet(hash::HMGet),
    HRandField(hash::HRandField),
    HScan(hash::HScan),
    HSet(hash::HSet),
    HSetNx(hash::HSetNx),
    HStrLen(hash::HStrLen),
}

impl From<Keyspace> for Parsed {
    fn from(command: Keyspace) -> Self {
        Self::Keyspace(command)
    }
}

/// A command on keys of one slot, its arguments checked.
#[derive(Clone, Debug)]
pub struct Command(Kind);

impl Command {
    /// What it amounts to in a state of the records. Pure: the same view and context give the same evaluation.
    ///
    /// # Errors
    /// [`Missing`]: the view noted what it lacks; fetch that and evaluate again.
    pub fn evaluate(&self, view: &mut dyn View, ctx: &Context) -> Result<Evaluation, Missing> {
        let mut store = Store::new(view, ctx);
        match self.0.evaluate(&mut store) {
            Ok(reply) => Ok(Evaluation { reply, writes: store.finish() }),
            Err(Stop::Answered(reply)) => Ok(Evaluation { reply, writes: common::types::Writes::default() }),
            Err(Stop::Missing) => Err(Missing),
        }
    }
}

/// Understands a request: its name, then its arguments.
///
/// # Errors
/// What the client is told instead, in the words of real servers: an unknown command, a wrong number of arguments,
/// malformed options.
pub fn parse(request: &[Bytes]) -> Result<Parsed, Reply> {
    let (name, rest) = request.split_first().ok_or_else(|| unknown(b""))?;
    let mut lower = [0; NAME_BYTES_MAX];
    let lower = lower.get_mut(..name.len()).ok_or_else(|| unknown(name))?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let families = [string_command, key_command, hash_command, keyspace_command];
    families.into_iter().find_map(|family| family(lower, rest)).unwrap_or_else(|| Err(unknown(name)))
}

/// The longest name, `hincrbyfloat`.
const NAME_BYTES_MAX: usize = 12;

type Parse = Option<Result<Parsed, Reply>>;

/// `parse` with the arguments of the command of that name.
macro_rules! with {
    ($name:literal, $rest:expr, $parse:expr) => {{
        let parse = $parse;
        parse(Args::new($name, $rest)).map(Parsed::from)
    }};
}

fn string_command(name: &[u8], rest: &[Bytes]) -> Parse {
    use string::{Append, Get, GetDel, GetEx, GetRange, Increment, IncrementFloat};
    use string::{MGet, MSet, MSetNx, Set, SetNx, SetRange, StrLen};
    Some(match name {
        b"append" => with!("append", rest, Append::parse),
        b"decr" => with!("decr", rest, |args| Increment::parse(-1, args)),
        b"decrby" => with!("decrby", rest, Increment::parse_decrement),
        b"get" => with!("get", rest, Get::parse),
        b"getdel" => with!("getdel", rest, GetDel::parse),
        b"getex" => with!("getex", rest, GetEx::parse),
        b"getrange" => with!("getrange", rest, GetRange::parse),
        b"getset" => with!("getset", rest, Set::parse_get_set),
        b"incr" => with!("incr", rest, |args| Increment::parse(1, args)),
        b"incrby" => with!("incrby", rest, Increment::parse_by),
        b"incrbyfloat" => with!("incrbyfloat", rest, IncrementFloat::parse),
        b"mget" => with!("mget", rest, MGet::parse),
        b"mset" => with!("mset", rest, MSet::parse),
        b"msetnx" => with!("msetnx", rest, MSetNx::parse),
        b"psetex" => with!("psetex", rest, |args| Set::parse_with_life("PX", args)),
        b"set" => with!("set", rest, Set::parse),
        b"setex" => with!("setex", rest, |args| Set::parse_with_life("EX", args)),
        b"setnx" => with!("setnx", rest, SetNx::parse),
        b"setrange" => with!("setrange", rest, SetRange::parse),
        b"strlen" => with!("strlen", rest, StrLen::parse),
        b"substr" => with!("substr", rest, GetRange::parse),
        _ => return None,
    })
}

fn key_command(name: &[u8], rest: &[Bytes]) -> Parse {
    use key::{Del, Exists, Expire, Persist, Rename, Ttl, Type};
    Some(match name {
        b"del" => with!("del", rest, Del::parse),
        b"exists" => with!("exists", rest, Exists::parse),
        b"expire" => with!("expire", rest, |args| Expire::parse(1000, true, args)),
        b"expireat" => with!("expireat", rest, |args| Expire::parse(1000, false, args)),
        b"expiretime" => with!("expiretime", rest, |args| Ttl::parse(1000, false, args)),
        b"persist" => with!("persist", rest, Persist::parse),
        b"pexpire" => with!("pexpire", rest, |args| Expire::parse(1, true, args)),
        b"pexpireat" => with!("pexpireat", rest, |args| Expire::parse(1, false, args)),
        b"pexpiretime" => with!("pexpiretime", rest, |args| Ttl::parse(1, false, args)),
        b"pttl" => with!("pttl", rest, |args| Ttl::parse(1, true, args)),
        b"rename" => with!("rename", rest, |args| Rename::parse(false, args)),
        b"renamenx" => with!("renamenx", rest, |args| Rename::parse(true, args)),
        b"touch" => with!("touch", rest, Exists::parse),
        b"ttl" => with!("ttl", rest, |args| Ttl::parse(1000, true, args)),
        b"type" => with!("type", rest, Type::parse),
        b"unlink" => with!("unlink", rest, Del::parse),
        _ => return None,
    })
}

fn hash_command(name: &[u8], rest: &[Bytes]) -> Parse {
    use hash::{All, HDel, HExists, HGet, HIncrement, HIncrementFloat};
    use hash::{HLen, HMGet, HRandField, HScan, HSet, HSetNx, HStrLen};
    Some(match name {
        b"hdel" => with!("hdel", rest, HDel::parse),
        b"hexists" => with!("hexists", rest, HExists::parse),
        b"hget" => with!("hget", rest, HGet::parse),
        b"hgetall" => with!("hgetall", rest, |args| All::parse(Part::Pairs, args)),
        b"hincrby" => with!("hincrby", rest, HIncrement::parse),
        b"hincrbyfloat" => with!("hincrbyfloat", rest, HIncrementFloat::parse),
        b"hkeys" => with!("hkeys", rest, |args| All::parse(Part::Fields, args)),
        b"hlen" => with!("hlen", rest, HLen::parse),
        b"hmget" => with!("hmget", rest, HMGet::parse),
        b"hmset" => with!("hmset", rest, |args| HSet::parse(false, args)),
        b"hrandfield" => with!("hrandfield", rest, HRandField::parse),
        b"hscan" => with!("hscan", rest, HScan::parse),
        b"hset" => with!("hset", rest, |args| HSet::parse(true, args)),
        b"hsetnx" => with!("hsetnx", rest, HSetNx::parse),
        b"hstrlen" => with!("hstrlen", rest, HStrLen::parse),
        b"hvals" => with!("hvals", rest, |args| All::parse(Part::Values, args)),
        _ => return None,
    })
}

fn keyspace_command(name: &[u8], rest: &[Bytes]) -> Parse {
    Some(match name {
        b"dbsize" => with!("dbsize", rest, |args| keyspace::bare(Keyspace::DbSize, &args)),
        b"keys" => with!("keys", rest, keyspace::Keys::parse),
        b"randomkey" => with!("randomkey", rest, |args| keyspace::bare(Keyspace::RandomKey, &args)),
        b"scan" => with!("scan", rest, keyspace::Scan::parse),
        _ => return None,
    })
}

/// The table of commands tells more of it; this one is for whoever asks here without having asked there.
fn unknown(name: &[u8]) -> Reply {
    Reply::error([b"ERR unknown command '", name, b"'"].concat())
}

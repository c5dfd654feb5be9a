//! The texts of errors. Clients and tests match on them, so they are those of real servers, word by word; the last few
//! are this server's own.

use resp::command::wrong_arity;
use resp::{Reply, errors};

/// An option where none is, or one that excludes another.
pub(crate) fn syntax() -> Reply {
    Reply::error(errors::SYNTAX)
}

/// `command` in lower case.
pub(crate) fn arity(command: &str) -> Reply {
    wrong_arity(command)
}

pub(crate) fn wrong_type() -> Reply {
    Reply::error(errors::WRONG_TYPE)
}

pub(crate) fn not_an_integer() -> Reply {
    Reply::error(errors::NOT_AN_INTEGER)
}

pub(crate) fn not_a_float() -> Reply {
    Reply::error(errors::NOT_A_FLOAT)
}

pub(crate) fn out_of_range() -> Reply {
    Reply::error("ERR value is out of range")
}

pub(crate) fn overflow() -> Reply {
    Reply::error("ERR increment or decrement would overflow")
}

pub(crate) fn not_finite() -> Reply {
    Reply::error("ERR increment would produce NaN or Infinity")
}

pub(crate) fn invalid_cursor() -> Reply {
    Reply::error(errors::INVALID_CURSOR)
}

pub(crate) fn no_such_key() -> Reply {
    Reply::error(errors::NO_SUCH_KEY)
}

/// `command` in lower case.
pub(crate) fn invalid_expire_time(command: &str) -> Reply {
    Reply::error(format!("ERR invalid expire time in '{command}' command"))
}

/// A value would be longer than the longest that is stored.
pub(crate) fn too_large() -> Reply {
    Reply::error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
}

/// This server's own: a key or field that no record key can hold.
pub(crate) fn too_long(what: &impl std::fmt::Display) -> Reply {
    Reply::error(format!("ERR {what}"))
}

/// This server's own: a hash has another number of fields than its head says, so it is not all that was seen.
pub(crate) fn incomplete(key: &[u8]) -> Reply {
    let key = key.escape_ascii();
    Reply::error(format!("ERR not all fields of '{key}' were found: try again, and report it if that does not help"))
}

/// This server's own: what is stored was written by a newer program, or is damaged.
pub(crate) fn unreadable(key: &[u8]) -> Reply {
    Reply::error(format!("ERR the record of key '{}' cannot be read: newer format or damage", key.escape_ascii()))
}

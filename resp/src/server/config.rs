//! `CONFIG GET` and `CONFIG SET` over the parameters that a server lays open under the names that Redis has for them.

use crate::glob::{self, Case};
use crate::number::parse_integer;
use crate::{Reply, errors};

/// What a parameter may be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is fixed while the server runs.
    Fixed,
    /// An integer within these bounds, both included.
    Integer(i64, i64),
    /// A number of bytes: `1024`, `100mb`. At least this.
    Bytes(u64),
    /// `yes` or `no`.
    Flag,
    /// Any text.
    Text,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// In lower case.
    pub name: &'static str,
    /// As `CONFIG GET` tells it: bytes as a plain number, a flag as `yes` or `no`.
    pub value: String,
    /// What it may be set to.
    pub kind: Kind,
}

/// A change that was asked for and is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The parameter.
    pub name: &'static str,
    /// Its new value, spelt as in [`Parameter::value`].
    pub value: String,
}

/// Answers `CONFIG GET pattern …`, whose first two arguments are those words: each parameter that matches any pattern, once.
pub fn get<A: AsRef<[u8]>>(parameters: &[Parameter], arguments: &[A]) -> Reply {
    let patterns = arguments.get(2..).unwrap_or_default();
    let asked = |name: &str| patterns.iter().any(|p| glob::matches(p.as_ref(), name.as_bytes(), Case::Insensitive));
    let found = parameters.iter().filter(|parameter| asked(parameter.name));
    Reply::map(found.map(|parameter| (parameter.name, Reply::bulk(parameter.value.clone()))))
}

/// Reads `CONFIG SET name value …`, whose first two arguments are those words: all of the changes, or none.
///
/// # Errors
/// The answer: no such parameter, one that is fixed or named twice, or a value that it cannot have.
pub fn set<A: AsRef<[u8]>>(parameters: &[Parameter], arguments: &[A]) -> Result<Vec<Assignment>, Reply> {
    let (pairs, rest) = arguments.get(2..).unwrap_or_default().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Reply::error(errors::SYNTAX));
    }
    let find = |name: &[u8]| parameters.iter().find(|parameter| parameter.name.as_bytes().eq_ignore_ascii_case(name));
    let mut named: Vec<(&Parameter, &[u8])> = vec![];
    for [name, value] in pairs {
        let parameter = find(name.as_ref()).ok_or_else(|| unknown(name.as_ref()))?;
        if named.iter().any(|(other, _)| other.name == parameter.name) {
            return Err(impossible(parameter, "duplicate parameter"));
        }
        named.push((parameter, value.as_ref()));
    }
    named.into_iter().map(|(parameter, value)| assign(parameter, value)).collect()
}

fn unknown(name: &[u8]) -> Reply {
    Reply::error([b"ERR Unknown option or number of arguments for CONFIG SET - '", name, b"'"].concat())
}

fn impossible(parameter: &Parameter, why: impl std::fmt::Display) -> Reply {
    Reply::error(format!("ERR CONFIG SET failed (possibly related to argument '{}') - {why}", parameter.name))
}

fn assign(parameter: &Parameter, text: &[u8]) -> Result<Assignment, Reply> {
    let value = value(parameter.kind, text).map_err(|why| impossible(parameter, why))?;
    Ok(Assignment { name: parameter.name, value })
}

/// The value as it is kept, or why it cannot be.
fn value(kind: Kind, text: &[u8]) -> Result<String, String> {
    match kind {
        Kind::Fixed => Err("can't set immutable config".to_owned()),
        Kind::Text => String::from_utf8(text.to_vec()).map_err(|_| "argument is not valid UTF-8".to_owned()),
        Kind::Flag => match text.to_ascii_lowercase().as_slice() {
            b"yes" => Ok("yes".to_owned()),
            b"no" => Ok("no".to_owned()),
            _ => Err("argument must be 'yes' or 'no'".to_owned()),
        },
        Kind::Integer(min, max) => match parse_integer(text) {
            None => Err("argument couldn't be parsed into an integer".to_owned()),
            Some(value) if !(min..=max).contains(&value) => {
                Err(format!("argument must be between {min} and {max} inclusive"))
            }
            Some(value) => Ok(value.to_string()),
        },
        Kind::Bytes(min) => match bytes(text) {
            None => Err("argument must be a memory value".to_owned()),
            Some(value) if value < min => Err(format!("argument must be at least {min} bytes")),
            Some(value) => Ok(value.to_string()),
        },
    }
}

/// `1024`, `100b`, `1k` (1,000), `1kb` (1,024), and so on with `m` and `g`, in any case.
fn bytes(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    std::str::from_utf8(number).ok()?.parse::<u64>().ok()?.checked_mul(factor)
}

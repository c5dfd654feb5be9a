//! Which question of `CLIENT …` is asked.

use crate::command::Spec;
use crate::number::parse_integer;
use crate::{Reply, errors};

/// What a client wants of the connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// `CLIENT GETNAME`: the name, or null.
    GetName,
    /// `CLIENT HELP`: see [`help`](crate::command::help).
    Help,
    /// `CLIENT ID`
    Id,
    /// `CLIENT INFO`: the [`line`](super::line()) of the connection itself.
    Info,
    /// `CLIENT LIST`: the lines of these connections.
    List(Who),
    /// `CLIENT SETINFO` with a value that is fit to be shown; an empty one takes the old one away.
    SetInfo(Attribute, &'a [u8]),
    /// `CLIENT SETNAME` with a name that is fit to be shown; an empty one takes the old one away.
    SetName(&'a [u8]),
}

/// What `CLIENT SETINFO` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The name of the client's library.
    LibraryName,
    /// Its version.
    LibraryVersion,
}

/// Of which connections `CLIENT LIST` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// All: there are none but those of clients.
    All,
    /// None: asked for are those of a kind that there is not.
    Nobody,
    /// Those of these numbers.
    These(Vec<u64>),
}

impl<'a> Question<'a> {
    /// Reads the arguments that [`resolve`](crate::command::resolve) took for `spec`.
    ///
    /// # Errors
    /// The answer, if an argument is wrong.
    pub fn parse<A: AsRef<[u8]>>(spec: &Spec, arguments: &'a [A]) -> Result<Self, Reply> {
        let argument = |index: usize| arguments.get(index).map(A::as_ref).unwrap_or_default();
        Ok(match spec.name {
            "client|getname" => Self::GetName,
            "client|id" => Self::Id,
            "client|info" => Self::Info,
            "client|list" => Self::List(who(arguments.get(2..).unwrap_or_default())?),
            "client|setinfo" => set_info(argument(2), argument(3))?,
            "client|setname" => Self::SetName(checked_name(argument(2))?),
            _ => Self::Help,
        })
    }
}

fn who<A: AsRef<[u8]>>(options: &[A]) -> Result<Who, Reply> {
    let options: Vec<&[u8]> = options.iter().map(A::as_ref).collect();
    match options.split_first() {
        None => Ok(Who::All),
        Some((option, [kind])) if option.eq_ignore_ascii_case(b"type") => of_kind(kind),
        Some((option, ids)) if option.eq_ignore_ascii_case(b"id") && !ids.is_empty() => of_numbers(ids),
        Some(_) => Err(Reply::error(errors::SYNTAX)),
    }
}

fn of_kind(kind: &[u8]) -> Result<Who, Reply> {
    match kind.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(Who::All),
        b"master" | b"replica" | b"slave" | b"pubsub" => Ok(Who::Nobody),
        _ => Err(Reply::error([b"ERR Unknown client type '", kind, b"'"].concat())),
    }
}

/// The connections of these numbers. Nobody has a number below 1, but to ask for one is no error.
fn of_numbers(ids: &[&[u8]]) -> Result<Who, Reply> {
    let ids = ids.iter().map(|id| parse_integer(id).ok_or_else(|| Reply::error("ERR Invalid client ID")));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    Ok(Who::These(ids.into_iter().filter_map(|id| u64::try_from(id).ok()).collect()))
}

fn set_info<'a>(attribute: &'a [u8], value: &'a [u8]) -> Result<Question<'a>, Reply> {
    let known = match attribute.to_ascii_lowercase().as_slice() {
        b"lib-name" => Attribute::LibraryName,
        b"lib-ver" => Attribute::LibraryVersion,
        _ => return Err(Reply::error([b"ERR Unrecognized option '", attribute, b"'"].concat())),
    };
    let wrong =
        || Reply::error([b"ERR ", attribute, b" cannot contain spaces, newlines or special characters."].concat());
    if is_shown(value) { Ok(Question::SetInfo(known, value)) } else { Err(wrong()) }
}

/// The name, if `CLIENT LIST` can show it.
pub(super) fn checked_name(name: &[u8]) -> Result<&[u8], Reply> {
    let wrong = || Reply::error("ERR Client names cannot contain spaces, newlines or special characters.");
    if is_shown(name) { Ok(name) } else { Err(wrong()) }
}

/// Whether a text can stand in a line that is split at blanks.
fn is_shown(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

//! The arguments of a request, taken one by one.

use bytes::Bytes;
use resp::Reply;

use crate::encoding::{FIELD_BYTES_MAX, FieldTooLong, Key};
use crate::error;
use crate::number::parse_integer;

/// What follows the name of a command. The table of commands has checked how many there are; whoever takes more than
/// that is told that the number is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Args<'a> {
    command: &'static str,
    rest: &'a [Bytes],
}

impl<'a> Args<'a> {
    /// `command` in lower case; `rest` without it.
    pub(crate) const fn new(command: &'static str, rest: &'a [Bytes]) -> Self {
        Self { command, rest }
    }

    /// The command's name, in lower case.
    pub(crate) const fn command(&self) -> &'static str {
        self.command
    }

    /// How many are left.
    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    /// The next one, if there is one.
    pub(crate) fn optional(&mut self) -> Option<Bytes> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first.clone())
    }

    pub(crate) fn text(&mut self) -> Result<Bytes, Reply> {
        self.optional().ok_or_else(|| self.arity())
    }

    pub(crate) fn key(&mut self) -> Result<Key, Reply> {
        Key::new(&self.text()?).map_err(|long| error::too_long(&long))
    }

    /// All that are left, at least one.
    pub(crate) fn keys(mut self) -> Result<Vec<Key>, Reply> {
        let mut keys = vec![self.key()?];
        while self.len() > 0 {
            keys.push(self.key()?);
        }
        Ok(keys)
    }

    pub(crate) fn field(&mut self) -> Result<Bytes, Reply> {
        let field = self.text()?;
        if field.len() > FIELD_BYTES_MAX {
            return Err(error::too_long(&FieldTooLong(field.len())));
        }
        Ok(field)
    }

    /// All that are left, at least one.
    pub(crate) fn fields(mut self) -> Result<Vec<Bytes>, Reply> {
        let mut fields = vec![self.field()?];
        while self.len() > 0 {
            fields.push(self.field()?);
        }
        Ok(fields)
    }

    pub(crate) fn integer(&mut self) -> Result<i64, Reply> {
        parse_integer(&self.text()?).ok_or_else(error::not_an_integer)
    }

    /// Takes the next one if it is this word, in any case.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.rest.first().is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.optional();
        }
        found
    }

    /// Ends the list.
    pub(crate) fn end(&self) -> Result<(), Reply> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.arity()) }
    }

    /// The number of arguments is wrong.
    pub(crate) fn arity(&self) -> Reply {
        error::arity(self.command)
    }
}

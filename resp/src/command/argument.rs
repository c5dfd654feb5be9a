//! The arguments of a command as `COMMAND DOCS` describes them, and the line of help that they make.

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Integer,
    Double,
    /// A key; of which of the command's key specifications.
    Key(u8),
    Pattern,
    UnixTime,
    /// A word that is its own value.
    Token,
    /// One of the arguments below it.
    OneOf,
    /// All of the arguments below it.
    Block,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key(_) => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::Token => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// One argument, or several that belong together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The word that announces it.
    pub(super) token: Option<&'static str>,
    /// The version of Redis that had it first, if the command is older.
    pub(super) since: Option<&'static str>,
    pub(super) optional: bool,
    /// May be given more than once.
    pub(super) multiple: bool,
    pub(super) parts: &'static [Self],
}

const fn argument(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, token: None, since: None, optional: false, multiple: false, parts: &[] }
}

pub(super) const fn string(name: &'static str) -> Argument {
    argument(name, Kind::String)
}

pub(super) const fn integer(name: &'static str) -> Argument {
    argument(name, Kind::Integer)
}

pub(super) const fn double(name: &'static str) -> Argument {
    argument(name, Kind::Double)
}

/// A key of the command's only key specification.
pub(super) const fn key() -> Argument {
    argument("key", Kind::Key(0))
}

/// A key of the command's second key specification.
pub(super) const fn second_key(name: &'static str) -> Argument {
    argument(name, Kind::Key(1))
}

pub(super) const fn pattern(name: &'static str) -> Argument {
    argument(name, Kind::Pattern)
}

pub(super) const fn unix_time(name: &'static str) -> Argument {
    argument(name, Kind::UnixTime)
}

pub(super) const fn token(name: &'static str, word: &'static str) -> Argument {
    argument(name, Kind::Token).after(word)
}

pub(super) const fn one_of(name: &'static str, parts: &'static [Argument]) -> Argument {
    Argument { parts, ..argument(name, Kind::OneOf) }
}

pub(super) const fn block(name: &'static str, parts: &'static [Argument]) -> Argument {
    Argument { parts, ..argument(name, Kind::Block) }
}

impl Argument {
    /// The word that announces the argument.
    pub(super) const fn after(self, word: &'static str) -> Self {
        Self { token: Some(word), ..self }
    }

    /// The version of Redis that had the argument first.
    pub(super) const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }

    pub(super) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    pub(super) const fn multiple(self) -> Self {
        Self { multiple: true, ..self }
    }

    /// As a manual writes it: `[EX seconds | KEEPTTL]`, `key [key ...]`.
    fn usage(&self) -> String {
        let inner = match self.kind {
            Kind::Token => String::new(),
            Kind::OneOf => join(self.parts, " | "),
            Kind::Block => join(self.parts, " "),
            Kind::String | Kind::Integer | Kind::Double | Kind::Key(_) | Kind::Pattern | Kind::UnixTime => {
                self.brackets()
            }
        };
        let repeated = if self.multiple { format!("{inner} [{inner} ...]") } else { inner };
        let whole = [self.token.unwrap_or_default(), &repeated].join(" ");
        let whole = whole.trim();
        if self.optional { format!("[{whole}]") } else { whole.to_owned() }
    }

    /// The name of a value, which the reader replaces.
    fn brackets(&self) -> String {
        format!("<{}>", self.name)
    }
}

/// The line of help for these arguments.
pub(super) fn usage(arguments: &[Argument]) -> String {
    join(arguments, " ")
}

fn join(arguments: &[Argument], separator: &str) -> String {
    arguments.iter().map(Argument::usage).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_reads_like_a_manual() {
        const LIFE: &[Argument] = &[integer("seconds").after("EX"), token("keepttl", "KEEPTTL")];
        let set = [key(), string("value"), one_of("expiration", LIFE).optional()];
        assert_eq!(usage(&set), "<key> <value> [EX <seconds> | KEEPTTL]");
        const PAIR: &[Argument] = &[key(), string("value")];
        assert_eq!(usage(&[block("data", PAIR).multiple()]), "<key> <value> [<key> <value> ...]");
        assert_eq!(usage(&[string("section").optional().multiple()]), "[<section> [<section> ...]]");
        assert_eq!(usage(&[]), "");
    }
}

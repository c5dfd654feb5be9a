//! One row of the table of commands.

use super::argument::Argument;
use super::flags::{Category, Flag, Flags};
use super::keys::KeySpec;

/// What a command belongs to in the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys, whatever their type.
    Generic,
    /// Strings.
    String,
    /// Hashes.
    Hash,
    /// The connection itself.
    Connection,
    /// The server as a whole.
    Server,
    /// The cluster.
    Cluster,
    /// Scripts and functions.
    Scripting,
}

impl Group {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::Hash => "hash",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Scripting => "scripting",
        }
    }
}

/// A version of Redis, and what was new of a command.
pub(super) type Change = (&'static str, &'static str);

/// Everything that is known of a command but how it is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// In lower case; of a subcommand behind its command's: `config|get`.
    pub name: &'static str,
    /// How many arguments there are, the name among them; `-n`: at least `n`. Of a subcommand both names count.
    pub arity: i32,
    /// How it behaves.
    pub flags: Flags,
    /// The commands that this one is divided into.
    pub subcommands: &'static [Self],
    /// Where it stands in the manual.
    pub group: Group,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    pub(super) categories: &'static [Category],
    pub(super) keys: &'static [KeySpec],
    pub(super) arguments: &'static [Argument],
    pub(super) tips: &'static [&'static str],
    pub(super) doc_flags: &'static [&'static str],
    pub(super) replaced: Option<Replaced>,
    pub(super) history: &'static [Change],
}

/// A command that the manual advises against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    /// The version of Redis since which it does.
    pub(super) since: &'static str,
    /// What to use instead.
    pub(super) by: &'static str,
}

impl Spec {
    /// A command without flags, keys and arguments.
    pub(super) const fn new(name: &'static str, arity: i32, group: Group, since: &'static str) -> Self {
        Self {
            name,
            arity,
            flags: Flags::of(&[]),
            subcommands: &[],
            group,
            summary: "",
            since,
            complexity: "O(1)",
            categories: &[],
            keys: &[],
            arguments: &[],
            tips: &[],
            doc_flags: &[],
            replaced: None,
            history: &[],
        }
    }

    pub(super) const fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    pub(super) const fn complexity(self, complexity: &'static str) -> Self {
        Self { complexity, ..self }
    }

    pub(super) const fn flags(self, flags: &[Flag]) -> Self {
        Self { flags: Flags::of(flags), ..self }
    }

    pub(super) const fn categories(self, categories: &'static [Category]) -> Self {
        Self { categories, ..self }
    }

    pub(super) const fn keys(self, keys: &'static [KeySpec]) -> Self {
        Self { keys, ..self }
    }

    pub(super) const fn arguments(self, arguments: &'static [Argument]) -> Self {
        Self { arguments, ..self }
    }

    /// Hints for clients that spread a command over several nodes.
    pub(super) const fn tips(self, tips: &'static [&'static str]) -> Self {
        Self { tips, ..self }
    }

    pub(super) const fn subcommands(self, subcommands: &'static [Self]) -> Self {
        Self { subcommands, ..self }
    }

    pub(super) const fn replaced(self, since: &'static str, by: &'static str) -> Self {
        Self { doc_flags: &["deprecated"], replaced: Some(Replaced { since, by }), ..self }
    }

    /// A command for those who work on servers and not for those who use them.
    pub(super) const fn internal(self) -> Self {
        Self { doc_flags: &["syscmd"], ..self }
    }

    pub(super) const fn history(self, history: &'static [Change]) -> Self {
        Self { history, ..self }
    }

    /// Whether the command behaves so.
    #[must_use]
    pub const fn is(&self, flag: Flag) -> bool {
        self.flags.has(flag)
    }

    /// Whether so many arguments, the name among them, are right.
    #[must_use]
    pub const fn accepts(&self, count: usize) -> bool {
        let expected = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { count >= expected } else { count == expected }
    }

    /// The last word of the name: `get` of `config|get`.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, name)| name)
    }

    /// The subcommand of that name, in any case.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        self.subcommands.iter().find(|sub| sub.short_name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether access control lists count the command among these.
    pub(super) fn belongs_to(&self, category: Category) -> bool {
        category.implied_by(self.flags) || self.categories.contains(&category)
    }
}

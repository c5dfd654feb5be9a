//! The properties of commands that servers, proxies and clients act upon, under the names that `COMMAND` gives them.

/// How a command behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// May change data.
    Write,
    /// Reads data and changes none.
    ReadOnly,
    /// Refused where a server has no room for more data.
    DenyOom,
    /// For operators.
    Admin,
    /// Not for scripts.
    NoScript,
    /// May keep the connection waiting.
    Blocking,
    /// Allowed while a server loads its data.
    Loading,
    /// Allowed on a server whose data may be stale.
    Stale,
    /// Takes constant or logarithmic time.
    Fast,
    /// Allowed before authentication.
    NoAuth,
    /// Allowed while a script holds the server up.
    AllowBusy,
}

impl Flag {
    /// All of them, in the order in which they are told.
    pub(super) const ALL: [Self; 11] = [
        Self::Write,
        Self::ReadOnly,
        Self::DenyOom,
        Self::Admin,
        Self::NoScript,
        Self::Blocking,
        Self::Loading,
        Self::Stale,
        Self::Fast,
        Self::NoAuth,
        Self::AllowBusy,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::ReadOnly => "readonly",
            Self::DenyOom => "denyoom",
            Self::Admin => "admin",
            Self::NoScript => "noscript",
            Self::Blocking => "blocking",
            Self::Loading => "loading",
            Self::Stale => "stale",
            Self::Fast => "fast",
            Self::NoAuth => "no_auth",
            Self::AllowBusy => "allow_busy",
        }
    }
}

/// A set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// The set of these.
    pub(super) const fn of(mut flags: &[Flag]) -> Self {
        let mut set = 0;
        while let [flag, rest @ ..] = flags {
            set |= 1 << *flag as u8;
            flags = rest;
        }
        Self(set)
    }

    /// Whether the flag is among them.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u8) != 0
    }
}

/// A class of commands, as access control lists name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// `@keyspace`
    Keyspace,
    /// `@read`
    Read,
    /// `@write`
    Write,
    /// `@string`
    String,
    /// `@hash`
    Hash,
    /// `@admin`
    Admin,
    /// `@fast`
    Fast,
    /// `@slow`
    Slow,
    /// `@blocking`
    Blocking,
    /// `@dangerous`
    Dangerous,
    /// `@connection`
    Connection,
    /// `@scripting`
    Scripting,
}

impl Category {
    /// All of them, in the order in which they are told.
    pub(super) const ALL: [Self; 12] = [
        Self::Keyspace,
        Self::Read,
        Self::Write,
        Self::String,
        Self::Hash,
        Self::Admin,
        Self::Fast,
        Self::Slow,
        Self::Blocking,
        Self::Dangerous,
        Self::Connection,
        Self::Scripting,
    ];

    /// Without the `@` that is written before it.
    pub(super) fn plain_name(self) -> &'static str {
        self.name().trim_start_matches('@')
    }

    /// With the `@` that is written before it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Keyspace => "@keyspace",
            Self::Read => "@read",
            Self::Write => "@write",
            Self::String => "@string",
            Self::Hash => "@hash",
            Self::Admin => "@admin",
            Self::Fast => "@fast",
            Self::Slow => "@slow",
            Self::Blocking => "@blocking",
            Self::Dangerous => "@dangerous",
            Self::Connection => "@connection",
            Self::Scripting => "@scripting",
        }
    }

    /// Whether the flags alone put a command into this class.
    pub(super) const fn implied_by(self, flags: Flags) -> bool {
        match self {
            Self::Read => flags.has(Flag::ReadOnly),
            Self::Write => flags.has(Flag::Write),
            Self::Admin | Self::Dangerous => flags.has(Flag::Admin),
            Self::Blocking => flags.has(Flag::Blocking),
            Self::Fast => flags.has(Flag::Fast),
            Self::Slow => !flags.has(Flag::Fast),
            Self::Keyspace | Self::String | Self::Hash | Self::Connection | Self::Scripting => false,
        }
    }
}

//! `INFO [section …]`: sections of `key:value` lines.

use std::fmt::Write;

use crate::Reply;

/// Told only if they are asked for, or with everything.
const EXTRA: [&str; 2] = ["commandstats", "latencystats"];

/// Which sections a client asked for. Whoever makes them asks here first, so that none is made in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sections(Vec<Vec<u8>>);

impl Sections {
    /// Reads the arguments, the first of which is `INFO`.
    #[must_use]
    pub fn parse<A: AsRef<[u8]>>(arguments: &[A]) -> Self {
        let named: Vec<_> = arguments.iter().skip(1).map(|name| name.as_ref().to_ascii_lowercase()).collect();
        Self(if named.is_empty() { vec![b"default".to_vec()] } else { named })
    }

    /// Whether this section, in lower case, is to be told.
    #[must_use]
    pub fn include(&self, section: &str) -> bool {
        self.0.iter().any(|asked| match asked.as_slice() {
            b"all" | b"everything" => true,
            b"default" => !EXTRA.contains(&section),
            asked => asked == section.as_bytes(),
        })
    }
}

/// A section: its title, and its lines in order.
#[derive(Clone, Debug)]
pub struct Section {
    /// With a capital: `Server`.
    pub title: &'static str,
    /// Names and values.
    pub lines: Vec<(&'static str, String)>,
}

/// The answer.
#[must_use]
pub fn info(sections: &[Section]) -> Reply {
    Reply::verbatim(sections.iter().map(section).collect::<Vec<_>>().join("\r\n"))
}

fn section(section: &Section) -> String {
    section.lines.iter().fold(format!("# {}\r\n", section.title), |mut text, (name, value)| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{name}:{value}\r\n");
        text
    })
}

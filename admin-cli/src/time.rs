//! Times and sizes as they are shown: RFC 3339 in UTC with milliseconds, binary units.

use std::time::Duration;

pub use common::time::rfc3339;

/// A size for people.
#[must_use]
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A duration for people, to the millisecond below a second and to the second above.
#[must_use]
pub fn span(ms: u64) -> String {
    let rounded = if ms < 1000 { ms } else { ms / 1000 * 1000 };
    humantime::format_duration(Duration::from_millis(rounded)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_milliseconds_only_where_they_matter() {
        assert_eq!((span(84), span(61_234)), ("84ms".to_owned(), "1m 1s".to_owned()));
    }
}

//! Times and sizes as they are shown: RFC 3339 in UTC with milliseconds, binary units.

use std::time::{Duration, UNIX_EPOCH};

/// A point in time, from Unix milliseconds.
#[must_use]
pub fn rfc3339(unix_ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(unix_ms)).to_string()
}

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
    fn times_are_rfc_3339_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn spans_show_milliseconds_only_where_they_matter() {
        assert_eq!((span(84), span(61_234)), ("84ms".to_owned(), "1m 1s".to_owned()));
    }
}

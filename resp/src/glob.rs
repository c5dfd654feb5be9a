//! Patterns of `KEYS`, `SCAN`, `CONFIG GET`, `COMMAND LIST`: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character that is meant
//! as it is.
//!
//! Only the last `*` is ever tried again: whatever an earlier one could swallow in addition, the last one can swallow too. So
//! matching takes at most the product of both lengths, whatever the pattern.

/// Whether letters of different case are equal (ASCII only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are not.
    Sensitive,
    /// They are.
    Insensitive,
}

impl Case {
    const fn fold(self, byte: u8) -> u8 {
        match self {
            Self::Sensitive => byte,
            Self::Insensitive => byte.to_ascii_lowercase(),
        }
    }

    const fn equal(self, one: u8, other: u8) -> bool {
        self.fold(one) == self.fold(other)
    }
}

/// Whether all of `text` matches `pattern`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // What stands behind the last `*`, and the text from where that is tried next.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', behind @ ..] = pattern {
            (pattern, retry) = (behind, Some((behind, text)));
            continue;
        }
        let advanced = match text {
            [] if pattern.is_empty() => return true,
            [] => return false,
            [byte, rest @ ..] => one(pattern, *byte, case).map(|behind| (behind, rest)),
        };
        if let Some(both) = advanced {
            (pattern, text) = both;
            continue;
        }
        let Some((behind, [_, rest @ ..])) = retry else { return false };
        (pattern, text, retry) = (behind, rest, Some((behind, rest)));
    }
}

/// Matches one byte with the element that begins the pattern; returns the pattern behind that element.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', behind @ ..] => Some(behind),
        [b'[', class @ ..] => {
            let (found, behind) = class_holds(class, byte, case);
            found.then_some(behind)
        }
        [b'\\', literal, behind @ ..] | [literal, behind @ ..] => case.equal(*literal, byte).then_some(behind),
    }
}

/// Whether a class, given from behind its `[`, holds the byte; and the pattern behind its `]`. A class without an end reaches
/// to the end of the pattern.
fn class_holds(class: &[u8], byte: u8, case: Case) -> (bool, &[u8]) {
    let (negated, mut class) = match class {
        [b'^', class @ ..] => (true, class),
        class => (false, class),
    };
    let mut found = false;
    loop {
        let (held, behind) = match class {
            [] => return (found != negated, class),
            [b']', behind @ ..] => return (found != negated, behind),
            [b'\\', literal, behind @ ..] => (*literal == byte, behind),
            [from, b'-', to, behind @ ..] => (within(*from, *to, byte, case), behind),
            [literal, behind @ ..] => (case.equal(*literal, byte), behind),
        };
        found |= held;
        class = behind;
    }
}

/// Whether a range holds the byte; its ends may stand in either order.
fn within(from: u8, to: u8, byte: u8, case: Case) -> bool {
    (case.fold(from.min(to))..=case.fold(from.max(to))).contains(&case.fold(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern:?} is to match {text:?}");
        }
        for text in no {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive),
                "{pattern:?} must not match {text:?}"
            );
        }
    }

    #[test]
    fn stars_swallow_anything() {
        check("*", &["", "a", "a*b"], &[]);
        check("a*", &["a", "abc"], &["", "ba"]);
        check("*a*b*", &["ab", "xaxbx", "aab", "abab"], &["ba", "a", "b"]);
        check("a**b", &["ab", "axxb"], &["a"]);
        check("*aab", &["aaab", "aabaab"], &["aaba"]);
    }

    #[test]
    fn a_question_mark_is_exactly_one_byte() {
        check("h?llo", &["hello", "h?llo"], &["hllo", "heello"]);
        check("?", &["a"], &["", "ab"]);
    }

    #[test]
    fn classes_hold_bytes_ranges_and_their_opposite() {
        check("h[ae]llo", &["hello", "hallo"], &["hillo"]);
        check("h[^e]llo", &["hallo"], &["hello"]);
        check("[a-c]", &["a", "b", "c"], &["d", "-"]);
        check("[c-a]", &["a", "b", "c"], &["d"]);
        check(r"[\]\-]", &["]", "-"], &["\\", "a"]);
        check("[]", &[], &["a", "]"]);
        check("[^]", &["a", "]"], &[""]);
    }

    #[test]
    fn a_class_without_an_end_reaches_to_the_end_of_the_pattern() {
        check("[ab", &["a", "b"], &["c", "[ab"]);
        check("[a-", &["a", "-"], &["b"]);
        check("x[", &[], &["x", "x["]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_away() {
        check(r"\*", &["*"], &["a", ""]);
        check(r"a\?", &["a?"], &["ab"]);
        check(r"\", &["\\"], &["", "a"]);
    }

    #[test]
    fn case_matters_only_where_it_is_to() {
        assert!(matches(b"MAX*[A-C]?", b"maxmemory-bx", Case::Insensitive));
        assert!(!matches(b"MAX*", b"maxmemory", Case::Sensitive));
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_exponential_time() {
        let pattern = b"a*".repeat(500);
        let text = vec![b'a'; 5_000];
        assert!(matches(&pattern, &text, Case::Sensitive));
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text, Case::Sensitive));
    }
}

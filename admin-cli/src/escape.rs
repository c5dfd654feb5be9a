//! Binary-safe text for keys and values: `\xNN`, `\n`, `\t` and `\\` on the way in, the same on the way out.
//!
//! Valid UTF-8 that can be printed stays as it is, so what is printed can be pasted back and gives the same bytes.

use std::fmt::Write as _;

/// Why a text stands for no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no escape: write \\xNN, \\n, \\t, or \\\\ for a backslash")]
pub struct EscapeError(String);

/// The bytes that a text stands for.
///
/// # Errors
/// [`EscapeError`] with the sequence that is wrong.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, EscapeError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'\\' {
            let (byte, len) = one_escape(after).ok_or_else(|| wrong(rest))?;
            bytes.push(byte);
            rest = after.get(len..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Ok(bytes)
}

/// What follows a backslash: the byte it gives, and how long it was.
fn one_escape(after: &[u8]) -> Option<(u8, usize)> {
    match after.first()? {
        b'n' => Some((b'\n', 1)),
        b't' => Some((b'\t', 1)),
        b'\\' => Some((b'\\', 1)),
        b'x' => {
            let digits = after.get(1..3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
            let number = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            Some((number, 3))
        }
        _ => None,
    }
}

fn wrong(rest: &[u8]) -> EscapeError {
    let shown = rest.get(..rest.len().min(4)).unwrap_or_default();
    EscapeError(String::from_utf8_lossy(shown).into_owned())
}

/// The text that stands for these bytes.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_char(&mut text, c));
        chunk.invalid().iter().for_each(|b| push_hex(&mut text, *b));
    }
    text
}

fn push_char(text: &mut String, c: char) {
    match c {
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\\' => text.push_str("\\\\"),
        c if c.is_control() => {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().for_each(|b| push_hex(text, b));
        }
        c => text.push(c),
    }
}

fn push_hex(text: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_gives_its_byte() {
        assert_eq!(unescape(br"a\x00\xfF\n\t\\b"), Ok(b"a\x00\xff\n\t\\b".to_vec()));
    }

    #[test]
    fn a_sequence_that_is_no_escape_is_named() {
        for text in [r"\q", r"\x1", r"\xgg", r"\x+1", "\\"] {
            assert!(unescape(text.as_bytes()).unwrap_err().to_string().starts_with(&format!("'{text}'")), "{text}");
        }
    }

    #[test]
    fn printable_utf8_stays_as_it_is() {
        assert_eq!(escape("Zürich 東京".as_bytes()), "Zürich 東京");
        assert_eq!(escape(b"\xc3\x28\r\x7f"), r"\xc3(\x0d\x7f");
    }

    #[test]
    fn what_is_printed_gives_the_same_bytes_back() {
        let all: Vec<u8> = (0..=255).chain("é\\x41\u{85}".bytes()).collect();
        assert_eq!(unescape(escape(&all).as_bytes()), Ok(all));
    }
}

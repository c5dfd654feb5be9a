//! Inline commands, as people type them into a bare connection: words between blanks, with quotes.
//!
//! In double quotes `\n \r \t \b \a \xHH` are what they are in C and any other `\c` is `c`; in single quotes only `\'` is
//! special. A closing quote ends the word: only a blank or the end of the line may follow.

use super::ProtocolError;
use super::request::Arguments;

/// Splits a line, without its end, into `arguments`.
pub(super) fn split(line: &[u8], arguments: &mut Arguments) -> Result<(), ProtocolError> {
    let mut rest = trim(line);
    while !rest.is_empty() {
        rest = trim(arguments.unquote(|text| word(rest, text))?);
    }
    Ok(())
}

/// `rest` from its first byte that is no blank.
fn trim(rest: &[u8]) -> &[u8] {
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    rest.get(blanks..).unwrap_or_default()
}

/// Appends the first word of `rest` to `text`, and returns what follows it.
fn word<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        rest = match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Ok(rest),
            [b'"', quoted @ ..] => return closed(double_quoted(quoted, text)?),
            [b'\'', quoted @ ..] => return closed(single_quoted(quoted, text)?),
            [byte, tail @ ..] => {
                text.push(*byte);
                tail
            }
        };
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        text.push(byte);
        rest = tail;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        text.push(byte);
        rest = tail;
    }
}

/// What follows a closing quote, if it may follow one.
fn closed(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest.first() {
        Some(byte) if !is_blank(*byte) => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

/// As `isspace` in C: with the vertical tab, which `u8::is_ascii_whitespace` leaves out.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

const fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of a hexadecimal digit.
const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let mut arguments = Arguments::default();
        split(line.as_bytes(), &mut arguments)?;
        Ok(arguments.view(b"").iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn words_are_split_at_blanks() {
        assert_eq!(words("  SET\tkey   value "), Ok(vec![b"SET".to_vec(), b"key".to_vec(), b"value".to_vec()]));
        assert_eq!(words(" \t "), Ok(vec![]));
    }

    #[test]
    fn quotes_hold_blanks_and_escapes() {
        assert_eq!(words(r#"a "b c" 'd e'"#), Ok(vec![b"a".to_vec(), b"b c".to_vec(), b"d e".to_vec()]));
        assert_eq!(words(r#""\x00\xfF\n\r\t\b\a\q\"\xg0""#), Ok(vec![b"\x00\xff\n\r\t\x08\x07q\"xg0".to_vec()]));
        assert_eq!(words(r"'it\'s \n'"), Ok(vec![br"it's \n".to_vec()]));
        assert_eq!(words(r#""" '' a"b""#), Ok(vec![vec![], vec![], b"ab".to_vec()]));
    }

    #[test]
    fn a_quote_within_a_word_or_without_an_end_is_refused() {
        for line in [r#""open"#, "'open", r#""a"b"#, "'a'b", r#""""a"""#, r#""\"#, r"'\'"] {
            assert_eq!(words(line), Err(ProtocolError::UnbalancedQuotes), "{line}");
        }
    }
}

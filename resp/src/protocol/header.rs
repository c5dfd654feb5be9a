//! The line that opens an array or a bulk string: `*3 CR LF`, `$5 CR LF`, read from behind its sign.

use crate::number::parse_integer;

/// `-9223372036854775808`.
const NUMBER_BYTES_MAX: usize = 20;

/// What stands behind a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The line has not arrived whole.
    Partial,
    /// A number, and the bytes of the line with its end.
    Number { value: i64, bytes: usize },
    /// No number, or a line that ends otherwise. A line too long for any number is known at once, so nothing is scanned twice.
    Malformed,
}

/// Reads the line at the beginning of `input`. Nearly all have one digit or two.
pub(super) fn header(input: &[u8]) -> Header {
    match input {
        [ones @ b'0'..=b'9', b'\r', b'\n', ..] => Header::Number { value: digit(*ones), bytes: 3 },
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Header::Number { value: digit(*tens) * 10 + digit(*ones), bytes: 4 }
        }
        _ => any_header(input),
    }
}

fn digit(byte: u8) -> i64 {
    i64::from(byte - b'0')
}

fn any_header(input: &[u8]) -> Header {
    let Some(digits) = input.iter().take(NUMBER_BYTES_MAX + 1).position(|byte| *byte == b'\r') else {
        let numeric = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        let hopeful = input.len() <= NUMBER_BYTES_MAX && input.iter().all(numeric);
        return if hopeful { Header::Partial } else { Header::Malformed };
    };
    match (input.get(digits + 1), input.get(..digits).and_then(parse_integer)) {
        (Some(b'\n'), Some(value)) => Header::Number { value, bytes: digits + 2 },
        (None, Some(_)) => Header::Partial,
        (Some(_), _) | (None, None) => Header::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_up_to_its_end() {
        assert_eq!(header(b"3\r\n$3\r\n"), Header::Number { value: 3, bytes: 3 });
        assert_eq!(header(b"0\r\n"), Header::Number { value: 0, bytes: 3 });
        assert_eq!(header(b"16\r\n"), Header::Number { value: 16, bytes: 4 });
        assert_eq!(header(b"1024\r\n"), Header::Number { value: 1024, bytes: 6 });
        assert_eq!(header(b"-1\r\n"), Header::Number { value: -1, bytes: 4 });
        assert_eq!(header(b"-9223372036854775808\r\n"), Header::Number { value: i64::MIN, bytes: 22 });
    }

    #[test]
    fn an_unfinished_line_is_waited_for_only_while_it_can_become_a_number() {
        for partial in ["", "1", "12\r", "-", "99999999999999999999"] {
            assert_eq!(header(partial.as_bytes()), Header::Partial, "{partial:?}");
        }
        assert_eq!(header(&[b'9'; 21]), Header::Malformed);
        assert_eq!(header(b"12a"), Header::Malformed);
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for wrong in ["\r\n", "x\r\n", "1\rx", "+1\r\n", "1 \r\n", "99999999999999999999\r\n", "3\n\r\n", "03\r\n"] {
            assert_eq!(header(wrong.as_bytes()), Header::Malformed, "{wrong:?}");
        }
    }
}

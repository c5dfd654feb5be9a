//! Integers as the protocol and its commands spell them.

/// The integer that `text` spells, in its only accepted spelling: no sign but `-`, no leading zero, no blank, within `i64`.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        b"0" if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Counted downwards, since the smallest integer has no positive counterpart.
    let below = digits.iter().try_fold(0_i64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_sub(digit)
    })?;
    if negative { Some(below) } else { below.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_reads_back_from_its_decimal_form() {
        for number in [0, 1, -1, 10, 16384, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert_eq!(parse_integer(number.to_string().as_bytes()), Some(number));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808"] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_integer(b"-9223372036854775809"), None);
        assert_eq!(parse_integer(&[b'9'; 100]), None);
    }
}

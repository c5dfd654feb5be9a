//! Floating-point numbers in replies: the shortest text that reads back as the same number, as real servers print it.

/// `1.5`, `3`, `1e+100`, `inf`, `nan`. Plain digits are written up to 10^21, and an exponent beyond and below 10^-7.
pub(super) fn text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let size = value.abs();
    if size == 0.0 || (1e-7..1e21).contains(&size) {
        return value.to_string();
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_short_as_they_can_be_read_back() {
        for (value, expected) in [
            (3.25, "3.25"),
            (3.0, "3"),
            (-0.0, "-0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-7, "0.0000001"),
            (2.5e-8, "2.5e-8"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(value), expected);
        }
    }
}

//! The expected texts were printed by the C library on x86-64.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Option<LongDouble> {
    LongDouble::parse(text.as_bytes())
}

fn sum(a: &str, b: &str) -> Option<String> {
    parse(a)?.add(parse(b)?).map(|sum| sum.to_string())
}

#[test]
fn sums_are_those_of_the_processor() {
    for (a, b, expected) in [
        ("10.5", "0.1", "10.6"),
        ("0.1", "0.2", "0.3"),
        ("3", "1.1", "4.1"),
        ("5.0e3", "200", "5200"),
        ("1e17", "0.03", "100000000000000000.03125"),
        ("-0.1", "0.1", "0"),
        ("-1", "1", "0"),
        ("0", "-0.000000000000000001", "0"),
        ("3.0e3", "2.0e2", "3200"),
        ("1.1", "-1", "0.1"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "0.5", "18446744073709551616"),
        ("18446744073709551615", "1.5", "18446744073709551616"),
        ("1e22", "1", "10000000000000000000000"),
        ("0.00000000000000000499", "0", "0"),
        ("0.000000000000000015", "0", "0.00000000000000002"),
        ("0.000000000000000025", "0", "0.00000000000000002"),
        ("1234567890.12345678901234567", "0.00000000000000001", "1234567890.12345678906422108"),
        ("0x1.8p1", "0x10", "19"),
        ("1e25", "-1e25", "0"),
        ("123456789012345678901234567890", "0.1", "123456789012345678899921813504"),
        ("1e-400", "1", "1"),
        ("2.5e-17", "-1e-4000", "0.00000000000000002"),
        ("99999999999999999.99999999999999999", "0.00000000000000001", "100000000000000000"),
    ] {
        assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
    }
}

#[test]
fn a_number_of_thousands_of_digits_is_written_in_full() {
    let text = sum("1e4932", "0").unwrap();
    assert!(text.len() == 4933 && text.starts_with("1000000000000000000006018949387963891323837774254533114773785"));
    assert_eq!(sum("1e400", "-1e400").as_deref(), Some("0"));
}

#[test]
fn what_the_c_library_does_not_take_whole_is_no_number() {
    for text in
        ["", " ", " 1", "1 ", "1e", "1e+", ".", "+", "-", "0x", "0xg", "1.2.3", "nan", "-nan", "1,5", "--1", "1f"]
    {
        assert_eq!(parse(text), None, "{text:?}");
    }
    assert!(["1.", ".5", "+1", "1E5", "-INF", "Infinity", "0X1P-3", "00001"].iter().all(|text| parse(text).is_some()));
}

#[test]
fn numbers_out_of_range_are_refused_but_infinity_is_one() {
    for text in ["1e4933", "1e99999999999999999999", "1e-4960", "1e-99999999999999999999", "0x1p16384"] {
        assert_eq!(parse(text), None, "{text}");
    }
    assert!(parse("inf").unwrap().is_infinite() && parse("0x1p16383").is_some() && parse("0e999999").is_some());
    assert_eq!((sum("inf", "1"), sum("inf", "-inf"), sum("1e4932", "1e4932")), (None, None, None));
}

proptest! {
    #[test]
    fn integers_of_64_bits_are_exact(a: i64, b: i64) {
        let exact = i128::from(a) + i128::from(b);
        prop_assume!(exact.unsigned_abs() <= u128::from(u64::MAX));
        prop_assert_eq!(sum(&a.to_string(), &b.to_string()), Some(exact.to_string()));
    }

    #[test]
    fn short_decimals_add_as_on_paper(a in -999_999_i64..1_000_000, b in -999_999_i64..1_000_000) {
        let decimal = |number: i64| format!("{number}e-6");
        let exact = sum(&decimal(a + b), "0");
        prop_assert_eq!(sum(&decimal(a), &decimal(b)), exact);
    }

    #[test]
    fn doubles_are_read_as_rust_reads_them(number in -1e17..1e17_f64) {
        let back: f64 = sum(&format!("{number:e}"), "0").unwrap().parse().unwrap();
        prop_assert!((back - number).abs() <= 1e-17_f64.max(number.abs() * f64::EPSILON), "{} {}", back, number);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+0-9.eExXpPinf]{0,12}") {
        let _ = parse(&text).map(|number| number.to_string());
    }
}

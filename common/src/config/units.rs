//! Durations and sizes as people write them: `2.5s`, `100MiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no duration or size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseUnitError {
    /// Not a duration.
    #[error("'{0}' is not a duration: write a number and us, ms, s, m, h or d, for example 2.5s")]
    Duration(String),
    /// Not a size.
    #[error("'{0}' is not a size: write a number and B, KiB, MiB, GiB or TiB, for example 100MiB")]
    Size(String),
}

/// In microseconds, largest first.
const TIMES: [(&str, u64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];
/// In bytes, largest first.
const SIZES: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A duration in settings, to the microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

/// A number of bytes in settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for HumanDuration {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let micros = if text == "0" { Some(0) } else { parse(text, &TIMES) };
        micros.map(|us| Self(Duration::from_micros(us))).ok_or_else(|| ParseUnitError::Duration(text.to_owned()))
    }
}

impl FromStr for ByteSize {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let bytes = text.parse().ok().or_else(|| parse(text, &SIZES));
        bytes.map(Self).ok_or_else(|| ParseUnitError::Size(text.to_owned()))
    }
}

/// `number[.fraction] unit`; the fraction must come out even in the smallest unit.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic())?);
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let part = match fraction {
        "" => 0,
        digits => {
            let scale = 10_u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
            let scaled = digits.parse::<u64>().ok()?.checked_mul(factor)?;
            (scaled % scale == 0).then_some(scaled / scale)?
        }
    };
    whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(part)
}

/// The largest unit in which the number is whole, or for the larger ones has one digit after the point.
fn show(number: u64, units: &[(&'static str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (name, factor) in units {
        if number >= *factor && number.is_multiple_of(*factor) {
            return write!(f, "{}{name}", number / factor);
        }
        let tenths = number.checked_mul(10).filter(|tens| tens.is_multiple_of(*factor));
        if let (true, Some(tens)) = (number >= *factor, tenths) {
            return write!(f, "{}.{}{name}", tens / factor / 10, tens / factor % 10);
        }
    }
    write!(f, "0{}", units.last().map_or("", |(name, _)| name))
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX), &TIMES, f)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, &SIZES, f)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A size may also be a plain number in TOML.
#[derive(Deserialize)]
#[serde(untagged)]
enum SizeForm {
    Number(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match SizeForm::deserialize(deserializer)? {
            SizeForm::Number(bytes) => Ok(Self(bytes)),
            SizeForm::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        let micros = |text: &str| text.parse::<HumanDuration>().map(|d| d.0.as_micros());
        assert_eq!(micros("2.5s"), Ok(2_500_000));
        assert_eq!(micros("500ms"), Ok(500_000));
        assert_eq!(micros("10 m"), Ok(600_000_000));
        assert_eq!(micros("0"), Ok(0));
        assert_eq!("100MiB".parse(), Ok(ByteSize(100 << 20)));
        assert_eq!("1.5GiB".parse(), Ok(ByteSize(3 << 29)));
        assert_eq!("4096".parse(), Ok(ByteSize(4096)));
    }

    #[test]
    fn what_has_no_unit_or_a_wrong_one_is_refused_with_its_form() {
        for text in ["", "5", "s", "-1s", "1.s5", "5 years", "99999999999999999999s", "1..5s", "0.0000001s"] {
            assert!(text.parse::<HumanDuration>().unwrap_err().to_string().contains("2.5s"), "{text}");
        }
        for text in ["", "MiB", "10MB", "-5", "0.3B", "99999999TiB"] {
            assert!(text.parse::<ByteSize>().unwrap_err().to_string().contains("100MiB"), "{text}");
        }
    }

    #[test]
    fn they_are_shown_in_the_unit_that_fits() {
        let shown = |ms| HumanDuration(Duration::from_millis(ms)).to_string();
        assert_eq!([2_500, 500, 90_000, 600_000, 0].map(shown), ["2.5s", "500ms", "1.5m", "10m", "0us"]);
        assert_eq!([100 << 20, 1, 0, 1025].map(|b| ByteSize(b).to_string()), ["100MiB", "1B", "0B", "1025B"]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same(number: u64) {
            prop_assert_eq!(ByteSize(number).to_string().parse(), Ok(ByteSize(number)));
            let time = HumanDuration(Duration::from_micros(number));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}

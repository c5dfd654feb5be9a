//! The long double of x86-64 (a mantissa of 64 bits), in which real servers add for INCRBYFLOAT and HINCRBYFLOAT.
//!
//! With an `f64` 10.5 + 0.1 would come out as 10.59999999999999964 instead of 10.6. So the sum is computed here as that
//! processor does: read with correct rounding, added with correct rounding, and written like `%.17Lf` without the zeros
//! at its end. Sizes below 2^-16382 keep their full mantissa, where the processor's lose bits: with 17 decimals they
//! are all written as 0.

use super::big::Big;

/// Longer texts are no numbers to real servers.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
const EXPONENT_MAX: i32 = 16_384 - 64;
const EXPONENT_MIN: i32 = -16_445 - 63;

/// A long double that is not NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Zero,
    /// `mantissa * 2^exponent`; the upper bit of the mantissa is set.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

impl LongDouble {
    /// Zero, which what does not exist counts as.
    pub(crate) const ZERO: Self = Self { negative: false, size: Size::Zero };

    /// The number that the whole text is: what `strtold` takes, without space before it, and without NaN.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let is_infinite = rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity");
        let size = if is_infinite { Size::Infinite } else { Digits::split(rest)?.size()? };
        Some(Self { negative, size })
    }

    pub(crate) const fn is_infinite(self) -> bool {
        matches!(self.size, Size::Infinite)
    }

    /// The sum; `None` if it is infinite or no number.
    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let (large, small) = if self.weight() >= other.weight() { (self, other) } else { (other, self) };
        let (a, a_exponent) = large.finite()?;
        let (b, b_exponent) = small.finite()?;
        let (a, b) = (u128::from(a) << 62, shifted_right(u128::from(b) << 62, a_exponent.abs_diff(b_exponent)));
        let sum = if large.negative == small.negative { a + b } else { a - b };
        let size = rounded(sum, a_exponent - 62);
        (size != Size::Infinite).then_some(Self { negative: large.negative, size })
    }

    fn weight(self) -> (i32, u64) {
        match self.size {
            Size::Zero => (i32::MIN, 0),
            Size::Finite { mantissa, exponent } => (exponent, mantissa),
            Size::Infinite => (i32::MAX, 0),
        }
    }

    fn finite(self) -> Option<(u64, i32)> {
        match self.size {
            Size::Zero => Some((0, 0)),
            Size::Finite { mantissa, exponent } => Some((mantissa, exponent)),
            Size::Infinite => None,
        }
    }
}

/// `%.17Lf` without the zeros at its end, and without the sign of a zero.
impl std::fmt::Display for LongDouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mantissa, exponent) = match self.size {
            Size::Zero => return f.write_str("0"),
            Size::Finite { mantissa, exponent } => (mantissa, exponent),
            Size::Infinite => return f.write_str(if self.negative { "-inf" } else { "inf" }),
        };
        let sign = if self.negative { "-" } else { "" };
        if exponent >= 0 {
            return write!(f, "{sign}{}", Big::from(mantissa).shifted_left(exponent.unsigned_abs()));
        }
        const UNIT: u128 = 100_000_000_000_000_000;
        let units = halves_to_even(u128::from(mantissa) * UNIT, exponent.unsigned_abs());
        let (whole, fraction) = (units / UNIT, format!("{:017}", units % UNIT));
        match fraction.trim_end_matches('0') {
            "" if whole == 0 => f.write_str("0"),
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

/// A text taken apart: digits, and the power of ten or two that they are multiplied by.
struct Digits {
    digits: Big,
    base: u32,
    /// Power of ten of decimal digits, of two of hexadecimal ones.
    power: i64,
}

impl Digits {
    fn split(text: &[u8]) -> Option<Self> {
        let hexadecimal = matches!(text, [b'0', b'x' | b'X', ..]);
        let (text, base, mark, bits) = if hexadecimal { (text.get(2..)?, 16, b'p', 4) } else { (text, 10, b'e', 1) };
        let mark = text.iter().position(|byte| byte.to_ascii_lowercase() == mark);
        let (mantissa, exponent) = match mark {
            Some(at) => (text.get(..at)?, exponent(text.get(at + 1..)?)?),
            None => (text, 0),
        };
        let point = mantissa.iter().position(|byte| *byte == b'.');
        let places = point.map_or(0, |point| mantissa.len() - point - 1);
        let digits: Option<Vec<u32>> = mantissa
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != point)
            .map(|(_, byte)| char::from(*byte).to_digit(base))
            .collect();
        let digits = digits.filter(|digits| !digits.is_empty())?;
        let power = exponent - i64::try_from(places).ok()? * bits;
        Some(Self { digits: Big::from_digits(digits.into_iter(), base), base, power })
    }

    /// The nearest long double; `None` if it is too large, or so small that it would become zero.
    fn size(&self) -> Option<Size> {
        if self.digits.is_zero() {
            return Some(Size::Zero);
        }
        // Digits of 5 KiB can make up for no more; beyond these powers the answer is clear.
        let (least, most) = if self.base == 10 { (-10_200, 5_000) } else { (-40_000, 20_000) };
        let power = self.power.clamp(least, most) as i32;
        let size = match (self.base, power) {
            (10, 0..) => nearest(&self.digits.multiply(&Big::power_of_ten(power.unsigned_abs())), 0),
            (10, _) => quotient(&self.digits, &Big::power_of_ten(power.unsigned_abs())),
            _ => nearest(&self.digits, power),
        };
        matches!(size, Size::Finite { .. }).then_some(size)
    }
}

/// An exponent with its sign. What is out of all bounds is as good as the bound.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    const BOUND: i64 = 1 << 40;
    let size = digits.iter().fold(0_i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(BOUND));
    Some(if negative { -size } else { size })
}

fn nearest(number: &Big, exponent: i32) -> Size {
    let (upper, left_off) = number.upper();
    rounded(upper, exponent.saturating_add_unsigned(left_off))
}

/// The nearest long double to a fraction, by long division: 67 bits, and whether anything remains.
fn quotient(numerator: &Big, denominator: &Big) -> Size {
    let (n, d) = (numerator.bits(), denominator.bits());
    let mut rest = numerator.shifted_left(d.saturating_sub(n));
    let divisor = denominator.shifted_left(n.saturating_sub(d));
    let mut bits = 0_u128;
    for _ in 0..67 {
        bits <<= 1;
        if rest >= divisor {
            rest.subtract(&divisor);
            bits |= 1;
        }
        rest = rest.shifted_left(1);
    }
    rounded(bits << 1 | u128::from(!rest.is_zero()), n as i32 - d as i32 - 67)
}

/// The long double nearest to `wide * 2^exponent`, ties to even. The lowest bit of a wide number may stand for bits below.
fn rounded(wide: u128, exponent: i32) -> Size {
    if wide == 0 {
        return Size::Zero;
    }
    let bits = 128 - wide.leading_zeros();
    let (mut mantissa, mut exponent) = match bits.checked_sub(64) {
        None | Some(0) => (wide << (64 - bits), exponent - (64 - bits) as i32),
        Some(surplus) => (halves_to_even(wide, surplus), exponent.saturating_add_unsigned(surplus)),
    };
    if mantissa >> 64 != 0 {
        (mantissa, exponent) = (mantissa >> 1, exponent + 1);
    }
    match exponent {
        ..EXPONENT_MIN => Size::Zero,
        EXPONENT_MIN..=EXPONENT_MAX => Size::Finite { mantissa: mantissa as u64, exponent },
        _ => Size::Infinite,
    }
}

/// Divides by a power of two, to the nearest, ties to even.
fn halves_to_even(wide: u128, bits: u32) -> u128 {
    let Some(half) = bits.checked_sub(1).and_then(|below| 1_u128.checked_shl(below)) else {
        return if bits == 0 { wide } else { 0 };
    };
    let whole = wide.checked_shr(bits).unwrap_or(0);
    let remainder = wide & (half | (half - 1));
    whole + u128::from(remainder > half || (remainder == half && whole & 1 == 1))
}

/// Divides by a power of two; the lowest bit also says whether anything was lost.
fn shifted_right(wide: u128, bits: u32) -> u128 {
    let whole = wide.checked_shr(bits).unwrap_or(0);
    whole | u128::from(whole.checked_shl(bits) != Some(wide) && wide != 0)
}

#[cfg(test)]
#[path = "long_double_tests.rs"]
mod tests;

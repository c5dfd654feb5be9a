//! Natural numbers of any size: just what reading and writing a long double exactly needs.

use std::cmp::Ordering;

/// Little-endian digits of base 2^32, without zeros at the upper end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl Big {
    /// The number with these digits.
    pub(super) fn from_digits(digits: impl Iterator<Item = u32>, base: u32) -> Self {
        let mut big = Self(vec![]);
        digits.for_each(|digit| big.multiply_add(base, digit));
        big
    }

    /// Ten to a power.
    pub(super) fn power_of_ten(power: u32) -> Self {
        let mut big = Self(vec![1]);
        (0..power / 9).for_each(|_| big.multiply_add(1_000_000_000, 0));
        (0..power % 9).for_each(|_| big.multiply_add(10, 0));
        big
    }

    pub(super) const fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bits it takes to write it.
    pub(super) fn bits(&self) -> u32 {
        let whole = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_mul(32);
        whole - self.0.last().map_or(0, |upper| upper.leading_zeros())
    }

    /// `self * factor + addend`.
    pub(super) fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for digit in &mut self.0 {
            carry += u64::from(*digit) * u64::from(factor);
            *digit = carry as u32;
            carry >>= 32;
        }
        self.0.extend((carry != 0).then_some(carry as u32));
    }

    pub(super) fn multiply(&self, other: &Self) -> Self {
        let mut product = Self(vec![]);
        for digit in other.0.iter().rev() {
            product = product.shifted_left(32);
            let mut part = self.clone();
            part.multiply_add(*digit, 0);
            product.add(&part);
        }
        product
    }

    pub(super) fn shifted_left(&self, bits: u32) -> Self {
        if self.is_zero() {
            return self.clone();
        }
        let mut shifted = Self(self.0.clone());
        shifted.multiply_add(1 << (bits % 32), 0);
        let zeros = std::iter::repeat_n(0, (bits / 32) as usize);
        Self(zeros.chain(shifted.0).collect())
    }

    fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        let mut carry = 0;
        for (digit, other) in self.0.iter_mut().zip(other.0.iter().chain(std::iter::repeat(&0))) {
            carry += u64::from(*digit) + u64::from(*other);
            *digit = carry as u32;
            carry >>= 32;
        }
        self.0.extend((carry != 0).then_some(carry as u32));
        self.trim();
    }

    /// Takes a smaller or equal number away.
    pub(super) fn subtract(&mut self, smaller: &Self) {
        let mut borrow = false;
        for (digit, other) in self.0.iter_mut().zip(smaller.0.iter().chain(std::iter::repeat(&0))) {
            let (less, first) = digit.overflowing_sub(*other);
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            (*digit, borrow) = (less, first || second);
        }
        self.trim();
    }

    /// Divides in place; the remainder.
    pub(super) fn divide(&mut self, divisor: u32) -> u32 {
        let mut remainder = 0_u64;
        for digit in self.0.iter_mut().rev() {
            let part = remainder << 32 | u64::from(*digit);
            *digit = (part / u64::from(divisor)) as u32;
            remainder = part % u64::from(divisor);
        }
        self.trim();
        remainder as u32
    }

    /// The upper 96 bits or more, and how many bits were left off. The lowest bit also says whether any of those was set.
    pub(super) fn upper(&self) -> (u128, u32) {
        let left_off = self.0.len().saturating_sub(4);
        let (lower, upper) = self.0.split_at_checked(left_off).unwrap_or_default();
        let wide = upper.iter().rev().fold(0, |wide, digit| wide << 32 | u128::from(*digit));
        let sticky = u128::from(lower.iter().any(|digit| *digit != 0));
        (wide | sticky, u32::try_from(left_off).unwrap_or(u32::MAX).saturating_mul(32))
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl From<u64> for Big {
    fn from(number: u64) -> Self {
        let mut big = Self(vec![number as u32, (number >> 32) as u32]);
        big.trim();
        big
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Decimal digits.
impl std::fmt::Display for Big {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut rest, mut groups) = (self.clone(), vec![]);
        while !rest.is_zero() {
            groups.push(rest.divide(1_000_000_000));
        }
        write!(f, "{}", groups.pop().unwrap_or(0))?;
        groups.iter().rev().try_for_each(|group| write!(f, "{group:09}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn big(number: u128) -> Big {
        Big::from((number >> 64) as u64).shifted_left(64).plus(&Big::from(number as u64))
    }

    impl Big {
        fn plus(mut self, other: &Self) -> Self {
            self.add(other);
            self
        }
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_that_of_the_processor(a: u64, b: u64, factor: u32, divisor in 1_u32.., shift in 0_u32..64) {
            let (wide, product) = (u128::from(a) << shift, u128::from(a) * u128::from(b));
            prop_assert_eq!(Big::from(a).shifted_left(shift), big(wide));
            prop_assert_eq!(Big::from(a).multiply(&Big::from(b)), big(product));
            prop_assert_eq!(big(product).to_string(), product.to_string());
            prop_assert_eq!(big(product).bits(), 128 - product.leading_zeros());
            prop_assert_eq!(big(wide).cmp(&big(product)), wide.cmp(&product));
            let mut difference = big(wide.max(product));
            difference.subtract(&big(wide.min(product)));
            prop_assert_eq!(difference, big(wide.abs_diff(product)));
            let mut quotient = Big::from(a);
            quotient.multiply_add(factor, 1);
            let whole = u128::from(a) * u128::from(factor) + 1;
            prop_assert_eq!(u128::from(quotient.divide(divisor)), whole % u128::from(divisor));
            prop_assert_eq!(quotient, big(whole / u128::from(divisor)));
        }
    }

    #[test]
    fn powers_of_ten_are_written_with_zeros() {
        let power = Big::power_of_ten(40);
        assert_eq!(power.to_string(), format!("1{}", "0".repeat(40)));
        assert_eq!(Big::from_digits(power.to_string().bytes().map(|b| u32::from(b - b'0')), 10), power);
    }
}

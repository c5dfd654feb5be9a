//! The cursor of SCAN.

use common::types::SLOTS;

use crate::encoding::order_of;

/// Bits of a place within a slot. With the 14 of the slot a cursor stays below 2^53: some clients keep it in a double.
const PLACE_BITS: u32 = 38;

/// What was not told yet: in this slot all from this place on, and all later slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Slot.
    pub slot: u16,
    /// A place in the slot: the upper 38 bits of [`order_of`](crate::encoding::order_of) a name.
    pub place: u64,
}

impl Cursor {
    /// Where a scan starts: as a number, 0.
    pub const START: Self = Self { slot: 0, place: 0 };

    /// The number that a client sees.
    #[must_use]
    pub const fn number(self) -> u64 {
        (self.slot as u64) << PLACE_BITS | self.place
    }

    /// Back from the number. `None` for one that no scan has told: it is behind the last slot.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        let slot = u16::try_from(number >> PLACE_BITS).ok().filter(|slot| *slot < SLOTS)?;
        Some(Self { slot, place: number & ((1 << PLACE_BITS) - 1) })
    }
}

/// The place of a key in its slot.
pub(super) fn place_of(name: &[u8]) -> u64 {
    order_of(name) >> (u64::BITS - PLACE_BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_number_and_a_double(slot in 0..SLOTS, name: Vec<u8>) {
            let cursor = Cursor { slot, place: place_of(&name) };
            prop_assert_eq!(Cursor::from_number(cursor.number()), Some(cursor));
            prop_assert_eq!(cursor.number() as f64 as u64, cursor.number());
        }

        #[test]
        fn any_number_is_a_cursor_or_is_behind_the_end(number: u64) {
            prop_assert!(Cursor::from_number(number).is_none_or(|cursor| cursor.number() == number));
        }
    }
}

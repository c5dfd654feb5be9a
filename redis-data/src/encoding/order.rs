//! The order in which fields are stored and keys are scanned. It is durable: changing it would lose fields.

/// A hash of 64 bits, every bit of which depends on every byte: FNV-1a, then the finalizer of MurmurHash3. It spreads
/// names evenly and is no defence against whoever picks names that collide; they only make their own scans slower.
#[must_use]
pub fn order_of(name: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    mix(name.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME)))
}

/// Spreads what differs in any bit over all of them (`fmix64` of MurmurHash3).
pub(crate) const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_one_that_is_on_disks() {
        // FNV-1a of "a" is af63dc4c8601ec8c by the published vectors; the rest is the finalizer.
        assert_eq!(order_of(b"a"), mix(0xaf63_dc4c_8601_ec8c));
        assert_eq!(order_of(b""), mix(0xcbf2_9ce4_8422_2325));
        assert_eq!(mix(0), 0);
        assert_eq!(mix(1), 0xb456_bcfc_34c2_cb2c);
    }

    #[test]
    fn names_that_differ_little_are_spread_evenly() {
        let mut buckets = [0_u32; 16];
        for number in 0..16_000 {
            buckets[(order_of(format!("field:{number}").as_bytes()) >> 60) as usize] += 1;
        }
        assert!(buckets.iter().all(|count| (850..1150).contains(count)), "{buckets:?}");
    }
}

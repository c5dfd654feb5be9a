//! What a value looks like on the wire: which write it is, and content that follows from that.

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};

use super::record::ValueId;

/// Letters at the head of a value.
const HEAD: usize = 16;

/// The content of a value, of so many bytes.
pub(super) fn encode(id: ValueId, bytes: usize) -> Bytes {
    let mut content = format!("{id:016x}").into_bytes();
    let mut fill = vec![0; bytes.saturating_sub(HEAD)];
    SmallRng::seed_from_u64(id).fill_bytes(&mut fill);
    content.append(&mut fill);
    content.into()
}

/// Which write a content is of; 0 if of none.
pub(super) fn decode(content: &[u8]) -> ValueId {
    let head = content.get(..HEAD).and_then(|head| std::str::from_utf8(head).ok());
    let id = head.and_then(|head| ValueId::from_str_radix(head, 16).ok()).unwrap_or(0);
    if encode(id, content.len()) == content { id } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_which_it_is_and_a_damaged_one_that_it_is_none() {
        let mut content = encode(77, 100).to_vec();
        assert_eq!((content.len(), decode(&content)), (100, 77));
        content[60] ^= 1;
        assert_eq!((decode(&content), decode(b"short")), (0, 0));
    }
}

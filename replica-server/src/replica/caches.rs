//! What all partitions of a node keep of their last mutations, shared evenly: hundreds of them must not take hundreds
//! of times the memory of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The prepare caches of a node.
pub(crate) struct Caches {
    /// Bytes of all together.
    total: usize,
    partitions: AtomicUsize,
}

/// One partition's part, until it is dropped.
pub(crate) struct Share(Arc<Caches>);

impl Caches {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total, partitions: AtomicUsize::new(0) })
    }

    /// One partition more. The shares of the others become smaller with their next look.
    pub(crate) fn join(self: &Arc<Self>) -> Share {
        self.partitions.fetch_add(1, Ordering::Relaxed);
        Share(Arc::clone(self))
    }
}

impl Share {
    /// How much it is now, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.total / self.0.partitions.load(Ordering::Relaxed).max(1)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.partitions.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_share_evenly_and_what_one_leaves_is_the_others() {
        let caches = Caches::new(100);
        let one = caches.join();
        assert_eq!(one.bytes(), 100);
        let two = caches.join();
        assert_eq!((one.bytes(), two.bytes()), (50, 50));
        drop(one);
        assert_eq!(two.bytes(), 100);
    }
}

//! One opener or closer of a partition's copy at a time.

use common::types::Gpid;
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 64;

/// Striped locks by gpid. Held across awaits on purpose: they order whole procedures.
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    /// Waits until nobody else opens or closes a copy of this partition.
    pub(crate) async fn take(&self, gpid: Gpid) -> MutexGuard<'_, ()> {
        let stripe = usize::try_from(gpid.region_id().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58).unwrap_or(0);
        let stripe = self.0.get(stripe % STRIPES);
        let Some(stripe) = stripe else { unreachable!("a stripe below {STRIPES}") };
        stripe.lock().await
    }
}

//! What failed or was read wrong, over all that is measured.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};

use super::load::Totals;

/// Sums over all loads.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    failed: AtomicU64,
    operations: AtomicU64,
    wrong: parking_lot::Mutex<Vec<String>>,
}

impl Failures {
    /// Adds what a load saw.
    pub(crate) fn add(&self, totals: &Totals) {
        self.failed.fetch_add(totals.failed, Ordering::Relaxed);
        self.operations.fetch_add(totals.operations, Ordering::Relaxed);
        self.wrong.lock().extend(totals.wrong.iter().cloned());
        if let Some(failure) = totals.failures.first() {
            eprintln!("{} operations failed, the first: {failure}", totals.failed);
        }
    }

    /// Failed operations, and operations in all.
    ///
    /// # Errors
    /// A read was wrong.
    pub(crate) fn end(&self) -> Result<(u64, u64)> {
        let wrong = self.wrong.lock();
        if !wrong.is_empty() {
            bail!("{} reads were wrong, the first: {:?}", wrong.len(), wrong.first());
        }
        Ok((self.failed.load(Ordering::Relaxed), self.operations.load(Ordering::Relaxed)))
    }
}

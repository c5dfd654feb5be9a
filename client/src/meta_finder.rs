//! The way to a meta server that answers, out of several.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::rpc::meta_admin::MetaAdminServiceClient;
use common::rpc::{CallError, Context, ErrorCode, Link, RpcError, WireError, WireResult};

use crate::options::ClientOptions;

/// Whether a call whose answer was lost may be made again at another meta server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads, or doing it twice is the same as once.
    Safe,
    /// Only if it surely was not received.
    IfNotSent,
}

/// Asks meta servers, first the one that answered last.
#[derive(Debug)]
pub struct MetaFinder {
    links: Vec<Link<MetaAdminServiceClient>>,
    timeout: Duration,
    last: AtomicUsize,
}

impl MetaFinder {
    /// Over the meta servers of the options.
    #[must_use]
    pub fn new(options: &ClientOptions) -> Self {
        let link_options = Arc::new(options.link());
        let links = options.meta.iter().map(|address| Link::new(address, link_options.clone())).collect();
        Self { links, timeout: options.meta_timeout, last: AtomicUsize::new(0) }
    }

    /// Makes a call at the first meta server that serves, each asked once.
    ///
    /// # Errors
    /// The server's answer, or, if none serves, what the last one asked said.
    pub async fn ask<T, F, Fut>(&self, repeat: Repeat, run: F) -> WireResult<T>
    where
        F: Fn(MetaAdminServiceClient, Context) -> Fut,
        Fut: Future<Output = Result<WireResult<T>, RpcError>>,
    {
        let first = self.last.load(Ordering::Relaxed);
        let mut cause = WireError::new(ErrorCode::InvalidArgument, "no meta server is given", "name at least one");
        for turn in 0..self.links.len() {
            let index = (first + turn) % self.links.len();
            let Some(link) = self.links.get(index) else { continue };
            cause = match link.call(self.timeout, &run).await {
                Ok(Err(error)) if serves_not(&error) => error,
                Ok(answer) => {
                    self.last.store(index, Ordering::Relaxed);
                    return answer;
                }
                Err(CallError::Lost(error)) if repeat == Repeat::IfNotSent => return Err(error),
                Err(CallError::Lost(error) | CallError::NotSent(error)) => error,
            };
        }
        Err(cause)
    }
}

fn serves_not(error: &WireError) -> bool {
    matches!(error.code, ErrorCode::NotReady | ErrorCode::NotServing | ErrorCode::ShuttingDown)
}

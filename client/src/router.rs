//! Routes of tables, cached, and the loop that brings an operation to its primary.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::rpc::data::{DataOp, DataReply, DataRequest};
use common::rpc::meta_admin::TableRoute;
use common::rpc::{ErrorCode, LinkOptions, WireError};
use common::types::{Ballot, SlotRange};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::error::ClientError;
use crate::meta_finder::{MetaFinder, Repeat};
use crate::node::Node;
use crate::options::ClientOptions;
use crate::retry::{Backoff, Outcome, RouteHint, Verdict, judge};
use crate::route::{Partition, Route};

type Fetch = Shared<BoxFuture<'static, Result<Arc<Route>, WireError>>>;

/// Everything that the tables of a client share.
#[derive(Debug)]
pub(crate) struct Router {
    options: ClientOptions,
    link_options: Arc<LinkOptions>,
    meta: MetaFinder,
    nodes: Mutex<BTreeMap<String, Arc<Node>>>,
    tables: Mutex<BTreeMap<String, Arc<RouteCell>>>,
}

/// The cached route of a table.
#[derive(Debug)]
pub(crate) struct RouteCell {
    name: String,
    route: RwLock<Option<Arc<Route>>>,
    fetch: Mutex<Option<Fetch>>,
}

impl Router {
    pub(crate) fn new(options: ClientOptions) -> Self {
        let link_options = Arc::new(options.link());
        let meta = MetaFinder::new(&options);
        Self { options, link_options, meta, nodes: Mutex::default(), tables: Mutex::default() }
    }

    pub(crate) const fn options(&self) -> &ClientOptions {
        &self.options
    }

    pub(crate) const fn meta(&self) -> &MetaFinder {
        &self.meta
    }

    pub(crate) fn table(&self, name: &str) -> Arc<RouteCell> {
        let cell = || RouteCell { name: name.to_owned(), route: RwLock::default(), fetch: Mutex::default() };
        self.tables.lock().entry(name.to_owned()).or_insert_with(|| Arc::new(cell())).clone()
    }

    fn node(&self, address: &str) -> Arc<Node> {
        let new = || Arc::new(Node::new(address, &self.options, self.link_options.clone()));
        self.nodes.lock().entry(address.to_owned()).or_insert_with(new).clone()
    }

    /// When an operation that begins now must have ended.
    fn deadline(&self) -> Instant {
        Instant::now() + self.options.deadline
    }

    /// Brings an operation to the primary of `slot`, again and again as rule RETRY allows, until the deadline. Also says
    /// which slots the partition has that answered.
    pub(crate) async fn run(
        self: &Arc<Self>,
        table: &Arc<RouteCell>,
        slot: u16,
        op: DataOp,
    ) -> Result<(SlotRange, DataReply), ClientError> {
        let (write, deadline) = (op.is_write(), self.deadline());
        let mut backoff = Backoff::new(self.options.backoff_min, self.options.backoff_max);
        loop {
            let (verdict, seen) = self.attempt(table, slot, &op, deadline).await;
            let (cause, hint) = match verdict {
                Verdict::Done(reply) => {
                    return Ok((seen.map_or(SlotRange { start: slot, end: slot }, |p| p.slots), reply));
                }
                Verdict::Fail(error) => {
                    if matches!(error, ClientError::OutcomeUnknown(_)) {
                        self.doubt(table);
                    }
                    return Err(error);
                }
                Verdict::Again { cause, route } => (cause, route),
            };
            let at_once = self.follow(table, hint, seen, deadline).await;
            let pause = if at_once { std::time::Duration::ZERO } else { backoff.pause() };
            if Instant::now() + pause >= deadline {
                return Err(ClientError::Unavailable(cause));
            }
            tracing::debug!(table = table.name, slot, write, %cause, ?pause, "operation is tried again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        table: &Arc<RouteCell>,
        slot: u16,
        op: &DataOp,
        deadline: Instant,
    ) -> (Verdict, Option<Partition>) {
        let partition = match self.locate(table, slot, deadline).await {
            Ok(partition) => partition,
            Err(error) if is_final(&error) => return (Verdict::Fail(ClientError::Refused(error)), None),
            Err(cause) => return (Verdict::Again { cause, route: RouteHint::Keep }, None),
        };
        let outcome = match &partition.primary {
            Some(node) => {
                let until =
                    if op.is_write() { deadline } else { deadline.min(Instant::now() + self.options.read_timeout) };
                node.attempt(DataRequest { gpid: partition.gpid, op: op.clone() }, until).await
            }
            None => Outcome::NotSent(no_primary(&partition)),
        };
        (judge(op.is_write(), outcome), Some(partition))
    }

    /// The partition of a slot, from the cached route or a first one.
    async fn locate(
        self: &Arc<Self>,
        table: &Arc<RouteCell>,
        slot: u16,
        deadline: Instant,
    ) -> Result<Partition, WireError> {
        let cached = table.route.read().clone();
        let route = match cached {
            Some(route) => route,
            None => self.refresh(table, 0, deadline).await?,
        };
        route.find(slot).cloned().ok_or_else(|| {
            let what = format!("no partition of table '{}' owns slot {slot}", table.name);
            WireError::new(ErrorCode::UnknownPartition, what, "check the table with: admin-cli app")
        })
    }

    /// Does with the route what the attempt said about it. True if the next attempt may follow at once: the route is
    /// another one now.
    async fn follow(
        self: &Arc<Self>,
        table: &Arc<RouteCell>,
        hint: RouteHint,
        seen: Option<Partition>,
        deadline: Instant,
    ) -> bool {
        let Some(seen) = seen.filter(|_| hint != RouteHint::Keep) else { return false };
        if let RouteHint::Primary(address, ballot) = hint {
            self.redirect(table, &seen, &address, ballot);
        }
        if self.still_so(table, &seen) {
            let epoch = table.route.read().as_ref().map_or(0, |route| route.epoch);
            if let Err(error) = self.refresh(table, epoch, deadline).await {
                tracing::debug!(table = table.name, %error, "route is not refreshed; going on with the old one");
            }
        }
        !self.still_so(table, &seen)
    }

    /// A primary that does not answer may have been succeeded: the next operation is not to go there again.
    fn doubt(self: &Arc<Self>, table: &Arc<RouteCell>) {
        let (router, table) = (Arc::clone(self), Arc::clone(table));
        let epoch = table.route.read().as_ref().map_or(0, |route| route.epoch);
        tokio::spawn(async move {
            if let Err(error) = router.refresh(&table, epoch, router.deadline()).await {
                tracing::debug!(table = table.name, %error, "route is not refreshed; going on with the old one");
            }
        });
    }

    /// Takes a server's word for a primary at a higher ballot: that works while no meta server does.
    fn redirect(&self, table: &RouteCell, seen: &Partition, address: &str, ballot: Ballot) {
        let node = self.node(address);
        let mut route = table.route.write();
        let news = route.as_ref().and_then(|route| route.with_primary(seen.gpid, node, ballot));
        if let Some(news) = news {
            *route = Some(Arc::new(news));
        }
    }

    /// Whether the cached route still says what an attempt was based on.
    fn still_so(&self, table: &RouteCell, seen: &Partition) -> bool {
        let route = table.route.read();
        let now = route.as_ref().and_then(|route| route.find(seen.slots.start));
        now.is_some_and(|now| now.gpid == seen.gpid && now.ballot == seen.ballot)
    }

    /// A route newer than `epoch`. Concurrent callers share one question to the meta server.
    async fn refresh(
        self: &Arc<Self>,
        table: &Arc<RouteCell>,
        epoch: u64,
        deadline: Instant,
    ) -> Result<Arc<Route>, WireError> {
        let fetch = {
            let mut fetch = table.fetch.lock();
            if let Some(route) = table.route.read().as_ref().filter(|route| route.epoch > epoch) {
                return Ok(route.clone());
            }
            // One that ended without clearing itself (a panic) must not be the last.
            let under_way = fetch.take().filter(|fetch| fetch.peek().is_none());
            fetch.insert(under_way.unwrap_or_else(|| self.clone().start_fetch(table.clone()))).clone()
        };
        let late =
            |_| Err(WireError::new(ErrorCode::Timeout, "no meta server answered in time", "check the meta server"));
        tokio::time::timeout_at(deadline, fetch).await.unwrap_or_else(late)
    }

    /// In a task of its own: a caller who goes away does not stop the others' question.
    fn start_fetch(self: Arc<Self>, table: Arc<RouteCell>) -> Fetch {
        let task = tokio::spawn(async move {
            let name = &table.name;
            let answer =
                self.meta.ask(Repeat::Safe, |client, context| async move { client.route(context, name.clone()).await });
            let answer = answer.await;
            let mut fetch = table.fetch.lock();
            *fetch = None;
            let route = self.install(&table, &answer?);
            drop(fetch);
            Ok(route)
        });
        async { task.await.unwrap_or_else(|e| Err(WireError::internal(e))) }.boxed().shared()
    }

    fn install(&self, table: &RouteCell, answer: &TableRoute) -> Arc<Route> {
        let mut cached = table.route.write();
        let epoch = cached.as_ref().map_or(0, |route| route.epoch) + 1;
        let route = Arc::new(Route::new(epoch, answer, |address| self.node(address)));
        *cached = Some(route.clone());
        route
    }
}

/// What no repetition changes.
fn is_final(error: &WireError) -> bool {
    matches!(
        error.code,
        ErrorCode::UnknownTable | ErrorCode::UnknownPartition | ErrorCode::InvalidArgument | ErrorCode::Unauthenticated
    )
}

fn no_primary(partition: &Partition) -> WireError {
    let what = format!("partition {} has no primary at present", partition.gpid);
    WireError::new(ErrorCode::NotServing, what, "see why with: admin-cli app <table> -d")
}

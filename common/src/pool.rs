//! Threads of their own for large jobs, so that short blocking work never waits behind them.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// A few threads with a name. What is given to them waits in order while all are busy; who [runs](Pool::run) something waits
/// too, so the queue is no longer than there are callers.
#[derive(Debug)]
pub struct Pool {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Pool {
    /// So many threads, started as they are needed.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(name: &str, threads: usize) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).max_blocking_threads(threads).thread_name(name).build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Has the work done by one of its threads, without waiting for it.
    pub fn start(&self, work: impl FnOnce() + Send + 'static) {
        self.handle.spawn_blocking(work);
    }

    /// Runs the work on one of its threads and waits, as [`outcome`] does.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        outcome(self.handle.spawn_blocking(work)).await
    }
}

/// Waits for blocking work. A panic in it is passed on. A runtime that ends does not begin it any more: then this waits for the
/// end of its own task, which is near.
pub async fn outcome<T>(work: JoinHandle<T>) -> T {
    match work.await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_cancelled)) => std::future::pending().await,
    }
}

impl Drop for Pool {
    /// What is under way goes on and is not waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn short_work_does_not_wait_behind_a_large_job() {
        let (large, short) = (Pool::new("large", 1).unwrap(), Pool::new("short", 1).unwrap());
        let (release, held) = mpsc::channel::<()>();
        let job = large.run(move || held.recv().is_ok());
        let work = async {
            let done = short.run(|| 7).await;
            release.send(()).unwrap();
            done
        };
        assert_eq!(tokio::join!(job, work), (true, 7));
    }

    #[tokio::test]
    async fn jobs_beyond_its_threads_wait_for_their_turn() {
        let pool = Pool::new("large", 1).unwrap();
        let name = || std::thread::current().id();
        let (first, second) = tokio::join!(pool.run(name), pool.run(name));
        assert_eq!(first, second);
    }

    #[test]
    fn blocking_work_that_an_ending_runtime_does_not_begin_makes_nobody_panic() {
        for _ in 0..20 {
            let runtime = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build();
            let runtime = runtime.unwrap();
            let (go, wait) = mpsc::channel::<()>();
            runtime.spawn_blocking(move || wait.recv());
            let (queued, is_queued) = mpsc::channel();
            let waits = runtime.spawn(async move {
                queued.send(()).unwrap();
                outcome(tokio::task::spawn_blocking(|| ())).await;
            });
            is_queued.recv().unwrap();
            runtime.shutdown_timeout(Duration::from_millis(20));
            drop(go);
            let ended = Builder::new_current_thread().build().unwrap().block_on(waits);
            assert!(!ended.is_err_and(|error| error.is_panic()));
        }
    }
}

//! One server process: started, killed, told to stop, paused, restarted. Never found by name.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::network::enter_and_run;
use crate::wait;

/// Lines of a log that a failed test shows.
const LOG_LINES_SHOWN: usize = 60;

/// A program with its arguments, and its running process if there is one.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    namespace: Option<PathBuf>,
    child: Option<Child>,
}

impl Process {
    /// Not started yet. Both outputs are appended to `log`.
    pub fn new(name: impl Into<String>, program: PathBuf, args: Vec<String>, log: PathBuf) -> Self {
        Self { name: name.into(), program, args, log, namespace: None, child: None }
    }

    /// The same within this network namespace.
    #[must_use]
    pub fn within(mut self, namespace: Option<PathBuf>) -> Self {
        self.namespace = namespace;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// It runs already, or cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&[], &[])
    }

    /// Starts it with more arguments and environment variables, for this run only.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_with(&mut self, args: &[&str], environment: &[(&str, &str)]) -> Result<()> {
        if self.is_running()? {
            bail!("{} runs already", self.name);
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = match &self.namespace {
            Some(namespace) => enter_and_run(namespace, &self.program),
            None => Command::new(&self.program),
        };
        command.args(&self.args).args(args).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?);
        Ok(())
    }

    /// Its process id, if it was started.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(match &mut self.child {
            Some(child) => child.try_wait()?.is_none(),
            None => false,
        })
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// It was never started.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().with_context(|| format!("{} was not started", self.name))?;
        // A process that ended by itself is killed too, for the purposes of a test.
        let _ = child.kill();
        child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits until it has exited.
    ///
    /// # Errors
    /// It does not exit in time.
    pub async fn stop(&mut self, within: Duration) -> Result<ExitStatus> {
        self.terminate()?;
        self.exited(within).await
    }

    /// SIGTERM, without waiting.
    ///
    /// # Errors
    /// It does not run.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Waits until it has exited by itself.
    ///
    /// # Errors
    /// It does not in time, or was never started.
    pub async fn exited(&mut self, within: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        let mut child = self.child.take().with_context(|| format!("{name} was not started"))?;
        let waited = wait::until("its exit", within, async || child.try_wait()?.context("it runs")).await;
        if waited.is_err() {
            self.child = Some(child);
        }
        waited.with_context(|| format!("{name} should exit"))
    }

    /// SIGSTOP: it answers nothing, and its connections stay open.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().with_context(|| format!("{} was not started", self.name))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// What it wrote so far.
    ///
    /// # Errors
    /// It was never started.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// Where it writes.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    fn show_log(&self) {
        let text = File::open(&self.log).and_then(std::io::read_to_string).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LOG_LINES_SHOWN)..).unwrap_or_default();
        eprintln!("--- the last lines of {} ({})\n{}", self.name, self.log.display(), last.join("\n"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_log();
        }
        if self.child.is_some() {
            let _ = self.resume();
            let _ = self.kill();
        }
    }
}

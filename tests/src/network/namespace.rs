//! A network namespace, made and removed with `ip`; named after the process that made it, so that what a killed process
//! leaves behind can be swept away by the next.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};

const PREFIX: &str = "godwit-";
const NAMES: &str = "/run/netns";

/// A namespace; removed when dropped. It lives on while a process or a thread is in it.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, with its loopback up.
    pub(super) fn make(network: u32, host: &str) -> Result<Self> {
        let name = format!("{PREFIX}{}-{network}-{host}", std::process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Self { name };
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is to be entered.
    pub(super) fn path(&self) -> PathBuf {
        Path::new(NAMES).join(&self.name)
    }

    /// A command that runs within.
    pub(super) fn command(&self, program: &str) -> Command {
        enter_and_run(&self.path(), program)
    }

    /// Moves the calling thread into it, for good.
    pub(super) fn enter(&self) -> Result<()> {
        enter(&self.path())
    }

    /// A runtime whose threads are in it.
    pub(super) fn runtime(&self) -> Result<Runtime> {
        let path = self.path();
        let hook = move || {
            let entered = enter(&path);
            // A thread outside would speak from the wrong address, and a test would prove nothing.
            assert!(entered.is_ok(), "{entered:?}");
        };
        Ok(Builder::new_multi_thread().worker_threads(2).on_thread_start(hook).enable_all().build()?)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
    }
}

/// A command that runs in the namespace at this path; its process id is that of the program.
pub(crate) fn enter_and_run(namespace: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", namespace.display())).arg("--").arg(program);
    command
}

fn enter(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("cannot enter {}", path.display()))?;
    Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?)
}

/// Removes namespaces whose makers are gone.
pub(super) fn sweep() {
    for entry in std::fs::read_dir(NAMES).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

/// Runs `ip`.
pub(super) fn ip(args: &[&str]) -> Result<()> {
    tool(Command::new("ip").args(args), "")
}

/// Runs a command with this input.
pub(super) fn tool(command: &mut Command, input: &str) -> Result<()> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = piped.spawn().with_context(|| format!("cannot run {command:?}"))?;
    child.stdin.take().context("no stdin")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

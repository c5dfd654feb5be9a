//! Fault points: named places where a test can make a step fail, kill the process, or stop it for a while.
//!
//! Always compiled in, at one relaxed load each. A process arms them only from `GODWIT_FAULT`, and only if it was
//! started with `--enable-fault-injection`. The form is `point=action[@nth][~path part]`, several separated by commas;
//! actions are `error` (EIO), `enospc`, `kill` (SIGKILL to itself), `hang:<ms>`, and `flip`, which damages the file that
//! is passed with the point. From the nth passing on an error goes on, as that of a broken disk does; a hang and a flip
//! come once. The log says when a point begins to act.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A place that can fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Point { $($(#[$doc])* $name,)* }

        /// Every point there is: crash tests iterate over it.
        pub const ALL: &[Point] = &[$(Point::$name),*];

        impl Point {
            /// The name by which `GODWIT_FAULT` arms it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

points! {
    /// The log writes a group.
    LogWrite = "log.write",
    /// The log fsyncs a group.
    LogSync = "log.sync",
    /// A new log segment is made.
    LogSegment = "log.segment",
    /// A RocksDB flush is asked for.
    StorageFlush = "storage.flush",
    /// `.replica-info` is written.
    InfoWrite = "info.write",
    /// The job record is written.
    JobWrite = "job.write",
    /// The partition is locked for a move; a primary is about to hand over.
    MoveStart = "move.start",
    /// A pre-copy round takes its checkpoint.
    MoveCheckpoint = "move.checkpoint",
    /// A piece of a file is read to be copied.
    MoveRead = "move.read",
    /// A piece of a copy is written.
    MoveCopy = "move.copy",
    /// What was written of a copy is made durable.
    MoveSync = "move.sync",
    /// What is durable of a copy is read back.
    MoveVerify = "move.verify",
    /// All is verified: MOVED is recorded.
    MoveMoved = "move.moved",
    /// The replica left the configuration and is about to close.
    MoveLeft = "move.left",
    /// The source is closed; the seal is about to be written.
    MoveSeal = "move.seal",
    /// Before `.tmp` becomes live.
    MoveRenameTarget = "move.rename-target",
    /// Between the two renames.
    MoveRenameOrigin = "move.rename-origin",
    /// After both renames, before the new copy is opened.
    MoveRenamed = "move.renamed",
    /// The new copy learns.
    MoveLearning = "move.learning",
    /// Before COMPLETED is recorded.
    MoveCompleted = "move.completed",
    /// The meta server is about to store a step of a procedure; the path is the name of the step.
    ProcedureStore = "procedure.store",
    /// It has stored it, and nothing came of it yet.
    ProcedureStored = "procedure.stored",
    /// A learner fetches a piece of a checkpoint.
    LearnChunk = "learn.chunk",
    /// A learned checkpoint takes the old directory's place.
    LearnInstall = "learn.install",
}

/// What an armed point does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Fails with EIO.
    Error,
    /// Fails with ENOSPC.
    NoSpace,
    /// SIGKILL to this process.
    Kill,
    /// Blocks the calling thread.
    Hang(Duration),
    /// Turns over the last byte of the file, once: a disk that lies.
    Flip,
}

#[derive(Debug)]
struct Armed {
    point: Point,
    action: Action,
    /// Acts from the nth passing on.
    nth: u64,
    passed: u64,
    path_part: String,
}

static ANY: AtomicBool = AtomicBool::new(false);
static ARMED: Mutex<Vec<Armed>> = Mutex::new(Vec::new());

/// Passes a point that concerns `path`.
///
/// # Errors
/// What the point is armed with.
#[inline]
pub fn pass(point: Point, path: &Path) -> io::Result<()> {
    if ANY.load(Ordering::Relaxed) { act(point, path) } else { Ok(()) }
}

#[cold]
fn act(point: Point, path: &Path) -> io::Result<()> {
    let action = {
        let mut armed = ARMED.lock();
        let hit = armed.iter_mut().find(|a| a.point == point && path.to_string_lossy().contains(&a.path_part));
        let Some(hit) = hit else { return Ok(()) };
        hit.passed += 1;
        let once = matches!(hit.action, Action::Hang(_) | Action::Flip);
        if hit.passed < hit.nth || (once && hit.passed > hit.nth) {
            return Ok(());
        }
        if hit.passed == hit.nth {
            tracing::warn!(point = point.name(), action = ?hit.action, path = %path.display(), "fault point acts");
        }
        hit.action
    };
    match action {
        Action::Error => Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())),
        Action::NoSpace => Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())),
        Action::Kill => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            Ok(())
        }
        Action::Hang(time) => {
            std::thread::sleep(time);
            Ok(())
        }
        Action::Flip => flip(path),
    }
}

/// An empty file has nothing to damage.
fn flip(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let Some(last) = file.metadata()?.len().checked_sub(1) else { return Ok(()) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    file.write_all_at(&byte.map(|byte| !byte), last)?;
    file.sync_all()
}

/// Arms a point for paths that contain `path_part` (tests give the directory of their own), from the `nth` passing on.
pub fn arm(point: Point, action: Action, nth: u64, path_part: &str) {
    ARMED.lock().push(Armed { point, action, nth, passed: 0, path_part: path_part.to_owned() });
    ANY.store(true, Ordering::Relaxed);
}

/// Disarms what was armed for exactly this `path_part`.
pub fn disarm(path_part: &str) {
    let mut armed = ARMED.lock();
    armed.retain(|a| a.path_part != path_part);
    ANY.store(!armed.is_empty(), Ordering::Relaxed);
}

/// Why a `GODWIT_FAULT` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no fault: write point=action[@nth][~path], action one of error, enospc, kill, hang:<ms>, flip")]
pub struct ParseFaultError(String);

/// Arms what a `GODWIT_FAULT` says.
///
/// # Errors
/// [`ParseFaultError`]; then nothing is armed.
pub fn arm_from(text: &str) -> Result<(), ParseFaultError> {
    let specs = text.split(',').filter(|s| !s.is_empty()).map(parse).collect::<Result<Vec<_>, _>>()?;
    for (point, action, nth, path) in specs {
        arm(point, action, nth, &path);
    }
    Ok(())
}

fn parse(spec: &str) -> Result<(Point, Action, u64, String), ParseFaultError> {
    let error = || ParseFaultError(spec.to_owned());
    let (spec_part, path) = spec.split_once('~').unwrap_or((spec, ""));
    let (name, rest) = spec_part.split_once('=').ok_or_else(error)?;
    let (action, nth) = rest.split_once('@').unwrap_or((rest, "1"));
    let point = ALL.iter().copied().find(|p| p.name() == name).ok_or_else(error)?;
    let nth = nth.parse().map_err(|_| error())?;
    Ok((point, action.parse().map_err(|()| error())?, nth, path.to_owned()))
}

impl FromStr for Action {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            None if text == "error" => Ok(Self::Error),
            None if text == "enospc" => Ok(Self::NoSpace),
            None if text == "kill" => Ok(Self::Kill),
            None if text == "flip" => Ok(Self::Flip),
            Some(("hang", ms)) => Ok(Self::Hang(Duration::from_millis(ms.parse().map_err(|_| ())?))),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_point_acts_from_the_nth_passing_on_its_own_path_only() {
        arm_from("log.sync=enospc@2~/fault-test/").unwrap();
        let own = Path::new("/fault-test/a");
        assert!(pass(Point::LogSync, Path::new("/elsewhere")).is_ok());
        assert!(pass(Point::LogSync, own).is_ok());
        assert_eq!(pass(Point::LogSync, own).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disarm("/fault-test/");
        assert!(pass(Point::LogSync, own).is_ok());
    }

    #[test]
    fn a_hang_comes_once() {
        let forever = Action::Hang(Duration::from_secs(3600));
        let over =
            Armed { point: Point::LogSync, action: forever, nth: 1, passed: 1, path_part: "/fault-hang/".into() };
        ARMED.lock().push(over);
        ANY.store(true, Ordering::Relaxed);
        assert!(pass(Point::LogSync, Path::new("/fault-hang/a")).is_ok());
        disarm("/fault-hang/");
    }

    #[test]
    fn a_wrong_fault_is_refused_with_its_form() {
        for text in ["nowhere=error", "log.sync", "log.sync=explode", "log.sync=error@x"] {
            assert!(arm_from(text).unwrap_err().to_string().contains("point=action"), "{text}");
        }
    }
}

//! Learning: what a primary gives a learner, and how the learner takes it.

use std::sync::Arc;

use common::types::{Ballot, Decree, Gpid, Member, Mutation, ReplicaStatus};
use pacifica::Event;
use rand::Rng;
use replica_state::replay::Replay;

use crate::disk::{DirChange, Then};
use crate::happening::{Address, Body, Given};
use crate::runtime::Runtime;
use crate::world::World;

/// Ticks without news after which a learner asks again, and after so many questions gives the learn up.
const TICKS_OF_A_RETRY: u64 = 8;
const QUESTIONS_MAX: u32 = 3;
/// The most mutations given from the log at once.
const LOG_RECORDS_MAX: usize = 16;

/// A learn under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learning {
    primary: Member,
    ballot: Ballot,
    from: Decree,
    asked: u64,
    questions: u32,
    installing: bool,
}

impl Learning {
    /// Whether it is this learn, and its checkpoint is being put in place.
    pub(crate) fn is_installing(&self, ballot: Ballot) -> bool {
        self.installing && self.ballot == ballot
    }
}

impl World {
    /// The core wants what it lacks.
    pub(crate) fn start_learn(&mut self, at: usize, gpid: Gpid, primary: Member, ballot: Ballot, from: Decree) {
        let asked = self.nodes.get(at).map_or(0, |node| node.ticks);
        if let Some(runtime) = self.runtime(at, gpid) {
            runtime.learning = Some(Learning { primary, ballot, from, asked, questions: 1, installing: false });
        }
        self.ask_primary(at, gpid);
    }

    fn ask_primary(&mut self, at: usize, gpid: Gpid) {
        let Some(runtime) = self.runtime(at, gpid) else { return };
        let Some(Learning { primary, ballot, from, .. }) = runtime.learning else { return };
        let body = Body::LearnAsk { gpid, learner: runtime.me, primary, from, ballot };
        let to = usize::try_from(primary.peer.0).unwrap_or_default();
        self.send(Address::Node(at), Address::Node(to), body);
    }

    /// Asks again where no answer came, and ends a learn that goes nowhere: the core begins another.
    pub(crate) fn repeat_learns(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let (ticks, mut again, mut over) = (node.ticks, Vec::new(), Vec::new());
        for (gpid, runtime) in &mut node.runtimes {
            let Some(learning) = &mut runtime.learning else { continue };
            if learning.installing || ticks < learning.asked + TICKS_OF_A_RETRY {
                continue;
            }
            learning.asked = ticks;
            learning.questions += 1;
            if learning.questions <= QUESTIONS_MAX { again.push(*gpid) } else { over.push((*gpid, learning.ballot)) }
        }
        for gpid in again {
            self.ask_primary(at, gpid);
        }
        for (gpid, ballot) in over {
            self.end_learn(at, gpid, ballot);
        }
    }

    /// A learner asks this node.
    pub(crate) fn learn_asked(
        &mut self,
        at: usize,
        gpid: Gpid,
        learner: Member,
        primary: Member,
        from: Decree,
        ballot: Ballot,
    ) {
        let dice = self.rng.random_range(0..100);
        let Some(node) = self.nodes.get(at) else { return };
        let Some(runtime) = node.runtimes.get(&gpid) else { return };
        let leads = runtime.me == primary && runtime.core.status() == ReplicaStatus::Primary;
        if !leads || runtime.hung_until > self.now {
            return;
        }
        let from_log = || log_records(runtime, node.disks.get(runtime.disk)?.log.frames(), gpid, from);
        let given = match dice {
            0..60 => runtime.core.cached(from).or_else(from_log),
            60..90 => from_log(),
            _ => None,
        };
        let given = match given {
            Some(mutations) => Given::Mutations(mutations),
            None if runtime.storage.applied < from => Given::Mutations(Vec::new()),
            None => Given::Checkpoint(Box::new(runtime.storage.clone())),
        };
        let to = usize::try_from(learner.peer.0).unwrap_or_default();
        self.send(Address::Node(at), Address::Node(to), Body::LearnGive { gpid, learner, ballot, given });
    }

    /// The primary's answer arrives.
    pub(crate) fn learn_given(&mut self, at: usize, gpid: Gpid, learner: Member, ballot: Ballot, given: Given) {
        let Some(runtime) = self.runtime(at, gpid).filter(|runtime| runtime.me == learner) else { return };
        let Some(learning) = runtime.learning.as_mut().filter(|l| l.ballot == ballot && !l.installing) else { return };
        match given {
            Given::Mutations(mutations) => {
                self.drive(at, gpid, Event::Learned { ballot, mutations });
                self.end_learn(at, gpid, ballot);
            }
            Given::Checkpoint(snapshot) if snapshot.applied < learning.from => self.end_learn(at, gpid, ballot),
            Given::Checkpoint(snapshot) => {
                learning.installing = true;
                let (disk, dir, opened) = (runtime.disk, runtime.dir, runtime.opened);
                let decree = snapshot.applied;
                let then = Then::Installed { gpid, opened, ballot, decree };
                self.start_file_op(at, disk, dir, DirChange::Install(snapshot), then);
            }
        }
    }

    /// The checkpoint is in place of the storage.
    pub(crate) fn checkpoint_installed(&mut self, at: usize, gpid: Gpid, opened: u64, ballot: Ballot, decree: Decree) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(runtime) = node.runtimes.get_mut(&gpid).filter(|runtime| runtime.opened == opened) else { return };
        let data =
            node.disks.get(runtime.disk).and_then(|disk| disk.dirs.get(&runtime.dir)).map(|dir| dir.data.clone());
        let Some(snapshot) = data.filter(|data| data.applied > runtime.storage.applied) else { return };
        let time_ms = snapshot.time_ms;
        runtime.storage = snapshot;
        self.drive(at, gpid, Event::CheckpointInstalled { ballot, decree, time_ms });
        self.end_learn(at, gpid, ballot);
    }

    fn end_learn(&mut self, at: usize, gpid: Gpid, ballot: Ballot) {
        if let Some(runtime) = self.runtime(at, gpid) {
            runtime.learning = runtime.learning.filter(|learning| learning.ballot != ballot);
        }
        self.drive(at, gpid, Event::LearnEnded { ballot });
    }
}

/// Committed records from `from` on out of the log, if it still has them without a gap.
fn log_records<'a>(
    runtime: &Runtime,
    frames: impl Iterator<Item = &'a crate::log::Frame>,
    gpid: Gpid,
    from: Decree,
) -> Option<Vec<Arc<Mutation>>> {
    let committed = runtime.core.committed();
    let mut replay = Replay::new(runtime.me.incarnation, from.prev());
    for frame in frames.filter(|frame| frame.gpid == gpid) {
        replay.frame(frame.incarnation, frame.committed, frame.mutation.clone());
    }
    let records = replay.finish().mutations.into_iter().filter(|mutation| mutation.decree <= committed);
    let records: Vec<_> = records.take(LOG_RECORDS_MAX).collect();
    (!records.is_empty()).then_some(records)
}

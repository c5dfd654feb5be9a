//! Nothing is wedged: once faults stop, everything heals within bounded time, and every acknowledged write is there.

use common::types::{Gpid, ReplicaStatus};

use crate::happening::{Happening, OpKind};
use crate::network::Quality;
use crate::world::World;

/// Simulated time within which everything must be well again, in microseconds.
const HEALING: u64 = 60_000_000;
/// Simulated time that an operation may take once everything is well, in microseconds.
const SERVING: u64 = 5_000_000;

impl World {
    /// Ends all faults, waits until everything is well, then writes to every partition and reads every key ever used.
    pub(crate) fn heal_and_verify(&mut self) {
        self.end_faults();
        let limit = self.now + HEALING;
        while self.violation.is_none() && !self.all_is_well() {
            if self.now >= limit {
                let seen = self.what_is_wrong();
                return self.violated("everything heals once faults stop", seen);
            }
            self.run_until(self.now + 50_000);
        }
        for partition in 0..self.plan.partitions {
            self.verify_partition(Gpid::new(1, partition));
        }
        if self.violation.is_none()
            && let Err(seen) = crate::check::linear::check(self.history.operations())
        {
            self.violated("linearizable per key", seen);
        }
    }

    fn end_faults(&mut self) {
        self.trace.say(self.now, || "FAULTS END".to_owned());
        self.calm = true;
        self.actions_left = 0;
        self.network.heal();
        self.network.set_quality(Quality::CALM);
        self.meta_returns();
        let now = self.now;
        for at in 0..self.nodes.len() {
            self.pause_until(at, now);
            let failing = self.nodes.get_mut(at).is_some_and(|node| {
                node.pause_in_read = None;
                for disk in &mut node.disks {
                    disk.full = false;
                    disk.log.stalled_until = 0;
                }
                node.disks.iter().any(|disk| !disk.present || disk.log.failed)
            });
            if failing {
                self.crash(at, false);
            }
            self.queue.push(now + 1, Happening::Start { node: at, absent: None });
        }
    }

    /// Whether every partition has all its members and a primary that serves, and every job has ended.
    pub(crate) fn all_is_well(&self) -> bool {
        (0..self.plan.partitions).all(|partition| self.is_well(Gpid::new(1, partition)))
            && self.nodes.iter().all(|node| node.moves.values().all(|job| !job.is_running()))
    }

    fn is_well(&self, gpid: Gpid) -> bool {
        let Some(config) = self.meta.config(gpid) else { return false };
        let Some(primary) = config.primary.and_then(|p| usize::try_from(p.peer.0).ok()) else { return false };
        let Some(node) = self.nodes.get(primary).filter(|node| node.up) else { return false };
        let until = node.runtimes.get(&gpid).and_then(|runtime| runtime.core.read_until());
        let serves = until.is_some_and(|until| node.clock.now(self.now).mono < until);
        let follows = |member: common::types::Member| {
            let node = usize::try_from(member.peer.0).ok().and_then(|peer| self.nodes.get(peer));
            let runtime = node.and_then(|node| node.runtimes.get(&gpid)).filter(|runtime| runtime.me == member);
            runtime.is_some_and(|runtime| runtime.core.status() == ReplicaStatus::Secondary)
        };
        let whole = config.is_healthy() && config.secondaries.iter().all(|member| follows(*member));
        serves && whole && config.moving.is_none()
    }

    fn what_is_wrong(&self) -> String {
        let mut wrong = Vec::new();
        for gpid in (0..self.plan.partitions).map(|partition| Gpid::new(1, partition)) {
            if self.is_well(gpid) {
                continue;
            }
            wrong.push(
                self.meta.config(gpid).map_or_else(|| format!("{gpid}: no configuration"), |c| crate::words::config(c)),
            );
            for node in &self.nodes {
                let Some(runtime) = node.runtimes.get(&gpid) else { continue };
                let core = &runtime.core;
                wrong.push(format!(
                    "  node {}: {} {} ballot {} committed {} prepared {} serving {} health {:?}",
                    node.id,
                    runtime.me,
                    core.status(),
                    core.ballot(),
                    core.committed(),
                    core.prepared(),
                    core.is_serving(),
                    runtime.health
                ));
            }
        }
        for node in &self.nodes {
            for (gpid, job) in node.moves.iter().filter(|(_, job)| job.is_running()) {
                wrong.push(format!("  node {}: job of {gpid} is {:?}", node.id, job.step));
            }
        }
        wrong.join("\n")
    }

    fn verify_partition(&mut self, gpid: Gpid) {
        if self.violation.is_some() {
            return;
        }
        let key = self.keys.used(gpid).end;
        let value = self.fresh_value();
        self.must_succeed(gpid, OpKind::Put { key, value });
        for key in self.keys.used(gpid) {
            self.must_succeed(gpid, OpKind::Get { key });
        }
    }

    /// Repeats an operation until it is answered; refusals are allowed for a while, nothing else.
    fn must_succeed(&mut self, gpid: Gpid, kind: OpKind) {
        let limit = self.now + SERVING;
        while self.violation.is_none() {
            while self.client_is_busy(0) && self.now < limit {
                self.run_until(self.now + 1_000);
            }
            let op = self.call(0, gpid, kind);
            while self.client_is_busy(0) && self.violation.is_none() {
                self.run_until(self.now + 1_000);
            }
            let outcome = self.history.operations().get(op.0).map(|operation| operation.outcome);
            if matches!(outcome, Some(crate::history::Outcome::Done(..))) {
                return;
            }
            if self.now > limit {
                return self.violated("everything heals once faults stop", format!("{gpid}: {kind:?} is not served"));
            }
            self.run_until(self.now + 20_000);
        }
    }
}

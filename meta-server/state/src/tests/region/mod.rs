//! Region migrations walked step by step: what nodes do is played, what the meta server knows may be read anew from its
//! records after every step.

mod ends;
mod guarding;
mod steps;
mod wrong_requests;

use common::procedure::{MigrateRegion, ProcedureState};
use common::rpc::{ErrorCode, WireError};
use common::types::{ConfigChange, Gpid, PeerId};
use uuid::Uuid;

use super::{World, idle};
use crate::{Answer, Ask, Procedure, Record, Request};

const MIGRATION: Uuid = Uuid::from_u128(77);
const REPLAY_MS: u64 = 300_000;

/// A world of four nodes, a partition with three members, and a migration of it.
struct Walk {
    world: World,
    gpid: Gpid,
    from: PeerId,
    to: PeerId,
}

impl Walk {
    /// Nothing was asked for yet. `leads`: the source is primary.
    fn new(leads: bool) -> Self {
        let mut world = World::new(4);
        let gpid = Gpid::new(world.create("t", 1, 3), 0);
        world.rounds(8);
        assert!(world.all_healthy());
        let config = world.config(gpid);
        let from = if leads { config.primary.unwrap() } else { config.secondaries[0] }.peer;
        let to = (0..4).map(PeerId).find(|peer| config.copy_on(*peer).is_none()).unwrap();
        Self { world, gpid, from, to }
    }

    /// Accepted, and nothing done yet.
    fn accepted(leads: bool) -> Self {
        let mut walk = Self::new(leads);
        walk.accept().unwrap();
        walk
    }

    /// With a meta server that is restarted after every step.
    fn restarting(mut self, restarts: bool) -> Self {
        self.world.restarts = restarts;
        self
    }

    /// The target learns.
    fn learning(leads: bool) -> Self {
        let mut walk = Self::accepted(leads);
        assert_eq!(walk.go(), None);
        assert_eq!(walk.step(), "catch_up");
        walk
    }

    /// The target is a member, and the next step is asked for.
    fn member(leads: bool) -> (Self, Ask) {
        let mut walk = Self::learning(leads);
        walk.promote();
        let ask = walk.settle().unwrap();
        (walk, ask)
    }

    fn request(&self) -> MigrateRegion {
        MigrateRegion { gpid: self.gpid, from: self.from, to: self.to, replay_timeout_ms: REPLAY_MS }
    }

    fn ask_for(&self, request: MigrateRegion) -> Result<(Procedure, Vec<Record>), WireError> {
        self.world.cluster.migrate_region(&request, MIGRATION, self.world.now)
    }

    fn refused(&self, request: MigrateRegion) -> ErrorCode {
        self.ask_for(request).unwrap_err().code
    }

    fn accept(&mut self) -> Result<Procedure, WireError> {
        let (procedure, records) = self.ask_for(self.request())?;
        self.world.apply(records);
        Ok(procedure)
    }

    fn procedure(&self) -> &Procedure {
        self.world.cluster.procedure(MIGRATION).unwrap()
    }

    fn step(&self) -> &'static str {
        self.procedure().work.step()
    }

    fn state(&self) -> ProcedureState {
        self.procedure().state
    }

    fn history(&self) -> Vec<&str> {
        self.procedure().history.iter().map(|step| step.step.as_str()).collect()
    }

    fn cause(&self) -> Option<ErrorCode> {
        self.procedure().error.as_ref().map(|error| error.code)
    }

    /// Every step that can be taken now; what is to be asked then.
    fn go(&mut self) -> Option<Ask> {
        self.world.go(MIGRATION)
    }

    /// As [`Self::go`], once those who waited for the change before have been answered.
    fn settle(&mut self) -> Option<Ask> {
        assert_eq!(self.go(), None, "not at once");
        self.world.pass(std::time::Duration::from_millis(100));
        self.world.beat();
        self.go()
    }

    /// So much time passes with heartbeats, and the migration goes on.
    fn seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.world.second();
            self.go();
        }
    }

    fn primary(&self) -> PeerId {
        self.world.config(self.gpid).primary.unwrap().peer
    }

    fn change(&mut self, change: &ConfigChange) {
        let primary = self.primary();
        self.world.change(primary.0, self.gpid, change);
    }

    /// The primary finds that the target lacks nothing.
    fn promote(&mut self) {
        let learner = self.world.config(self.gpid).learners[0];
        assert_eq!(learner.peer, self.to);
        self.change(&ConfigChange::Promote { learner });
    }

    /// The primary does what it is asked.
    fn obey(&mut self, ask: &Ask) {
        assert_eq!(ask.primary, self.world.cluster.node(self.primary()).unwrap().address);
        match ask.request {
            Request::HandOver { to, .. } => {
                self.change(&ConfigChange::HandOver { to });
                self.answer(&Answer::HandedOver { write_pause_ms: 7 });
            }
            Request::Drop { member } => {
                self.change(&ConfigChange::Drop { member, moving: None });
                self.answer(&Answer::Dropped);
            }
        }
    }

    fn answer(&mut self, answer: &Answer) {
        let records = self.world.cluster.answered(MIGRATION, answer, self.world.now);
        self.world.apply(records);
    }

    /// To its end; nodes obey at once.
    fn finish(&mut self) {
        for _ in 0..12 {
            if let Some(ask) = self.go() {
                self.obey(&ask);
            } else if self.step() == "catch_up" {
                self.promote();
            } else {
                self.world.second();
            }
            if self.state().has_ended() {
                return;
            }
        }
        panic!("it does not end: {:?}", self.procedure())
    }

    fn cancel(&mut self) -> Result<(), ErrorCode> {
        let wish = self.world.cluster.cancel_procedure(MIGRATION, self.world.now).map_err(|error| error.code)?;
        self.world.apply(vec![wish.into()]);
        Ok(())
    }

    /// The partition has its three members, no learner, and no lock.
    fn assert_sound(&self) {
        let partition = self.world.partition(self.gpid);
        assert!(partition.config.is_healthy() && partition.config.learners.is_empty(), "{partition:?}");
        assert_eq!((partition.config.member_count(), partition.lock), (3, None), "{partition:?}");
    }
}

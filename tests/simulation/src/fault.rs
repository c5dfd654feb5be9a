//! Faults: what goes wrong while clients work.

use common::types::Gpid;
use pacifica::Event;
use rand::Rng;

use crate::happening::{Address, Happening};
use crate::network::{Disturbance, Quality};
use crate::world::World;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Kill,
    PowerCut,
    PowerCutEverywhere,
    DiskAbsent,
    Pause,
    PauseInRead,
    Isolate,
    CutOneWay,
    BadNetwork,
    HangReplica,
    HangLog,
    FailLog,
    FillDisk,
    MetaAway,
    MetaRestarts,
    SetWallClock,
    HandOver,
    MoveDisk,
    Flush,
    WriteBack,
}

impl FaultKind {
    pub(crate) const ALL: &[Self] = &[
        Self::Kill,
        Self::PowerCut,
        Self::PowerCutEverywhere,
        Self::DiskAbsent,
        Self::Pause,
        Self::PauseInRead,
        Self::Isolate,
        Self::CutOneWay,
        Self::BadNetwork,
        Self::HangReplica,
        Self::HangLog,
        Self::FailLog,
        Self::FillDisk,
        Self::MetaAway,
        Self::MetaRestarts,
        Self::SetWallClock,
        Self::HandOver,
        Self::MoveDisk,
        Self::Flush,
        Self::WriteBack,
    ];

    /// How often it comes, compared with others.
    pub(crate) const fn usual_weight(self) -> u32 {
        match self {
            Self::PowerCutEverywhere | Self::FailLog | Self::FillDisk | Self::MetaRestarts | Self::SetWallClock => 1,
            Self::MetaAway | Self::HangReplica | Self::HangLog | Self::BadNetwork | Self::DiskAbsent => 2,
            Self::WriteBack | Self::CutOneWay | Self::PauseInRead => 2,
            Self::Kill | Self::PowerCut | Self::Pause | Self::Isolate | Self::HandOver | Self::Flush => 4,
            Self::MoveDisk => 6,
        }
    }
}

impl World {
    /// The next action: a client's operation, or now and then a fault.
    pub(crate) fn act(&mut self) {
        if self.actions_left == 0 {
            return;
        }
        self.actions_left -= 1;
        if self.rng.random_range(0..1000) < self.plan.faults {
            self.draw_fault();
        } else {
            self.client_acts();
        }
        let pause = self.rng.random_range(0..=2 * self.plan.pace);
        self.queue.push(self.now + pause, Happening::Action);
    }

    fn draw_fault(&mut self) {
        let total: u32 = self.plan.weights.iter().sum();
        if total == 0 {
            return;
        }
        let mut draw = self.rng.random_range(0..total);
        for (index, kind) in FaultKind::ALL.iter().enumerate() {
            let weight = self.plan.weights.get(index).copied().unwrap_or_default();
            if draw < weight {
                return self.inflict(*kind);
            }
            draw -= weight;
        }
    }

    /// Carries a fault out on a random victim.
    pub(crate) fn inflict(&mut self, kind: FaultKind) {
        let node = self.rng.random_range(0..self.nodes.len());
        let gpid = self.random_gpid();
        self.trace.mark((8, kind as u8, node));
        self.trace.say(self.now, || format!("FAULT {kind:?} (node {node}, {gpid})"));
        match kind {
            FaultKind::Kill => self.crash_for_a_while(node, false, None),
            FaultKind::PowerCut if self.may_lose_power(node) => self.crash_for_a_while(node, true, None),
            FaultKind::PowerCutEverywhere => self.cut_power_everywhere(),
            FaultKind::DiskAbsent => {
                let absent = self.rng.random_range(0..2);
                self.crash_for_a_while(node, false, Some(absent));
            }
            FaultKind::Pause => self.pause(node),
            FaultKind::PauseInRead => {
                let pause = self.span(50_000, 4_000_000);
                if let Some(node) = self.nodes.get_mut(node) {
                    node.pause_in_read = Some(pause);
                }
            }
            FaultKind::Isolate => self.isolate(node),
            FaultKind::CutOneWay => self.cut_one_way(node),
            FaultKind::BadNetwork => self.worsen_network(),
            FaultKind::HangReplica => {
                let until = self.now + self.span(50_000, 3_000_000);
                self.hang(node, gpid, until);
            }
            FaultKind::HangLog => self.hang_log(node),
            FaultKind::FailLog => self.fail_log(node),
            FaultKind::FillDisk => self.fill_disk(node),
            FaultKind::MetaAway | FaultKind::MetaRestarts => {
                let long = if kind == FaultKind::MetaAway { 8_000_000 } else { 200_000 };
                let back = self.now + self.span(50_000, long);
                self.stop_meta(back);
            }
            FaultKind::SetWallClock => {
                let shift = self.rng.random_range(-20_000..20_000);
                if let Some(node) = self.nodes.get_mut(node) {
                    node.clock.wall_ms += shift;
                }
            }
            FaultKind::HandOver => self.order_hand_over(gpid),
            FaultKind::MoveDisk => self.order_move(node, gpid),
            FaultKind::Flush => self.flush(node, gpid),
            FaultKind::WriteBack => {
                let disks = self.nodes.get_mut(node).into_iter().flat_map(|node| node.disks.iter_mut());
                disks.for_each(|disk| disk.log.write_back());
            }
            FaultKind::PowerCut => {}
        }
    }

    fn span(&mut self, least: u64, most: u64) -> u64 {
        // Short spans are as likely as long ones: a crash inside the grace is another history than one beyond it.
        let short = self.rng.random_bool(0.5);
        let most = if short { least + (most - least) / 8 } else { most };
        self.rng.random_range(least..=most)
    }

    /// Without fsync two members that lose power at once may lose what was acknowledged: that is what the mode means.
    fn may_lose_power(&self, node: usize) -> bool {
        let others = self.nodes.iter().filter(|other| other.id != node);
        self.plan.sync == crate::log::Sync::Always || (self.all_is_well() && others.into_iter().all(|other| other.up))
    }

    fn crash_for_a_while(&mut self, node: usize, power_cut: bool, absent: Option<usize>) {
        if !self.nodes.get(node).is_some_and(|node| node.up) {
            return;
        }
        self.crash(node, power_cut);
        let back = self.now + self.span(20_000, 6_000_000);
        self.queue.push(back, Happening::Start { node, absent });
    }

    fn cut_power_everywhere(&mut self) {
        if self.plan.sync == crate::log::Sync::Never {
            return;
        }
        for node in 0..self.nodes.len() {
            self.crash_for_a_while(node, true, None);
        }
    }

    fn pause(&mut self, node: usize) {
        let until = self.now + self.span(20_000, 4_000_000);
        self.pause_until(node, until);
    }

    fn isolate(&mut self, node: usize) {
        let meta_too = self.rng.random_bool(0.5);
        let clients_too = self.rng.random_bool(0.3);
        let me = Address::Node(node);
        let mut others: Vec<Address> =
            (0..self.nodes.len()).filter(|other| *other != node).map(Address::Node).collect();
        if meta_too {
            others.push(Address::Meta);
        }
        if clients_too {
            others.extend((0..self.clients.len()).map(Address::Client));
        }
        self.cut(others.iter().flat_map(|other| [(me, *other), (*other, me)]).collect());
    }

    fn cut_one_way(&mut self, node: usize) {
        let other = self.rng.random_range(0..=self.nodes.len());
        let other = if other == self.nodes.len() { Address::Meta } else { Address::Node(other) };
        let link = if self.rng.random_bool(0.5) { (Address::Node(node), other) } else { (other, Address::Node(node)) };
        self.cut(vec![link]);
    }

    /// Cuts links for a while.
    pub(crate) fn cut(&mut self, links: Vec<(Address, Address)>) {
        let ends = self.now + self.span(50_000, 5_000_000);
        let disturbance = self.network.disturb(Disturbance::Cut(links));
        self.queue.push(ends, Happening::NetworkCalms { disturbance });
    }

    fn worsen_network(&mut self) {
        let quality = Quality {
            delay: (100, self.rng.random_range(2_000..=60_000)),
            slow: self.rng.random_range(0..200),
            slow_max: 3_000_000,
            lost: self.rng.random_range(0..300),
            doubled: self.rng.random_range(0..300),
        };
        let ends = self.now + self.span(100_000, 3_000_000);
        let disturbance = self.network.disturb(Disturbance::Bad(quality));
        self.queue.push(ends, Happening::NetworkCalms { disturbance });
    }

    fn random_disk(&mut self, node: usize) -> Option<&mut crate::disk::Disk> {
        let disk = self.rng.random_range(0..2_usize);
        self.nodes.get_mut(node).filter(|node| node.up)?.disks.get_mut(disk)
    }

    fn hang_log(&mut self, node: usize) {
        let until = self.now + self.span(100_000, 4_000_000);
        if let Some(disk) = self.random_disk(node) {
            disk.log.stalled_until = until;
        }
    }

    /// The log's disk fails: appends that are under way, and all that follow, fail until the process is started anew.
    fn fail_log(&mut self, node: usize) {
        let which = self.rng.random_range(0..2_usize);
        let Some(disk) = self.nodes.get_mut(node).filter(|node| node.up).and_then(|node| node.disks.get_mut(which))
        else {
            return;
        };
        disk.log.failed = true;
        let on_it = self.nodes.get(node).into_iter().flat_map(|node| node.runtimes.iter());
        let gpids: Vec<Gpid> = on_it.filter(|(_, runtime)| runtime.disk == which).map(|(gpid, _)| *gpid).collect();
        for gpid in gpids {
            self.drive(node, gpid, Event::AppendFailed);
        }
        // An operator sees the error and starts the process again.
        let restart = self.now + self.span(500_000, 6_000_000);
        self.queue.push(restart, Happening::Restart { node });
    }

    /// The process is stopped and started again.
    pub(crate) fn restart(&mut self, node: usize) {
        if self.nodes.get(node).is_some_and(|node| node.up) {
            self.crash(node, false);
            self.queue.push(self.now + 20_000, Happening::Start { node, absent: None });
        }
    }

    fn fill_disk(&mut self, node: usize) {
        let which = self.rng.random_range(0..2_usize);
        let ends = self.now + self.span(100_000, 3_000_000);
        if let Some(disk) = self.nodes.get_mut(node).and_then(|node| node.disks.get_mut(which)) {
            disk.full = true;
            self.queue.push(ends, Happening::DiskHasRoom { node, disk: which });
        }
    }

    pub(crate) fn disk_has_room(&mut self, node: usize, disk: usize) {
        if let Some(disk) = self.nodes.get_mut(node).and_then(|node| node.disks.get_mut(disk)) {
            disk.full = false;
        }
    }

    fn order_hand_over(&mut self, gpid: Gpid) {
        let primary = self.meta.config(gpid).and_then(|config| config.primary);
        let Some(node) = primary.and_then(|primary| usize::try_from(primary.peer.0).ok()) else { return };
        if self.nodes.get(node).is_some_and(|node| node.up) {
            self.drive(node, gpid, Event::HandOver { to: None });
        }
    }

    /// A replica's memtable is flushed, and the log drops what nobody needs any more.
    pub(crate) fn flush(&mut self, at: usize, gpid: Gpid) {
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.up) else { return };
        let Some(runtime) = node.runtimes.get(&gpid) else { return };
        let Some(disk) = node.disks.get_mut(runtime.disk) else { return };
        if let Some(dir) = disk.dirs.get_mut(&runtime.dir) {
            dir.data = runtime.storage.clone();
        }
        let dirs = &disk.dirs;
        disk.log.collect(|frame| {
            let needs = |dir: &crate::disk::Dir| {
                let same = dir.info.is_some_and(|info| info.incarnation == frame.incarnation);
                dir.gpid == frame.gpid && same && dir.data.applied < frame.mutation.decree
            };
            !dirs.values().any(needs)
        });
    }
}

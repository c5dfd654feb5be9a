//! The histories that the rules of the protocol were made from, told step by step. The seed varies delays, drifts and
//! who is who; the rules hold in all variants, and each history shows the planted fault of its rule.

mod script;

mod copies;
mod leases;
mod logs;
mod members;
mod moves;
mod replies;

use rand_chacha::ChaCha8Rng;

use crate::log::Sync;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::world::World;

macro_rules! histories {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $nodes:literal, $sync:ident, $planted:expr, $tell:path;)*) => {
        /// A history.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum History {
            $($(#[$doc])* $variant,)*
        }

        impl History {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// How the command line calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The planted fault that it shows, if it shows one.
            #[must_use]
            pub const fn shows(self) -> Option<Planted> {
                match self {
                    $(Self::$variant => $planted,)*
                }
            }

            pub(crate) fn plan(self, rng: &mut ChaCha8Rng) -> Plan {
                match self {
                    $(Self::$variant => Plan::quiet(rng, $nodes, Sync::$sync),)*
                }
            }

            pub(crate) fn tell(self, world: &mut World) {
                match self {
                    $(Self::$variant => $tell(world),)*
                }
            }
        }
    };
}

histories! {
    /// INCARNATION: a disk is unplugged, the replica is learned anew on the other, the disk comes back.
    UnpluggedDisk = "unplugged-disk", 3, Always, Some(Planted::IncarnationMintedLocally), copies::unplugged_disk;
    /// COLLECT: an order to collect arrives after the copy came back.
    LateCollect = "late-collect", 4, Always, Some(Planted::CollectWithoutIncarnation), copies::late_collect;
    /// LAST COPY: everything restarts while disks are absent.
    AbsentDisks = "absent-disks", 3, Always, None, copies::absent_disks;
    /// ROLES: without fsync a member forgets what it acknowledged and comes back.
    ForgetfulMember = "forgetful-member", 3, Never, Some(Planted::BallotResumedAfterRestart), members::forgetful_member;
    /// DECREES: a primary dies after it sent and before its own fsync.
    DecreeUsedTwice = "decree-used-twice", 3, Always, Some(Planted::BallotResumedAfterRestart), members::decree_used_twice;
    /// UNION: the change that adds a member is installed, its reply lost.
    LostReply = "lost-reply", 3, Always, Some(Planted::NoUnion), members::lost_reply;
    /// OPENING: one member alone holds records of a primary that died.
    LoneTail = "lone-tail", 3, Always, Some(Planted::NoOpeningMarker), members::lone_tail;
    /// LEASES: a node still leads some partitions for another, but no longer this one.
    MovedAway = "moved-away", 3, Always, Some(Planted::NodeWideLeases), leases::moved_away;
    /// LEASES: the process is stopped in a read.
    StoppedInRead = "stopped-in-read", 3, Always, Some(Planted::ReadWithoutSecondCheck), leases::stopped_in_read;
    /// TAKE-OVER: a secondary asks for the lead, then answers a beacon.
    LateBeacon = "late-beacon", 3, Always, Some(Planted::TakeOverWithoutWait), leases::late_beacon;
    /// LOG: an old tail lies in the log of the disk on which the replica is learned anew.
    OldTail = "old-tail", 3, Always, Some(Planted::FramesWithoutIncarnation), logs::old_tail;
    /// LOG: power is cut everywhere with groups half written.
    PowerCut = "power-cut", 3, Always, Some(Planted::AckBeforeFsync), logs::power_cut;
    /// MOVES: disk 1 to 2, back, and there again.
    ThereAndBack = "there-and-back", 3, Always, Some(Planted::MemberKeptAcrossMove), moves::there_and_back;
    /// MOVES: a crash in the copy, before the source closed.
    CrashInCopy = "crash-in-copy", 3, Always, Some(Planted::UnsealedRolledForward), moves::crash_in_copy;
    /// MOVES: a crash at any step.
    CrashInMove = "crash-in-move", 3, Always, None, moves::crash_in_move;
    /// REPLIES: a compare-and-set fails on a write that then dies.
    CasOnDyingWrite = "cas-on-dying-write", 3, Always, Some(Planted::FailedCasFromOverlay), replies::cas_on_dying_write;
}

impl History {
    /// By its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|history| history.name() == name)
    }
}

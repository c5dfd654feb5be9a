//! The settings of a replica server, with their defaults and units.

use std::path::PathBuf;
use std::time::Duration;

use common::clock::Clock;
use common::config::{self, ByteSize, HumanDuration};
use common::logging::LoggingSettings;
use serde::{Deserialize, Serialize};

use crate::disk::TrashLives;
use crate::log::{LogOptions, SyncMode};
use crate::resp::RespOptions;
use crate::storage::EngineOptions;

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Meaning of a key that only holds others.
const SECTION: &str = "A section of its own.";

macro_rules! settings {
    ($(#[$doc:meta])* $name:ident, $prefix:literal { $($key:ident : $type:ty = $default:expr, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $(#[doc = $meaning] pub $key: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $name {
            const DOCS: &[(&str, &str)] = &[$((concat!($prefix, stringify!($key)), $meaning),)*];
        }
    };
}

const fn time(millis: u64) -> HumanDuration {
    HumanDuration(Duration::from_millis(millis))
}

settings! {
    /// Settings of a replica server.
    Settings, "" {
        listen: String = "127.0.0.1:34801".into(), "Address of the rpc port, host:port; also what others are told to connect to.";
        http: String = "127.0.0.1:34901".into(), "Address of /health and /metrics, host:port.";
        meta: Vec<String> = vec!["127.0.0.1:34601".into()], "Meta servers, host:port each.";
        data_dirs: Vec<String> = Vec::new(), "Disks, tag:directory each.";
        home: Option<String> = None, "Directory of job records; by default the first data directory.";
        secret_file: Option<String> = None, "File with the cluster secret; without one only loopback may be bound.";
        insecure: bool = false, "Bind any address even without a cluster secret.";
        threads: u32 = 1, "Runtime threads; one serves about 30,000 writes a second.";
        log: LogSettings = LogSettings::default(), "A section of its own.";
        storage: StorageSettings = StorageSettings::default(), "A section of its own.";
        replication: ReplicationSettings = ReplicationSettings::default(), "A section of its own.";
        migrate: MigrateSettings = MigrateSettings::default(), "A section of its own.";
        resp: RespSettings = RespSettings::default(), "A section of its own.";
        gc: GcSettings = GcSettings::default(), "A section of its own.";
        learn: LearnSettings = LearnSettings::default(), "A section of its own.";
        disk: DiskSettings = DiskSettings::default(), "A section of its own.";
        logging: LoggingSettings = LoggingSettings::default(), "A section of its own.";
    }
}

settings! {
    /// The mutation log.
    LogSettings, "log." {
        sync: String = "always".into(), "When appends are fsynced: always, interval or never. What is acknowledged survives a power cut only with always.";
        interval: HumanDuration = time(100), "Time between two fsyncs with log.sync = interval.";
        segment: ByteSize = ByteSize(64 << 20), "Size of a log segment.";
        held_max: ByteSize = ByteSize(1 << 30), "Bytes of log per disk after which the replicas that hold the oldest are flushed.";
        reserve: ByteSize = ByteSize(64 << 20), "Bytes kept free per disk, so that a full one can still flush.";
        keep: HumanDuration = time(60_000), "The latest mutations stay in the log for so long even if they are flushed, so that who was away for a moment learns by log.";
        stall: HumanDuration = time(2000), "An append that waits longer makes the disk's replicas give up their roles.";
    }
}

settings! {
    /// RocksDB, shared by all replicas of the node.
    StorageSettings, "storage." {
        cache: Option<ByteSize> = None, "Block cache of the node; by default a tenth of the memory, at most 2 GiB.";
        record_cache: Option<ByteSize> = None, "Single records of the node that were read lately, before RocksDB is asked; by default a fortieth of the memory, at most 512 MiB; 0: none.";
        write_buffer: Option<ByteSize> = None, "Memtables of the node; by default a twentieth of the memory, at most 1 GiB.";
    }
}

settings! {
    /// The replication protocol.
    ReplicationSettings, "replication." {
        beacon: HumanDuration = time(500), "Time between two beacons to a node.";
        lease: HumanDuration = time(2500), "How long an answered beacon lets a primary serve.";
        grace: HumanDuration = time(3000), "How long a secondary waits for beacons before it asks to be primary.";
        prepare_timeout: HumanDuration = time(3000), "After this a member that does not answer is dropped.";
        max_in_flight: usize = 4, "Mutations of a partition on the wire at once.";
        cache_bytes: ByteSize = ByteSize(8 << 20), "Committed mutations of a partition kept in memory for learners, at most.";
        caches_bytes: ByteSize = ByteSize(128 << 20), "Those of all partitions of the node, which share it evenly.";
    }
}

settings! {
    /// Moves between disks.
    MigrateSettings, "migrate." {
        max_rate: ByteSize = ByteSize(100 << 20), "Bytes per second that all copies to this node's disks share, from each other and from other nodes, unless disk-migrate-rate says otherwise; 0: no limit.";
        max_foreground_p99: Option<HumanDuration> = None, "Moves between disks slow down while the P99 of this node's client reads and writes of the last second is above this; by default they do not.";
    }
}

settings! {
    /// Redis clients.
    RespSettings, "resp." {
        listen: String = "127.0.0.1:6379".into(), "Address for Redis clients, host:port; also where they are told to find this node; empty: none. Without resp.requirepass only loopback may be bound.";
        announce: Option<String> = None, "Where Redis clients are told to find this node, host:port, if it is not resp.listen.";
        table: String = "default".into(), "The table that Redis clients see.";
        requirepass: Option<String> = None, "What Redis clients must say with AUTH, the same on all nodes.";
        maxclients: u64 = 10_000, "Connections of Redis clients at once.";
        timeout: HumanDuration = time(0), "A connection that says nothing for so long is closed; 0: never.";
        max_staleness: HumanDuration = time(1000), "What a secondary answers to a connection that said READONLY lacks nothing that was acknowledged longer ago than this; 0: secondaries answer nothing.";
        max_value_bytes: ByteSize = ByteSize(1 << 20), "Longest value that Redis clients may store, at most 4MiB.";
        debug: bool = false, "Whether DEBUG is there, for test suites of clients.";
    }
}

settings! {
    /// What has lost its name on a disk.
    GcSettings, "gc." {
        temporary_life: HumanDuration = time(DAY_MS), "A copy that was not finished (.tmp) and has no job any more is kept for so long.";
        origin_life: HumanDuration = time(7 * DAY_MS), "What a move left on its former disk (.ori) is kept for so long.";
        damaged_life: HumanDuration = time(7 * DAY_MS), "A damaged directory (.err) is kept for so long.";
        garbage_life: HumanDuration = time(DAY_MS), "A superseded or collected directory (.gar) is kept for so long.";
    }
}

settings! {
    /// Learning.
    LearnSettings, "learn." {
        max_rate: ByteSize = ByteSize(100 << 20), "Bytes per second that this node's learners fetch; 0: no limit.";
    }
}

settings! {
    /// Disks.
    DiskSettings, "disk." {
        low_percent: u64 = 5, "A disk with a smaller share of free space takes no writes, in percent, unless low_bytes are free.";
        low_bytes: ByteSize = ByteSize(10 << 30), "Free bytes that are always enough for writes.";
        check_every: HumanDuration = time(1000), "Time between two looks at free space.";
        scrub_every: HumanDuration = time(7 * 24 * 3600 * 1000), "Every replica is read and checked once in this time.";
    }
}

impl config::Settings for Settings {
    fn docs() -> Vec<(&'static str, &'static str)> {
        let sections = [
            Self::DOCS,
            LogSettings::DOCS,
            StorageSettings::DOCS,
            ReplicationSettings::DOCS,
            MigrateSettings::DOCS,
            RespSettings::DOCS,
            GcSettings::DOCS,
            LearnSettings::DOCS,
            DiskSettings::DOCS,
            &LoggingSettings::DOCS,
        ];
        sections.concat().into_iter().filter(|(_, meaning)| *meaning != SECTION).collect()
    }
}

/// Why a log cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log.sync = '{0}' is not known: use always, interval or never")]
pub struct UnknownSync(String);

/// Longest value that may be allowed: it fits into a record of the log many times over, and into a frame.
const VALUE_BYTES_MAX: u64 = 4 << 20;

/// Why Redis clients cannot be served as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResp {
    /// Too long a value.
    #[error("resp.max_value_bytes = {0} is above 4194304 (4MiB): set it lower")]
    Value(u64),
    /// Where nobody would find it.
    #[error(
        "'{0}' is no address for Redis clients: write host:port, and set resp.announce where resp.listen is no address of one host"
    )]
    Address(String),
}

/// Why the disks are not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no disk; write data_dirs as tag:directory,tag:directory")]
pub struct NoDisk(String);

impl Settings {
    /// The configured disks: tag and absolute directory of each.
    ///
    /// # Errors
    /// What is not written as `tag:directory`.
    pub fn disks(&self) -> Result<Vec<(String, PathBuf)>, NoDisk> {
        let pair = |text: &String| {
            let (tag, path) = text.split_once(':').filter(|(tag, path)| !tag.is_empty() && !path.is_empty())?;
            Some((tag.to_owned(), std::path::absolute(path).ok()?))
        };
        self.data_dirs.iter().map(|text| pair(text).ok_or_else(|| NoDisk(text.clone()))).collect()
    }

    /// How Redis clients are served; `None`: they are not.
    ///
    /// # Errors
    /// [`BadResp`].
    pub(crate) fn redis(&self) -> Result<Option<RespOptions>, BadResp> {
        let from = &self.resp;
        if from.listen.is_empty() {
            return Ok(None);
        }
        if from.max_value_bytes.0 > VALUE_BYTES_MAX {
            return Err(BadResp::Value(from.max_value_bytes.0));
        }
        let announced = from.announce.clone().unwrap_or_else(|| from.listen.clone());
        let parts = announced.rsplit_once(':').filter(|(host, port)| !is_any(host) && port.parse::<u16>().is_ok());
        if parts.is_none() {
            return Err(BadResp::Address(announced));
        }
        Ok(Some(RespOptions {
            announced,
            table: from.table.clone(),
            password: from.requirepass.clone().unwrap_or_default(),
            clients_max: usize::try_from(from.maxclients).unwrap_or(usize::MAX),
            idle_s: from.timeout.0.as_secs(),
            staleness_max: from.max_staleness.0,
            value_bytes_max: usize::try_from(from.max_value_bytes.0).unwrap_or(usize::MAX),
            debug: from.debug,
        }))
    }

    /// Where jobs and the record of the disks are kept; `None` without any disk.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let first = || self.disks().ok()?.into_iter().next().map(|(_, path)| path);
        self.home.as_ref().and_then(|home| std::path::absolute(home).ok()).or_else(first)
    }

    /// The protocol's options. A batch and the write that overshoots it fit into one record of the log: a segment holds at
    /// least four records, a record two of the longest writes, and a batch is at most half of such a write.
    #[must_use]
    pub fn protocol(&self) -> pacifica::Options {
        let from = &self.replication;
        let default = pacifica::Options::default();
        let fits = usize::try_from(self.log.segment.0 / 16).unwrap_or(usize::MAX);
        pacifica::Options {
            beacon: from.beacon.0,
            lease: from.lease.0,
            grace: from.grace.0,
            prepare_timeout: from.prepare_timeout.0,
            max_in_flight: from.max_in_flight,
            cache_bytes: usize::try_from(from.cache_bytes.0).unwrap_or(usize::MAX),
            gather: true,
            batch_bytes: default.batch_bytes.min(fits),
            ..default
        }
    }

    /// The options of the log in `dir`.
    ///
    /// # Errors
    /// An unknown `log.sync`.
    pub fn log_options(&self, dir: PathBuf, clock: &Clock) -> Result<LogOptions, UnknownSync> {
        let sync = match self.log.sync.as_str() {
            "always" => SyncMode::Always,
            "interval" => SyncMode::Interval(self.log.interval.0),
            "never" => SyncMode::Never,
            other => return Err(UnknownSync(other.to_owned())),
        };
        Ok(LogOptions {
            sync,
            segment_bytes: self.log.segment.0,
            reserve_bytes: self.log.reserve.0,
            held_bytes_target: self.log.held_max.0,
            clock: clock.clone(),
            ..LogOptions::new(dir)
        })
    }

    /// How long what has lost its name is kept.
    #[must_use]
    pub const fn lives(&self) -> TrashLives {
        let from = &self.gc;
        TrashLives {
            garbage: from.garbage_life.0,
            damaged: from.damaged_life.0,
            origin: from.origin_life.0,
            temporary: from.temporary_life.0,
        }
    }

    /// The storage engine's options, by default from the memory of the machine.
    #[must_use]
    pub fn engine(&self) -> EngineOptions {
        let memory = memory_bytes();
        let cache = self.storage.cache.map_or((memory / 10).min(2 << 30), |size| size.0);
        let records = self.storage.record_cache.map_or((memory / 40).min(512 << 20), |size| size.0);
        let buffers = self.storage.write_buffer.map_or((memory / 20).min(1 << 30), |size| size.0);
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        EngineOptions {
            cache_bytes: bytes(cache),
            record_cache_bytes: bytes(records),
            write_buffers_bytes: bytes(buffers),
            ..EngineOptions::default()
        }
    }
}

/// Whether a host stands for all addresses of a machine, and so for none that a client could reach.
fn is_any(host: &str) -> bool {
    host.is_empty() || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Memory of the machine, in bytes.
fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_setting_has_its_meaning() {
        assert_eq!(config::undocumented::<Settings>(), Vec::<String>::new());
    }

    #[test]
    fn every_setting_of_redis_clients_is_documented_and_no_other() {
        let texts = [include_str!("../../docs/resp.md"), include_str!("../../docs/operations.md")];
        let after = texts.iter().flat_map(|text| text.split("resp.").skip(1));
        let names = after.filter_map(|text| text.split(|c: char| !c.is_ascii_lowercase() && c != '_').next());
        // The file is called like a setting.
        let named: BTreeSet<&str> = names.filter(|name| *name != "md").collect();
        let known: BTreeSet<&str> =
            RespSettings::DOCS.iter().filter_map(|(key, _)| key.strip_prefix("resp.")).collect();
        assert_eq!(named, known);
    }

    #[test]
    fn garbage_lives_as_long_as_its_defaults_say() {
        assert_eq!(Settings::default().lives(), TrashLives::default());
    }

    #[test]
    fn a_batch_is_no_longer_than_its_share_of_a_short_segment() {
        let batch = |segment: u64| {
            let mut settings = Settings::default();
            settings.log.segment = ByteSize(segment);
            settings.protocol().batch_bytes as u64
        };
        // A record is a quarter of a segment, a write an eighth.
        assert_eq!([64 << 10, 1 << 20].map(batch), [4 << 10, 64 << 10]);
        assert_eq!(batch(64 << 20), 1 << 20, "the default");
    }

    #[test]
    fn redis_clients_are_told_an_address_that_they_can_reach() {
        let served = |listen: &str, announce: Option<&str>| {
            let mut settings = Settings::default();
            (settings.resp.listen, settings.resp.announce) = (listen.to_owned(), announce.map(str::to_owned));
            settings.redis().map(|options| options.map(|options| options.announced))
        };
        assert_eq!(served("127.0.0.1:6379", None), Ok(Some("127.0.0.1:6379".to_owned())));
        assert_eq!(served("0.0.0.0:6379", Some("10.0.0.7:6379")), Ok(Some("10.0.0.7:6379".to_owned())));
        for (listen, announce) in [("0.0.0.0:6379", None), ("[::]:6379", None), ("6379", None), ("a:1", Some(":1"))] {
            assert!(served(listen, announce).is_err(), "{listen} {announce:?}");
        }
        assert_eq!(served("", None), Ok(None));
    }

    #[test]
    fn the_defaults_obey_the_rule_of_leases() {
        assert_eq!(Settings::default().protocol().validate(), Ok(()));
    }
}

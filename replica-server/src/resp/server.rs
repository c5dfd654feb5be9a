//! Commands about the connection, this node and the cluster.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use resp::command::{self, Spec, unknown_subcommand, wrong_arity};
use resp::connection::{Attribute, Hello, Question as ClientQuestion, Who, greeting};
use resp::number::parse_integer;
use resp::server::{Section, Sections, config, info, protocol};
use resp::{Reply, cluster, errors};

use super::door::Door;
use super::session::Session;

impl Door {
    /// Answers a command that no key is concerned by.
    pub(super) async fn serve(&self, spec: &'static Spec, arguments: &[Bytes], session: &mut Session) -> Reply {
        let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
        match spec.name {
            "ping" => match arguments {
                [_] => Reply::simple("PONG"),
                [_, said] => Reply::bulk(said.clone()),
                _ => wrong_arity(spec.name),
            },
            "echo" => Reply::bulk(argument(1)),
            "hello" => self.hello(arguments, session).unwrap_or_else(|reply| reply),
            "auth" => self.auth(arguments, session).unwrap_or_else(|reply| reply),
            "quit" => {
                session.ends = true;
                Reply::ok()
            }
            "reset" => {
                session.reset(&self.parameters);
                Reply::simple("RESET")
            }
            "select" => select(&argument(1)),
            "readonly" => readonly(session, true),
            "readwrite" => readonly(session, false),
            "time" => self.time(),
            "wait" => self.wait(arguments, session),
            "info" => self.info(&Sections::parse(arguments)),
            "config|get" => config::get(&self.parameters.all(), arguments),
            "config|set" => self.configure(arguments),
            "debug" => self.debug(spec, arguments).await,
            "function|flush" => Reply::ok(),
            name if name.starts_with("client|") => self.client(spec, arguments, session).unwrap_or_else(|reply| reply),
            name if name.starts_with("cluster|") => self.cluster(spec, arguments),
            name if name.starts_with("command") => command::answer(spec, arguments),
            _ => command::help(spec),
        }
    }

    fn hello(&self, arguments: &[Bytes], session: &mut Session) -> Result<Reply, Reply> {
        let hello = Hello::parse(arguments)?;
        if let Some((name, password)) = hello.credentials {
            session.authenticate(name, password, &self.parameters)?;
        }
        if !session.authenticated {
            return Err(Reply::error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
                 <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
            ));
        }
        if let Some(name) = hello.name {
            session.me.names.lock().name = text(name);
        }
        session.speak(hello.version.unwrap_or(session.version));
        Ok(greeting(session.version, session.me.id))
    }

    fn auth(&self, arguments: &[Bytes], session: &mut Session) -> Result<Reply, Reply> {
        match arguments {
            [_, _] if !self.parameters.asks_password() => return Err(Reply::error(errors::NO_PASSWORD_SET)),
            [_, password] => session.authenticate(b"default", password, &self.parameters)?,
            [_, name, password] => session.authenticate(name, password, &self.parameters)?,
            _ => return Err(Reply::error(errors::SYNTAX)),
        }
        Ok(Reply::ok())
    }

    fn client(&self, spec: &'static Spec, arguments: &[Bytes], session: &Session) -> Result<Reply, Reply> {
        let now = self.node.clock.mono();
        let me = &session.me;
        Ok(match ClientQuestion::parse(spec, arguments)? {
            ClientQuestion::GetName => {
                let name = me.names.lock().name.clone();
                Reply::bulk_or_null(Some(name).filter(|name| !name.is_empty()))
            }
            ClientQuestion::Help => command::help(command::lookup(b"client").unwrap_or(spec)),
            ClientQuestion::Id => Reply::count(me.id),
            ClientQuestion::Info => Reply::verbatim(me.line(now)),
            ClientQuestion::List(who) => Reply::verbatim(self.clients.lines(now, |id| match &who {
                Who::All => true,
                Who::Nobody => false,
                Who::These(ids) => ids.contains(&id),
            })),
            ClientQuestion::SetInfo(attribute, value) => {
                let mut names = me.names.lock();
                match attribute {
                    Attribute::LibraryName => names.library = text(value),
                    Attribute::LibraryVersion => names.library_version = text(value),
                }
                Reply::ok()
            }
            ClientQuestion::SetName(name) => {
                me.names.lock().name = text(name);
                Reply::ok()
            }
        })
    }

    fn cluster(&self, spec: &'static Spec, arguments: &[Bytes]) -> Reply {
        let question = match cluster::Question::parse(spec, arguments) {
            Ok(question) => question,
            Err(reply) => return reply,
        };
        if question == cluster::Question::Links {
            // What connects nodes is shared by all partitions and knows no Redis client.
            return cluster::links(&[]);
        }
        cluster::answer(question, &self.atlas.topology()).unwrap_or(Reply::Null)
    }

    fn configure(&self, arguments: &[Bytes]) -> Reply {
        match config::set(&self.parameters.all(), arguments) {
            Ok(changes) => {
                changes.into_iter().for_each(|change| self.parameters.set(change));
                Reply::ok()
            }
            Err(reply) => reply,
        }
    }

    fn time(&self) -> Reply {
        let now_ms = self.node.clock.wall_ms();
        Reply::bulks([(now_ms / 1000).to_string(), (now_ms % 1000 * 1000).to_string()])
    }

    /// A write is acknowledged only once every member of its partition has it: all copies but the primary's are those that
    /// WAIT asks for, and there is nothing to wait for.
    fn wait(&self, arguments: &[Bytes], session: &Session) -> Reply {
        let number = |index: usize| arguments.get(index).and_then(|text| parse_integer(text));
        let (Some(_), Some(timeout)) = (number(1), number(2)) else { return Reply::error(errors::NOT_AN_INTEGER) };
        if timeout < 0 {
            return Reply::error("ERR timeout is negative");
        }
        let replica = session.wrote.and_then(|slot| self.node.registry.get(self.atlas.page().partition(slot)?.gpid));
        let config = replica.and_then(|replica| replica.view().config.clone());
        Reply::count(config.map_or(0, |config| config.secondaries.len()))
    }

    async fn debug(&self, spec: &'static Spec, arguments: &[Bytes]) -> Reply {
        if !self.debug {
            return Reply::error("ERR DEBUG command not allowed. Set resp.debug to allow it.");
        }
        let sub = arguments.get(1).cloned().unwrap_or_default();
        match (sub.to_ascii_lowercase().as_slice(), arguments.get(2)) {
            (b"protocol", Some(kind)) => protocol(kind),
            (b"sleep", Some(seconds)) => {
                let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<f64>().ok());
                match seconds.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Reply::error(errors::NOT_A_FLOAT),
                }
                Reply::ok()
            }
            (b"set-active-expire" | b"jmap" | b"reload" | b"loadaof", _) => Reply::ok(),
            _ => unknown_subcommand(spec, &sub),
        }
    }

    fn info(&self, asked: &Sections) -> Reply {
        let sections = [
            ("server", self.about_server()),
            ("clients", self.about_clients()),
            ("memory", self.about_memory()),
            ("persistence", about_persistence()),
            ("stats", self.about_stats()),
            ("replication", self.about_replication()),
            ("cluster", Section { title: "Cluster", lines: vec![("cluster_enabled", "1".to_owned())] }),
        ];
        let told: Vec<_> =
            sections.into_iter().filter(|(name, _)| asked.include(name)).map(|(_, section)| section).collect();
        info(&told)
    }

    fn about_server(&self) -> Section {
        let up_s = self.node.clock.mono().since(self.began).as_secs();
        let lines = vec![
            ("redis_version", resp::server::REDIS_VERSION.to_owned()),
            ("redis_mode", "cluster".to_owned()),
            ("server_name", "godwit".to_owned()),
            ("godwit_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("os", std::env::consts::OS.to_owned()),
            ("arch_bits", usize::BITS.to_string()),
            ("process_id", std::process::id().to_string()),
            ("run_id", format!("{:040x}", self.node.process.0)),
            ("tcp_port", self.port.to_string()),
            ("uptime_in_seconds", up_s.to_string()),
            ("uptime_in_days", (up_s / 86_400).to_string()),
        ];
        Section { title: "Server", lines }
    }

    fn about_clients(&self) -> Section {
        let lines = vec![
            ("connected_clients", self.clients.count().to_string()),
            ("maxclients", self.parameters.clients_max().to_string()),
            ("blocked_clients", "0".to_owned()),
        ];
        Section { title: "Clients", lines }
    }

    fn about_memory(&self) -> Section {
        let (cache, memtables) = self.node.engine.memory();
        let records = self.node.engine.record_cache().bytes;
        let lines = vec![
            ("used_memory", (cache as u64 + memtables as u64 + records).to_string()),
            ("used_memory_record_cache", records.to_string()),
            ("used_memory_block_cache", cache.to_string()),
            ("used_memory_memtables", memtables.to_string()),
            ("maxmemory", "0".to_owned()),
            ("maxmemory_policy", "noeviction".to_owned()),
        ];
        Section { title: "Memory", lines }
    }

    fn about_stats(&self) -> Section {
        let lines = vec![
            ("total_connections_received", self.clients.taken_in().to_string()),
            ("rejected_connections", self.clients.rejected.get().to_string()),
            ("total_commands_processed", self.commands.get().to_string()),
        ];
        Section { title: "Stats", lines }
    }

    fn about_replication(&self) -> Section {
        let led = self.atlas.topology();
        let mine = led.routes.iter().filter(|route| route.primary == Some(led.myself));
        let replicas: std::collections::BTreeSet<_> = mine.flat_map(|route| route.replicas.iter().copied()).collect();
        let lines = vec![("role", "master".to_owned()), ("connected_slaves", replicas.len().to_string())];
        Section { title: "Replication", lines }
    }
}

fn about_persistence() -> Section {
    Section { title: "Persistence", lines: vec![("loading", "0".to_owned()), ("aof_enabled", "1".to_owned())] }
}

fn readonly(session: &Session, on: bool) -> Reply {
    session.me.readonly.store(on, Ordering::Relaxed);
    Reply::ok()
}

fn select(database: &[u8]) -> Reply {
    match parse_integer(database) {
        Some(0) => Reply::ok(),
        Some(_) => Reply::error(errors::SELECT_IN_CLUSTER),
        None => Reply::error(errors::INVALID_DATABASE),
    }
}

/// What was checked to be shown, which is ASCII.
fn text(shown: &[u8]) -> String {
    String::from_utf8_lossy(shown).into_owned()
}

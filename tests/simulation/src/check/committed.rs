//! Committed prefixes agree, decrees come in order, and a (ballot, decree) is used once.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use common::types::{Ballot, Body, Decree, Gpid, Mutation};

/// What was committed, by the first replica that applied it.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    partitions: BTreeMap<Gpid, Partition>,
    // Looked up by key only.
    used: HashMap<(Gpid, Ballot, Decree), u64>,
    origins: HashMap<(Gpid, Decree, u64), Ballot>,
}

#[derive(Debug, Default)]
struct Partition {
    contents: Vec<u64>,
    last_ballot: Ballot,
    last_origin: Ballot,
    acknowledged: Decree,
}

impl Committed {
    /// A replica logs a mutation.
    pub(crate) fn logged(&mut self, gpid: Gpid, mutation: &Mutation) -> Result<(), String> {
        let content = content(mutation);
        let origin = self.origins.entry((gpid, mutation.decree, content)).or_insert(mutation.ballot);
        *origin = mutation.ballot.min(*origin);
        let used = *self.used.entry((gpid, mutation.ballot, mutation.decree)).or_insert(content);
        if used == content {
            return Ok(());
        }
        Err(format!("{gpid}: ballot {} decree {} was used twice (rule DECREES)", mutation.ballot, mutation.decree))
    }

    /// A replica applies a mutation after `applied`. `commits` if it is the primary that decides it.
    pub(crate) fn applied(
        &mut self,
        gpid: Gpid,
        applied: Decree,
        mutation: &Mutation,
        ballot: Ballot,
    ) -> Result<(), String> {
        if mutation.decree != applied.next() {
            return Err(format!("{gpid}: decree {} is applied after {applied}", mutation.decree));
        }
        let partition = self.partitions.entry(gpid).or_default();
        let place = usize::try_from(applied.0).unwrap_or(usize::MAX);
        let content = content(mutation);
        match partition.contents.get(place) {
            Some(known) if *known == content => Ok(()),
            Some(_) => Err(format!("{gpid}: another mutation was committed as decree {} before", mutation.decree)),
            None if place > partition.contents.len() => Err(format!(
                "{gpid}: decree {} is committed, {} decrees are known",
                mutation.decree,
                partition.contents.len()
            )),
            None => {
                let origin = self.origins.get(&(gpid, mutation.decree, content)).copied();
                let origin = origin.filter(|_| matches!(mutation.body, Body::Writes(_)));
                partition.extend(gpid, content, ballot, origin)
            }
        }
    }

    /// A client was told that this decree is committed.
    pub(crate) fn acknowledged(&mut self, gpid: Gpid, decree: Decree) {
        let partition = self.partitions.entry(gpid).or_default();
        partition.acknowledged = partition.acknowledged.max(decree);
    }

    /// The highest decree that any replica committed.
    pub(crate) fn last(&self, gpid: Gpid) -> Decree {
        self.partitions.get(&gpid).map_or(Decree(0), |partition| Decree(partition.contents.len() as u64))
    }

    /// The highest decree that any client knows of.
    pub(crate) fn known_to_clients(&self, gpid: Gpid) -> Decree {
        self.partitions.get(&gpid).map_or(Decree(0), |p| p.acknowledged)
    }
}

impl Partition {
    /// `origin` is the ballot under which these writes were first formed. Whoever formed them built on what was then
    /// before them; so along the committed decrees origins never fall (rule OPENING).
    fn extend(&mut self, gpid: Gpid, content: u64, ballot: Ballot, origin: Option<Ballot>) -> Result<(), String> {
        self.contents.push(content);
        let decree = self.contents.len();
        if let Some(origin) = origin.filter(|origin| *origin < self.last_origin) {
            let before = self.last_origin;
            return Err(format!(
                "{gpid}: decree {decree} is of ballot {origin} and was built on other records than those of ballot {before} before it"
            ));
        }
        self.last_origin = origin.unwrap_or(self.last_origin);
        if ballot < self.last_ballot {
            return Err(format!(
                "{gpid}: ballot {ballot} commits decree {decree} after ballot {} did",
                self.last_ballot
            ));
        }
        self.last_ballot = ballot;
        Ok(())
    }
}

/// A mutation prepared again under another ballot is the same mutation; an opening is not a write.
fn content(mutation: &Mutation) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &mutation.body {
        Body::Writes(writes) => (1, writes.as_bytes()).hash(&mut hasher),
        Body::Opening { after, by } => (2, after, by).hash(&mut hasher),
    }
    hasher.finish()
}

//! Which host does not hear which other, and the rules that see to it. Cuts may overlap: a pair is whole again when the
//! last one that concerns it is mended.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The table that every host gets: what comes from an address in the set is dropped.
pub(super) const RULES: &str = "table inet godwit {
  set unheard {
    type ipv4_addr
  }
  chain input {
    type filter hook input priority 0
    policy accept
    ip saddr @unheard drop
  }
}
";

/// Names a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CutId(u64);

/// All cuts at present: pairs of who is not heard and who does not hear.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    cuts: BTreeMap<CutId, Vec<(String, String)>>,
    last: u64,
}

impl Cuts {
    pub(super) fn add(&mut self, pairs: &[(&str, &str)]) -> CutId {
        self.last += 1;
        let owned = pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        self.cuts.insert(CutId(self.last), owned);
        CutId(self.last)
    }

    pub(super) fn remove(&mut self, id: CutId) {
        self.cuts.remove(&id);
    }

    /// Whom a host does not hear; some perhaps more than once.
    pub(super) fn unheard_by<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a str> {
        self.cuts.values().flatten().filter(move |(_, to)| to == host).map(|(from, _)| from.as_str())
    }
}

/// Makes a host's set these addresses and no others, in one step.
pub(super) fn set_to(unheard: &[Ipv4Addr]) -> String {
    let mut text = "flush set inet godwit unheard\n".to_owned();
    for address in unheard {
        let _ = writeln!(text, "add element inet godwit unheard {{ {address} }}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_whole_when_the_last_cut_of_it_is_mended() {
        let mut cuts = Cuts::default();
        let (one, two) = (cuts.add(&[("a", "b"), ("b", "a")]), cuts.add(&[("a", "b")]));
        assert_eq!(cuts.unheard_by("b").collect::<Vec<_>>(), ["a", "a"]);
        cuts.remove(one);
        assert_eq!((cuts.unheard_by("a").count(), cuts.unheard_by("b").count()), (0, 1));
        cuts.remove(two);
        assert_eq!(cuts.unheard_by("b").count(), 0);
    }
}

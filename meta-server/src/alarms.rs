//! Alarms in the log: one line when one begins, one when it ends, and none in between.

use std::collections::BTreeSet;

use common::alarm::{Alarm, AlarmKind, AlarmSubject};

/// Lines of one round; a cluster that loses a node may have an alarm for each of thousands of partitions.
const LINES_MAX: usize = 20;

type Name = (AlarmKind, AlarmSubject);

/// The alarms that were told of and stand.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeSet<Name>);

/// What is new since the last round.
#[derive(Debug, PartialEq, Eq)]
struct News<'a> {
    begun: Vec<&'a Alarm>,
    ended: Vec<Name>,
}

impl Told {
    /// Tells of what began and what ended.
    pub(crate) fn tell(&mut self, alarms: &[Alarm]) {
        let News { begun, ended } = self.news(alarms);
        for alarm in begun.iter().take(LINES_MAX) {
            let Alarm { kind, subject, hint, message, .. } = alarm;
            tracing::warn!(%kind, %subject, hint, "alarm: {message}");
        }
        for (kind, subject) in ended.iter().take(LINES_MAX) {
            tracing::info!(%kind, %subject, "the alarm is over");
        }
        let untold = |news: usize| news.saturating_sub(LINES_MAX);
        if untold(begun.len()) + untold(ended.len()) > 0 {
            let (begun, ended) = (untold(begun.len()), untold(ended.len()));
            tracing::warn!(begun, ended, standing = self.0.len(), "and more alarms than are worth a line each");
        }
    }

    fn news<'a>(&mut self, alarms: &'a [Alarm]) -> News<'a> {
        let names: BTreeSet<Name> = alarms.iter().map(name).collect();
        let begun = alarms.iter().filter(|alarm| !self.0.contains(&name(alarm))).collect();
        let ended = self.0.difference(&names).copied().collect();
        self.0 = names;
        News { begun, ended }
    }
}

const fn name(alarm: &Alarm) -> Name {
    (alarm.kind, alarm.subject)
}

#[cfg(test)]
mod tests {
    use common::types::PeerId;

    use super::*;

    fn unsteady(node: u64, message: &str) -> Alarm {
        let (kind, subject) = (AlarmKind::NodeUnsteady, AlarmSubject::Node(PeerId(node)));
        Alarm { kind, subject, since_ms: None, count: None, message: message.into(), hint: String::new() }
    }

    #[test]
    fn an_alarm_is_told_of_when_it_begins_and_when_it_ends_however_its_words_change() {
        let mut told = Told::default();
        let [one, other] = [unsteady(1, "30 s are left"), unsteady(2, "")];
        let both = [one.clone(), other.clone()];
        assert_eq!(told.news(&both), News { begun: vec![&one, &other], ended: vec![] });
        let later = [unsteady(1, "29 s are left"), other];
        assert_eq!(told.news(&later), News { begun: vec![], ended: vec![] });
        let (ended, left) = (vec![name(&one)], [unsteady(2, "")]);
        assert_eq!(told.news(&left), News { begun: vec![], ended });
        assert_eq!(told.news(&both), News { begun: vec![&both[0]], ended: vec![] }, "it begins again");
    }
}

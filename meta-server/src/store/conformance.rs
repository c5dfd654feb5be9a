//! What every store must do, run on each of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

fn write(name: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Transaction {
    Transaction {
        expect: vec![(name.into(), expected.map(<[u8]>::to_vec))],
        write: vec![(name.into(), value.map(<[u8]>::to_vec))],
    }
}

fn on_each(test: impl Fn(&dyn MetaStore)) {
    test(&MemoryStore::default());
    let dir = tempfile::tempdir().unwrap();
    test(&RocksStore::open(dir.path()).unwrap());
}

#[test]
fn a_value_is_written_only_over_what_is_expected() {
    on_each(|store| {
        assert!(store.load().unwrap().is_empty());
        store.commit(&write("a", None, Some(b"1"))).unwrap();
        assert_eq!(store.commit(&write("a", None, Some(b"2"))), Err(CommitError::Conflict("a".into())));
        assert_eq!(store.commit(&write("a", Some(b"9"), Some(b"2"))), Err(CommitError::Conflict("a".into())));
        store.commit(&write("a", Some(b"1"), Some(b"2"))).unwrap();
        assert_eq!(store.load().unwrap(), BTreeMap::from([("a".to_owned(), b"2".to_vec())]));
        store.commit(&write("a", Some(b"2"), None)).unwrap();
        assert!(store.load().unwrap().is_empty());
    });
}

#[test]
fn a_transaction_is_done_whole_or_not_at_all() {
    on_each(|store| {
        store.commit(&write("a", None, Some(b"1"))).unwrap();
        let both = Transaction {
            expect: vec![("a".into(), Some(b"1".to_vec())), ("b".into(), Some(b"?".to_vec()))],
            write: vec![("a".into(), None), ("b".into(), Some(b"2".to_vec())), ("c".into(), Some(Vec::new()))],
        };
        assert_eq!(store.commit(&both), Err(CommitError::Conflict("b".into())));
        assert_eq!(store.load().unwrap().len(), 1);
        store.commit(&Transaction { expect: vec![("b".into(), None)], ..both }).unwrap();
        assert_eq!(store.load().unwrap().into_keys().collect::<Vec<_>>(), ["b", "c"]);
    });
}

#[test]
fn any_history_ends_as_in_a_plain_map() {
    let names = prop::sample::select(vec!["a", "b", "c"]);
    let values = prop::option::of(prop::collection::vec(any::<u8>(), 0..4));
    let steps = prop::collection::vec((names, values, any::<bool>()), 1..40);
    on_each(|store| {
        let mut runner = TestRunner::new(ProptestConfig { cases: 20, ..ProptestConfig::default() });
        let outcome = runner.run(&steps, |steps| {
            let mut model = store.load().unwrap();
            for (name, value, stale) in steps {
                let present = model.get(name).cloned();
                let expected = if stale { Some(b"never written".to_vec()) } else { present };
                let done = store.commit(&write(name, expected.as_deref(), value.as_deref())).is_ok();
                prop_assert_eq!(done, !stale);
                match value {
                    _ if stale => None,
                    Some(value) => model.insert(name.to_owned(), value),
                    None => model.remove(name),
                };
            }
            prop_assert_eq!(store.load().unwrap(), model);
            Ok(())
        });
        outcome.unwrap();
    });
}

#[test]
fn rocks_keeps_its_values_and_admits_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = RocksStore::open(dir.path()).unwrap();
    store.commit(&write("a", None, Some(b"1"))).unwrap();
    assert!(RocksStore::open(dir.path()).unwrap_err().to_string().contains("LOCK"));
    drop(store);
    assert_eq!(RocksStore::open(dir.path()).unwrap().load().unwrap().len(), 1);
}

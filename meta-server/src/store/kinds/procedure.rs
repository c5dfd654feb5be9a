//! `procedure/<queued at in Unix ms>.<id>`: a procedure with its step; the names are in order of age.

use meta_state::ProcedureKey;

pub(super) const KIND: &str = "procedure";

pub(super) fn name(key: ProcedureKey) -> String {
    format!("{KIND}/{:020}.{}", key.queued_at_ms, key.id.simple())
}

#[cfg(test)]
mod tests {
    use common::procedure::{ProcedureError, ProcedureState, ProcedureStep};
    use common::rpc::ErrorCode;
    use common::types::{Gpid, Incarnation, Member, PeerId, TableId};
    use meta_state::{
        CreateStep, CreateTable, DropTable, Procedure, Rebuild, Record, RegionMigration, RegionStep, Work,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::{assert_round_trip, decode};

    /// As the version before procedures of tables wrote it.
    const OLD: &str = r#"{"version":1,"value":{"id":"00000000-0000-0000-0000-000000000007","work":{"rebuild":
        {"gpid":"1.2","lost":3,"target":{"peer":4,"incarnation":5},"bytes_done":6}},"state":"completed",
        "history":[{"step":"catch_up","at_ms":1}],"attempts":0,"tries":0,"retry_at_ms":0,"error":null,"note":null,
        "cancel":false,"queued_at_ms":1,"started_at_ms":1,"updated_at_ms":2,"finished_at_ms":2,"deadline_at_ms":null}}"#;

    #[test]
    fn a_procedure_of_an_earlier_version_is_read() {
        let Ok(Record::Procedure(old)) = decode("procedure/1.7", OLD.as_bytes()) else { panic!("{OLD}") };
        assert_eq!((old.work.step(), old.state), ("catch_up", ProcedureState::Completed));
    }

    fn migration() -> impl Strategy<Value = RegionMigration> {
        let step = prop::sample::select(RegionStep::ALL.to_vec());
        let target = prop::option::of((0_u64..9, any::<u64>()));
        (step, target, any::<bool>(), prop::option::of(any::<u64>()), any::<u64>()).prop_map(
            |(step, target, source_leaves, write_pause_ms, bytes)| RegionMigration {
                step,
                target: target.map(|(p, i)| Member { peer: PeerId(p), incarnation: Incarnation(i) }),
                source_leaves,
                write_pause_ms,
                bytes_done: bytes,
                ..RegionMigration::new(Gpid::new(1, 2), PeerId(3), PeerId(4), bytes)
            },
        )
    }

    proptest! {
        #[test]
        fn a_procedure_survives_the_store(
            id: u128,
            migration in migration(),
            state in prop::sample::select(ProcedureState::ALL.to_vec()),
            message in prop::option::of(any::<String>()),
            attempts: u32,
            cancel: bool,
            at_ms: u64,
        ) {
            let error = message.clone().map(|message| ProcedureError { code: ErrorCode::Timeout, message });
            assert_round_trip(Record::Procedure(Box::new(Procedure {
                state,
                history: vec![ProcedureStep { step: "start".into(), at_ms }],
                attempts,
                tries: attempts / 2,
                retry_at_ms: at_ms,
                error,
                note: message,
                cancel,
                started_at_ms: cancel.then_some(at_ms),
                finished_at_ms: state.has_ended().then_some(at_ms),
                deadline_at_ms: Some(at_ms),
                ..Procedure::new(Uuid::from_u128(id), Work::RegionMigration(migration), at_ms)
            })));
        }

        #[test]
        fn the_procedures_of_tables_survive_the_store(
            id: u128,
            table: u32,
            step in prop::sample::select(CreateStep::ALL.to_vec()),
            holders in prop::collection::vec(any::<u64>(), 0..4),
            at_ms: u64,
        ) {
            let (table, holders) = (TableId(table), holders.into_iter().map(PeerId).collect::<Vec<_>>());
            let created = Work::CreateTable(CreateTable { table, step, holders: holders.clone() });
            for work in [created, Work::DropTable(DropTable { table, holders })] {
                assert_round_trip(Procedure::new(Uuid::from_u128(id), work, at_ms).into());
            }
        }

        #[test]
        fn a_copy_made_anew_survives_the_store(id: u128, on: u64, incarnation: u64, bytes_done: u64, at_ms: u64) {
            let target = Member { peer: PeerId(on), incarnation: Incarnation(incarnation) };
            let rebuild = Rebuild { gpid: Gpid::new(1, 2), lost: PeerId(3), target, bytes_done };
            assert_round_trip(Procedure::new(Uuid::from_u128(id), Work::Rebuild(rebuild), at_ms).into());
        }
    }
}

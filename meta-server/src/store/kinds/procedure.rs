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
    use common::types::{Gpid, Incarnation, Member, PeerId};
    use meta_state::{Procedure, Rebuild, Record, RegionMigration, RegionStep, Work};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::assert_round_trip;

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
        fn a_copy_made_anew_survives_the_store(id: u128, on: u64, incarnation: u64, bytes_done: u64, at_ms: u64) {
            let target = Member { peer: PeerId(on), incarnation: Incarnation(incarnation) };
            let rebuild = Rebuild { gpid: Gpid::new(1, 2), lost: PeerId(3), target, bytes_done };
            assert_round_trip(Procedure::new(Uuid::from_u128(id), Work::Rebuild(rebuild), at_ms).into());
        }
    }
}

//! The task that lets procedures go on: woken by every change of the state and by a tick, it stores what they do next
//! and has asked what they ask. It remembers nothing but which questions are under way.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::fault::{self, Point};
use common::rpc::{WireError, WireResult};
use common::shutdown::Stop;
use meta_state::{Answer, Ask, Procedure, Record};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::ask::perform;
use super::drain;
use crate::owner::{Handle, Owner};
use crate::push::NodeLinks;

/// Deadlines and silent nodes are noticed within this; everything else wakes the task at once.
const TICK: Duration = Duration::from_millis(250);
/// Steps that a procedure takes in one go at most; a later round goes on.
const STEPS_MAX: usize = 16;

/// Lets procedures go on until told to stop.
pub(crate) async fn run(owner: Handle, links: Arc<NodeLinks>, stop: Stop) {
    let mut changes = owner.changes();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut asking, mut asked) = (JoinSet::new(), BTreeSet::new());
    loop {
        changes.mark_unchanged();
        match owner.ask(go_on).await {
            // One question at a time per procedure: the next step waits until the last one's fate is known.
            Ok(asks) => {
                for ask in asks.into_iter().filter(|ask| asked.insert(ask.procedure)) {
                    asking.spawn(put(owner.clone(), Arc::clone(&links), ask));
                }
            }
            Err(error) => tracing::warn!(%error, "procedures wait"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            _ = tick.tick() => {}
            Some(done) = asking.join_next() => {
                // A question that panicked is put again after a restart; it is the only one that is then forgotten.
                if let Ok(id) = done { asked.remove(&id); }
            }
        }
    }
}

/// Puts a question to a node, and has its answer stored.
async fn put(owner: Handle, links: Arc<NodeLinks>, ask: Ask) -> Uuid {
    let id = ask.procedure;
    let answer = perform(&owner, &links, ask).await.unwrap_or_else(Answer::Failed);
    if let Answer::Failed(error) = &answer {
        tracing::warn!(procedure = %id, %error, "a step is tried again");
    }
    let noted = owner.ask(move |owner| {
        let records = owner.cluster().answered(id, &answer, owner.now());
        store(owner, "answer", records)
    });
    if let Err(error) = noted.await {
        tracing::warn!(procedure = %id, %error, "an answer could not be stored; it is asked for again");
    }
    id
}

/// Every procedure takes the steps that it can take now. What they have to ask is answered.
fn go_on(owner: &mut Owner) -> WireResult<Vec<Ask>> {
    drain::begin(owner)?;
    let open: Vec<Uuid> = owner.cluster().open_procedures().map(|procedure| procedure.id).collect();
    let mut asks = Vec::new();
    for id in open {
        asks.extend(steps(owner, id)?);
    }
    Ok(asks)
}

fn steps(owner: &mut Owner, id: Uuid) -> WireResult<Option<Ask>> {
    for _ in 0..STEPS_MAX {
        let Some(procedure) = owner.cluster().procedure(id) else { return Ok(None) };
        let next = owner.cluster().advance(procedure, owner.now());
        if next.records.is_empty() {
            return Ok(next.ask);
        }
        let entered = next.records.iter().find_map(entered).cloned();
        let step = entered.as_ref().map_or("", |procedure| procedure.work.step());
        store(owner, step, next.records)?;
        if let Some(procedure) = entered {
            say(&procedure);
        }
    }
    Ok(None)
}

fn entered(record: &Record) -> Option<&Procedure> {
    if let Record::Procedure(procedure) = record { Some(procedure) } else { None }
}

fn say(procedure: &Procedure) {
    let (id, state, step) = (procedure.id, procedure.state, procedure.work.step());
    let error = procedure.error.as_ref().map(|error| error.message.as_str());
    tracing::info!(procedure = %id, %state, step, error, note = procedure.note, "procedure goes on");
}

/// Stores records with the fault points that crash tests arm by the name of the step.
pub(super) fn store(owner: &mut Owner, step: &str, records: Vec<Record>) -> WireResult<()> {
    if records.is_empty() {
        return Ok(());
    }
    fault::pass(Point::ProcedureStore, Path::new(step)).map_err(WireError::internal)?;
    owner.commit(records)?;
    fault::pass(Point::ProcedureStored, Path::new(step)).map_err(WireError::internal)
}

//! Tables come and go as procedures: the meta server is killed before and after each step is stored, as a real process, and
//! what a completed drop promises is looked for on the disks.

use anyhow::{Context as _, Result};
use common::procedure::{ProcedureInfo, ProcedureKind, ProcedureState, ProcedureSubject};
use common::rpc::meta_admin::AcceptedTable;
use common::rpc::{ErrorCode, WireResult};
use common::types::{Gpid, TableId};
use tests::cluster::Cluster;
use tests::{disks, wait};
use uuid::Uuid;

use crate::support::{PROCEDURE_WITHIN, TABLE, procedure_when, procedures, restart_meta, turn};

const PARTITIONS: u32 = 2;

/// Where the meta server dies while it creates a table, and whether the creation was accepted by then. The last step is
/// stored a second time when the procedure ends.
const DEATHS_OF_A_CREATION: [(&str, bool); 6] = [
    ("procedure.store=kill~lead", false),
    ("procedure.stored=kill~lead", true),
    ("procedure.store=kill~fill", true),
    ("procedure.stored=kill~fill", true),
    ("procedure.store=kill@2~fill", true),
    ("procedure.stored=kill@2~fill", true),
];
const DEATHS_OF_A_DROP: [(&str, bool); 4] = [
    ("procedure.store=kill~collect", false),
    ("procedure.stored=kill~collect", true),
    ("procedure.store=kill@2~collect", true),
    ("procedure.stored=kill@2~collect", true),
];
const DEATHS_OF_A_ROLLBACK: [&str; 4] = [
    "procedure.store=kill~rollback",
    "procedure.stored=kill~rollback",
    "procedure.store=kill@2~rollback",
    "procedure.stored=kill@2~rollback",
];

async fn create(cluster: &Cluster, name: &str) -> WireResult<AcceptedTable> {
    let name = name.to_owned();
    cluster.ask(async move |meta, deadline| meta.create_table(deadline, name, PARTITIONS, 3).await).await
}

async fn drop_table(cluster: &Cluster, name: &str) -> WireResult<AcceptedTable> {
    let name = name.to_owned();
    cluster.ask(async move |meta, deadline| meta.drop_table(deadline, name).await).await
}

/// The procedures of this kind that concern tables of this name.
async fn of(cluster: &Cluster, kind: ProcedureKind, table: &str) -> Result<Vec<ProcedureInfo>> {
    let all = wait::until("the procedures", PROCEDURE_WITHIN, async || procedures(cluster).await).await?;
    let named = |info: &ProcedureInfo| matches!(&info.subject, ProcedureSubject::Table { name, .. } if name == table);
    Ok(all.into_iter().filter(|info| info.kind == kind && named(info)).collect())
}

async fn ended(cluster: &Cluster, id: Uuid) -> Result<ProcedureInfo> {
    procedure_when(cluster, id, "the end of the procedure", |info| info.state.has_ended()).await
}

async fn completed(cluster: &Cluster, id: Uuid) -> Result<()> {
    let info = ended(cluster, id).await?;
    assert_eq!((info.state, info.error.as_ref(), info.percent), (ProcedureState::Completed, None, 100), "{info:?}");
    Ok(())
}

/// Live directories of a table on all nodes.
fn live(cluster: &Cluster, table: TableId) -> usize {
    let gpids = || (0..PARTITIONS).map(|index| Gpid { table_id: table, partition_index: index });
    let on = |server| gpids().map(|gpid| disks::holding(server, &disks::live(gpid)).len()).sum::<usize>();
    cluster.nodes.iter().map(on).sum()
}

/// Dies by the fault that is armed, and comes back without it.
async fn dies(cluster: &mut Cluster, death: &str) -> Result<()> {
    cluster.meta.exited(PROCEDURE_WITHIN).await.with_context(|| format!("{death} is never reached"))?;
    restart_meta(cluster, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_server_that_is_killed_at_any_step_takes_tables_to_their_end() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    for (count, (death, accepted)) in DEATHS_OF_A_CREATION.into_iter().enumerate() {
        eprintln!("{death}");
        let name = format!("t{count}");
        restart_meta(&mut cluster, Some(death)).await?;
        // Its answer may be lost with it.
        let _ = create(&cluster, &name).await;
        dies(&mut cluster, death).await?;
        assert_eq!(of(&cluster, ProcedureKind::CreateTable, &name).await?.len(), usize::from(accepted), "{death}");
        assert_eq!(cluster.route(&name).await.is_ok(), accepted, "{death}: the table is there if its procedure is");
        if !accepted {
            create(&cluster, &name).await?;
        }
        let [created] = &of(&cluster, ProcedureKind::CreateTable, &name).await?[..] else { panic!("not one: {death}") };
        completed(&cluster, created.id).await.with_context(|| death.to_owned())?;
        assert!(cluster.route(&name).await?.configs.iter().all(|config| config.is_healthy()), "{death}");
    }
    for (count, (death, accepted)) in DEATHS_OF_A_DROP.into_iter().enumerate() {
        eprintln!("{death}");
        let name = format!("t{count}");
        let table = cluster.route(&name).await?.table.table_id;
        restart_meta(&mut cluster, Some(death)).await?;
        let _ = drop_table(&cluster, &name).await;
        dies(&mut cluster, death).await?;
        assert_eq!(cluster.route(&name).await.is_err(), accepted, "{death}: the table is gone if there is a procedure");
        if !accepted {
            drop_table(&cluster, &name).await?;
        }
        let [dropped] = &of(&cluster, ProcedureKind::DropTable, &name).await?[..] else { panic!("not one: {death}") };
        completed(&cluster, dropped.id).await.with_context(|| death.to_owned())?;
        assert_eq!(live(&cluster, table), 0, "{death}");
    }
    Ok(())
}

/// Creates a table while all nodes hold still, so that nothing of it comes to be, and cancels that.
async fn cancel_creation(cluster: &mut Cluster, name: &str) -> Result<AcceptedTable> {
    for server in &cluster.nodes {
        server.process.pause()?;
    }
    let created = create(cluster, name).await?;
    let id = created.procedure;
    // Its answer may be lost with the meta server.
    let _ = cluster.ask(async move |meta, deadline| meta.cancel_procedure(deadline, id).await).await;
    Ok(created)
}

fn resume(cluster: &Cluster) -> Result<()> {
    cluster.nodes.iter().try_for_each(|server| server.process.resume())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_is_cancelled_leaves_nothing_also_if_the_meta_server_is_killed_on_the_way() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    for death in DEATHS_OF_A_ROLLBACK {
        eprintln!("{death}");
        restart_meta(&mut cluster, Some(death)).await?;
        let created = cancel_creation(&mut cluster, TABLE).await?;
        resume(&cluster)?;
        dies(&mut cluster, death).await?;
        let info = ended(&cluster, created.procedure).await.with_context(|| death.to_owned())?;
        assert_eq!((info.state, info.error.as_ref()), (ProcedureState::Cancelled, None), "{death}: {info:?}");
        assert!(cluster.route(TABLE).await.is_err(), "{death}");
        assert_eq!(live(&cluster, created.table.table_id), 0, "{death}");
    }
    let accepted = create(&cluster, TABLE).await.context("the name is free again")?;
    completed(&cluster, accepted.procedure).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_drop_has_left_no_directory_and_waits_for_a_node_that_is_away() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    let created = create(&cluster, TABLE).await?;
    completed(&cluster, created.procedure).await?;
    let table = created.table.table_id;
    assert_eq!(live(&cluster, table), 3 * PARTITIONS as usize);
    let early = cluster.ask(async move |meta, deadline| meta.cancel_procedure(deadline, created.procedure).await).await;
    assert_eq!(early.unwrap_err().code, ErrorCode::JobEnded);

    let away = cluster.node(2)?.address.clone();
    cluster.node_mut(2)?.process.kill()?;
    let id = drop_table(&cluster, TABLE).await?.procedure;
    let waits =
        |info: &ProcedureInfo| info.note.as_ref().is_some_and(|note| note.contains(&format!("({away}) is silent")));
    let waiting = procedure_when(&cluster, id, "the others to be rid of it", |info| {
        waits(info) && info.partitions.is_some_and(|count| count.done == count.total)
    });
    assert_eq!(waiting.await?.state, ProcedureState::Running);
    let refused = cluster.ask(async move |meta, deadline| meta.cancel_procedure(deadline, id).await).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::NotCancellable);
    assert_eq!(live(&cluster, table), PARTITIONS as usize, "only the node that is away has its directories");
    let again = create(&cluster, TABLE).await;
    assert_eq!(again.unwrap_err().code, ErrorCode::NotReady, "the name is free, but three nodes are needed");

    cluster.node_mut(2)?.process.start()?;
    completed(&cluster, id).await?;
    assert_eq!(live(&cluster, table), 0, "what completed means");
    Ok(())
}

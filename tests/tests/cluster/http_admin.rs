//! The meta server's HTTP administration with real nodes: the lines of the source documents, each refusal, and the
//! description that every answer is held to.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use tests::api::{Api, curl};
use tests::cluster::{Cluster, Options};
use tests::{cli, wait};

use crate::support::{MOVE_WITHIN, TABLE, share, store};

const TOKEN: &str = "a token of sixteen bytes";

/// Runs a line as people type it, with what stands in braces filled in.
fn typed(line: &str, values: &[(&str, String)]) -> Result<String> {
    let line = values.iter().fold(line.to_owned(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value));
    let output = Command::new("bash").args(["-c", &line.replacen("curl ", "curl -s ", 1)]).output()?;
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Of the one region of the table with id 1: its id, its leader, and two nodes that do not hold it.
fn region(api: &Api) -> Result<(u64, u64, [u64; 2])> {
    let (_, route) = api.get("/admin/route?table_id=1")?;
    let region = &route["region_routes"][0];
    let leader = region["leader_peer"]["id"].as_u64().context("no leader")?;
    let followers = region["follower_peers"].as_array().context("no followers")?;
    let holds = |peer: u64| peer == leader || followers.iter().any(|follower| follower["id"] == json!(peer));
    let others: Vec<u64> = (0..4).filter(|peer| !holds(*peer)).collect();
    let others = <[u64; 2]>::try_from(others).map_err(|others| anyhow!("other nodes: {others:?}"))?;
    Ok((region["region"]["id"].as_u64().context("no id")?, leader, others))
}

async fn ended(api: &Api, id: &str) -> Result<Value> {
    wait::until("the end of the migration", MOVE_WITHIN, async || {
        let (_, procedure) = api.get(&format!("/admin/procedure?id={id}"))?;
        wait::holds(!procedure["finished_at"].is_null(), || procedure.to_string())?;
        Ok(procedure)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_lines_move_a_region_and_every_answer_is_as_described() -> Result<()> {
    let _share = share().await;
    let mut cluster = Cluster::start_with(Options { nodes: 4, ..Options::default() }).await?;
    cluster.create(TABLE, 1, 2).await?;
    store(&cluster).put("k".into(), "v".into()).await?;
    let (server, port) = cluster.meta_http.split_once(':').context("no port")?;
    let at = |line: &str| line.replace(":3002", &format!(":{port}"));
    let mut values =
        vec![("YOUR_META_SRV_SERVER", server.to_owned()), ("YOUR_META_SRV_LEADER_SERVER", server.to_owned())];

    assert_eq!(typed(&at("curl {YOUR_META_SRV_SERVER}:3002/admin/leader"), &values)?, cluster.meta_http);
    values.push(("TABLE_ID", "1".to_owned()));
    let route = typed(&at("curl {YOUR_META_SRV_LEADER_SERVER}:3002/admin/route?table_id={TABLE_ID}"), &values)?;
    let route: Value = serde_json::from_str(&route)?;
    assert_eq!((&route["type"], &route["region_routes"][0]["region"]["id"]), (&json!("physical"), &json!(1_u64 << 32)));

    let api = Api::new(&cluster.meta_http)?;
    let (id, from, [to, _]) = region(&api)?;
    values.extend([("REGION_ID", id.to_string()), ("FROM_PEER_ID", from.to_string()), ("TO_PEER_ID", to.to_string())]);
    let line = "curl \"{YOUR_META_SRV_LEADER_SERVER}:3002/admin/region-migration?region_id={REGION_ID}&from_peer_id={FROM_PEER_ID}&to_peer_id={TO_PEER_ID}&replay_timeout=5m\"";
    let accepted: Value = serde_json::from_str(&typed(&at(line), &values)?)?;
    let procedure = ended(&api, accepted["procedure_id"].as_str().context("no id")?).await?;
    assert_eq!((&procedure["state"], &procedure["percent"]), (&json!("completed"), &json!(100)), "{procedure}");
    let (_, route) = api.get("/admin/route?table_id=1")?;
    assert_eq!(route["region_routes"][0]["leader_peer"]["id"], json!(to), "{route}");

    refusals(&api, &mut cluster, id).await?;
    everything_is_as_described(&api)
}

/// Each status with its cause; the last one takes a node down.
async fn refusals(api: &Api, cluster: &mut Cluster, id: u64) -> Result<()> {
    let (_, from, [to, other]) = region(api)?;
    let migrate = |id: u64, from: u64, to: u64| {
        api.post(&format!("/admin/region-migration?region_id={id}&from_peer_id={from}&to_peer_id={to}"))
    };
    let (status, answer) = migrate(id, from, from)?;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("SAME_NODE")));
    assert_eq!(api.get("/admin/region-migration?region_id=1")?.0, 400);
    assert_eq!(migrate(id + 9, from, to)?.0, 404);
    assert_eq!(migrate(id, from, 77)?.0, 404);
    assert_eq!(migrate(id, other, to)?.0, 409, "it is not there");
    assert_eq!(api.get("/admin/procedure?id=00000000-0000-0000-0000-000000000007")?.0, 404);
    assert_eq!(api.get("/admin/nowhere")?.0, 404);
    assert_eq!(api.post("/admin/nodes")?.0, 405);
    let (status, head) = (
        api.get("/admin/procedures?limit=1")?.0,
        curl(&["-sI", &format!("{}/admin/region-migration", cluster.meta_http)])?,
    );
    assert!(status == 200 && head.starts_with("HTTP/1.1 405"), "{head}");

    // While a move is under way the region is its own. It cannot end before its target goes on.
    cluster.node_mut(usize::try_from(to)?)?.process.pause()?;
    let (_, accepted) = migrate(id, from, to)?;
    assert_eq!(migrate(id, from, to)?.0, 409);
    cluster.node_mut(usize::try_from(to)?)?.process.resume()?;
    let first = accepted["procedure_id"].as_str().context("no id")?;
    assert_eq!(ended(api, first).await?["state"], json!("completed"));
    assert_eq!(api.post(&format!("/admin/procedure/cancel?id={first}"))?.0, 409);

    let (_, from, [to, _]) = region(api)?;
    cluster.node_mut(usize::try_from(to)?)?.process.kill()?;
    wait::until("the node's death to be seen", Duration::from_secs(20), async || {
        let (_, nodes) = api.get("/admin/nodes")?;
        wait::holds(nodes["nodes"][usize::try_from(to)?]["status"] == "DEAD", || nodes.to_string())
    })
    .await?;
    assert_eq!(migrate(id, from, to)?.0, 503);
    Ok(())
}

/// Every GET, with what is there by now.
fn everything_is_as_described(api: &Api) -> Result<()> {
    for path in [
        "/health",
        "/admin/cluster",
        "/admin/nodes",
        "/admin/tables",
        "/admin/route?table_id=1",
        "/admin/partitions",
        "/admin/alarms",
    ] {
        assert_eq!(api.get(path)?.0, 200, "{path}");
    }
    let (_, jobs) = api.get("/admin/jobs?kind=region&state=completed")?;
    assert_eq!((&jobs["total"], &jobs["jobs"][0]["gpid"]), (&json!(2), &json!("1.0")));
    assert_eq!(api.get("/admin/procedures?state=completed")?.1["procedures"].as_array().map(Vec::len), Some(3));
    let (_, tables) = api.get("/admin/jobs?kind=table")?;
    let created = &tables["jobs"][0];
    assert_eq!((&tables["total"], &created["procedure"]), (&json!(1), &json!("create_table")), "{tables}");
    assert_eq!((&created["table"], &created["table_id"], &created["gpid"]), (&json!(TABLE), &json!(1), &json!(null)));
    let (_, procedure) = api.get(&format!("/admin/procedure?id={}", created["id"].as_str().context("no id")?))?;
    assert_eq!((&procedure["kind"], &procedure["step"]), (&json!("create_table"), &json!("fill")), "{procedure}");
    let (_, plans) = api.get("/admin/disk-plan")?;
    assert_eq!(
        (plans["plans"].as_array().map(Vec::len), plans["unasked"].as_array().map(Vec::len)),
        (Some(3), Some(1))
    );
    assert_eq!(api.get("/admin/maintenance")?.1, json!({"maintenance": false, "since": null}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_token_is_configured_whatever_is_described_as_a_change_needs_it() -> Result<()> {
    let _share = share().await;
    let mut cluster = Cluster::plan(&Options { nodes: 1, ..Options::default() })?;
    cluster.meta.start_with(&[], &[("GODWIT_ADMIN_TOKEN", TOKEN)])?;
    wait::until("the http port", Duration::from_secs(20), async || Api::new(&cluster.meta_http).map(|_| ())).await?;
    let api = Api::new(&cluster.meta_http)?;
    let paths = api.document()["paths"].as_object().context("no paths")?;
    let mut changes = 0;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().context("no methods")? {
            if operation.get("security").is_none() {
                continue;
            }
            changes += 1;
            let method = method.to_uppercase();
            assert_eq!(api.ask(&method, path, &[])?.0, 401, "{method} {path}");
            assert_eq!(api.ask(&method, path, &["Authorization: Bearer another"])?.0, 401, "{method} {path}");
            let right = format!("Authorization: Bearer {TOKEN}");
            assert_eq!(api.ask(&method, path, &[&right])?.0, 400, "{method} {path}: its parameters are missing");
        }
    }
    assert_eq!(changes, 5, "the changes that are described");
    assert_eq!(api.get("/admin/nodes")?.0, 200, "looking needs no token");
    let on = cli::run(&cluster, &["--json", "maintenance", "on"])?.json()?;
    assert_eq!((&on["maintenance"], api.get("/admin/maintenance")?.1), (&json!(true), on.clone()));
    assert_eq!(cli::run(&cluster, &["--json", "cluster-info"])?.json()?["maintenance_since"], on["since"]);
    let leader = cli::run(&cluster, &["--json", "leader"])?.json()?;
    assert_eq!(leader, json!({"rpc": cluster.meta_address, "http": cluster.meta_http}));
    Ok(())
}

//! The HTTP door, end to end but for real nodes.

use common::rpc::Secret;
use common::rpc::meta_admin::{Leader, Maintenance};
use serde_json::{Value, json};

use super::cluster::healthy;
use super::*;
use crate::store::{MemoryStore, RocksStore};

const TOKEN: &str = "a token of sixteen bytes";

async fn started(token: Option<&str>) -> Meta {
    let admin_token = token.map(|token| Secret::new(token.as_bytes()).unwrap());
    Meta::start_with(Arc::new(MemoryStore::default()), admin_token).await
}

/// Status, head and document of an answer.
async fn ask(meta: &Meta, method: &str, path: &str, headers: &str) -> (u16, String, Value) {
    let text = meta.request(method, path, &format!("Host: {}\r\n{headers}", meta.http)).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
}

async fn refused(meta: &Meta, method: &str, path: &str) -> (u16, String, String) {
    let (status, head, body) = ask(meta, method, path, "").await;
    assert!(head.contains("content-type: application/json"), "{head}");
    let error = &body["error"];
    assert!(error["hint"].is_string(), "{body}");
    (status, error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_refusal_is_a_document_also_of_unknown_paths_and_methods() {
    let meta = started(None).await;
    let (status, code, message) = refused(&meta, "GET", "/admin/nowhere").await;
    assert_eq!((status, code.as_str()), (404, "UNKNOWN_PATH"));
    assert!(message.contains("/admin/nowhere"), "{message}");
    assert_eq!(refused(&meta, "GET", "/console/secret").await.0, 404);
    let (status, head, body) = ask(&meta, "DELETE", "/admin/maintenance", "").await;
    assert_eq!((status, &body["error"]["code"]), (405, &json!("WRONG_METHOD")));
    assert!(head.contains("allow: get,head,post"), "{head}");
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_its_name() {
    let meta = started(None).await;
    for (path, name) in [
        ("/admin/route", "table_id"),
        ("/admin/route?table_id=many", "table_id"),
        ("/admin/route?table_id=1&tableid=2", "tableid"),
        ("/admin/nodes?all=true", "all"),
        ("/admin/partitions?unhealthy=yes", "unhealthy"),
        ("/admin/partitions?gpid=1", "gpid"),
        ("/admin/partitions?limit=0", "limit"),
        ("/admin/disk-plan?by=size", "by"),
    ] {
        let (status, code, message) = refused(&meta, "GET", path).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_ARGUMENT"), "{path}");
        assert!(message.contains(&format!("'{name}'")), "{path}: {message}");
    }
    assert_eq!(refused(&meta, "POST", "/admin/maintenance").await.0, 400);
    assert_eq!(refused(&meta, "GET", "/admin/route?table_id=9").await.1, "UNKNOWN_TABLE");
    assert_eq!(refused(&meta, "GET", "/admin/disk-plan?node=9").await.1, "UNKNOWN_NODE");
}

#[tokio::test]
async fn the_leader_is_told_as_it_can_be_reached() {
    let meta = started(None).await;
    let text = meta.get("/admin/leader").await;
    assert!(text.ends_with(&format!("\r\n\r\n{}", meta.http)), "{text}");
    assert!(text.to_lowercase().contains("content-type: text/plain"), "{text}");
    let leader = meta.admin.ask(DEADLINE, |client, context| async move { client.leader(context).await }).await.unwrap();
    assert_eq!(leader, Leader { rpc: meta.running.as_ref().unwrap().rpc, http: meta.http });
}

#[tokio::test]
async fn maintenance_mode_is_one_for_both_doors_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::start(Arc::new(RocksStore::open(dir.path()).unwrap())).await;
    let (status, _, body) = ask(&meta, "POST", "/admin/maintenance?enable=true", "").await;
    assert_eq!((status, &body["maintenance"]), (200, &json!(true)));
    meta.stop().await;
    let meta = Meta::start(Arc::new(RocksStore::open(dir.path()).unwrap())).await;
    assert_eq!(ask(&meta, "GET", "/admin/maintenance", "").await.2, body);
    assert_eq!(ask(&meta, "GET", "/admin/cluster", "").await.2["maintenance_since"], body["since"]);
    let off = |client: MetaAdminServiceClient, context| async move { client.set_maintenance(context, false).await };
    assert_eq!(meta.admin.ask(DEADLINE, off).await, Ok(Maintenance { since_ms: None }));
    assert_eq!(ask(&meta, "GET", "/admin/maintenance", "").await.2, json!({"maintenance": false, "since": null}));
    meta.stop().await;
}

#[tokio::test]
async fn with_a_token_only_changes_need_it() {
    let meta = started(Some(TOKEN)).await;
    let path = "/admin/maintenance?enable=true";
    let (status, head, body) = ask(&meta, "POST", path, "").await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("UNAUTHENTICATED")));
    assert!(head.contains("www-authenticate: bearer"), "{head}");
    assert_eq!(ask(&meta, "POST", path, "Authorization: Bearer another token\r\n").await.0, 401);
    assert_eq!(ask(&meta, "GET", "/admin/maintenance", "").await.2["maintenance"], json!(false));
    assert_eq!(ask(&meta, "POST", path, &format!("Authorization: Bearer {TOKEN}\r\n")).await.0, 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_change_anything() {
    let meta = started(None).await;
    for header in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let (status, _, body) = ask(&meta, "POST", "/admin/maintenance?enable=true", header).await;
        assert_eq!((status, &body["error"]["code"]), (403, &json!("CROSS_SITE")), "{header}");
    }
    let rebound = meta.request("POST", "/admin/maintenance?enable=true", "Host: evil.example\r\n").await;
    assert!(rebound.starts_with("HTTP/1.1 403"), "{rebound}");
    assert_eq!(ask(&meta, "GET", "/admin/maintenance", "").await.2["maintenance"], json!(false));
}

#[tokio::test]
async fn answers_are_neither_kept_nor_framed_nor_do_they_run_anything_foreign() {
    let meta = started(None).await;
    for path in ["/", "/console/main.js", "/admin/nodes", "/nowhere"] {
        let head = ask(&meta, "GET", path, "").await.1;
        for part in [
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "default-src 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(head.contains(part), "{path}: {head}");
        }
        assert!(!head.contains("access-control-allow"), "{path}: {head}");
    }
}

#[tokio::test]
async fn partitions_tell_what_is_wrong_with_them() {
    let (meta, _nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let all = ask(&meta, "GET", "/admin/partitions?limit=3", "").await.2;
    assert_eq!((&all["total"], all["partitions"].as_array().unwrap().len()), (&json!(8), 3));
    assert_eq!(all["partitions"][0]["primary"]["id"], json!(config.primary.unwrap().peer));
    assert_eq!(
        ask(&meta, "GET", "/admin/partitions?unhealthy=true", "").await.2,
        json!({"total": 0, "partitions": []})
    );
}

#[tokio::test]
async fn an_alarm_is_shown_by_both_doors_and_counted() {
    let meta = started(None).await;
    let nothing = json!({"total": 0, "alarms": []});
    assert_eq!(ask(&meta, "GET", "/admin/alarms", "").await.2, nothing);
    let node = FakeNode::start(&meta, 100).await;
    node.beat().await;
    for process in 101..=103 {
        let again = FakeNode { process: ProcessId(process), ..node.clone() };
        again.register(None).await.unwrap();
        again.beat().await;
    }
    let shown = ask(&meta, "GET", "/admin/alarms?limit=5", "").await.2;
    let alarm = &shown["alarms"][0];
    assert_eq!((&shown["total"], &alarm["kind"], &alarm["count"]), (&json!(1), &json!("node_unsteady"), &json!(3)));
    assert_eq!((&alarm["node"]["addr"], &alarm["gpid"]), (&json!(node.address), &Value::Null));
    let info = meta.admin.ask(DEADLINE, |client, context| async move { client.cluster(context).await }).await.unwrap();
    assert_eq!((info.alarms_total, json!(info.alarms[0].message)), (1, alarm["message"].clone()));
    while !meta.get("/metrics").await.contains("godwit_meta_alarms{kind=\"node_unsteady\"} 1") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_port_that_others_reach_needs_a_token_or_the_operators_word() {
    let try_to_start = async |admin_token: Option<Secret>, insecure: bool| {
        let options = Meta::options(Arc::new(MemoryStore::default()), admin_token, Stop::new());
        let security = Security { insecure, ..Security::default() };
        start(MetaOptions { http: "0.0.0.0:0".into(), security, ..options }).await.map(|_| ())
    };
    let refused = try_to_start(None, false).await.unwrap_err().to_string();
    assert!(refused.contains("admin_token_file") && refused.contains("--insecure"), "{refused}");
    assert!(try_to_start(None, true).await.is_ok());
    assert!(try_to_start(Secret::new(TOKEN.as_bytes()).ok(), false).await.is_ok());
}

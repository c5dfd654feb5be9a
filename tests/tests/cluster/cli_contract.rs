//! `admin-cli` as scripts see it: shapes, exit codes, one document and nothing else.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::cluster::Cluster;
use tests::{cities, cli};

use crate::support::turn;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The first element of a list has exactly these fields.
fn fields(document: &Value, list: &str, expected: &[&str]) -> Result<()> {
    let first = document[list].get(0).with_context(|| format!("no element in {document}"))?;
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let mut found = keys(first);
    found.sort_unstable();
    assert_eq!(found, expected);
    Ok(())
}

fn ask(cluster: &Cluster, args: &[&str]) -> Result<Value> {
    let ran = cli::run(cluster, &[args, &["--json"]].concat())?;
    assert_eq!(ran.stderr, "", "with --json nothing is written beside the document: {args:?}");
    ran.json().with_context(|| format!("{args:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_objects_with_the_fields_of_the_specification() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    let created = ask(&cluster, &["create", "t", "-p", "2", "-r", "3"])?;
    let tables = json!([{"table_id": 1, "name": "t", "partitions": 2, "replicas": 3, "healthy": 2}]);
    assert_eq!(created, json!({"tables": tables, "procedure_id": created["procedure_id"]}));
    assert_eq!(ask(&cluster, &["ls"])?, json!({"tables": tables}));
    let node = [
        "peer_id",
        "address",
        "resp",
        "status",
        "loaded",
        "replicas",
        "primaries",
        "secondaries",
        "disks",
        "draining",
        "drain_blocked",
    ];
    fields(&ask(&cluster, &["nodes"])?, "nodes", &node)?;
    let info = ask(&cluster, &["cluster-info"])?;
    fields(&info, "nodes", &node)?;
    assert_eq!((&info["alarms"], &info["alarms_total"]), (&json!([]), &json!(0)));
    let partitions = ask(&cluster, &["app", "t", "-d"])?;
    fields(&partitions, "partitions", &["gpid", "slots", "ballot", "primary", "secondaries", "learners", "healthy"])?;
    assert_eq!(partitions["partitions"][1]["gpid"], "1.1");
    let disk = [
        "disk",
        "path",
        "status",
        "reason",
        "draining",
        "added",
        "capacity_bytes",
        "available_bytes",
        "used_ratio",
        "replicas",
    ];
    fields(&ask(&cluster, &["disk-capacity", "-n", "0"])?, "disks", &disk)?;
    fields(&ask(&cluster, &["disk-replica", "-n", "0"])?, "disks", &["disk", "primary", "secondary", "total"])?;
    let one = ask(&cluster, &["disk-replica", "-n", &cluster.node(0)?.address, "-d", "disk1"])?;
    assert_eq!(one["disks"].as_array().map(Vec::len), Some(1));
    assert_eq!(ask(&cluster, &["disk-migrate-report"])?, json!({"jobs": []}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_in_and_out_with_any_bytes() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    ask(&cluster, &["create", "t", "-p", "2", "-r", "3"])?;
    ask(&cluster, &["set", "-t", "t", r"a\x00\\b", r"\n", r"\xff\tü"])?;
    assert_eq!(ask(&cluster, &["get", "-t", "t", r"a\x00\\b", r"\n"])?, json!({"value": r"\xff\tü"}));
    assert_eq!(ask(&cluster, &["get", "-t", "t", "nobody", ""])?, json!({"value": null}));
    let stdin = cli::run_with_input(&cluster, &["set", "-t", "t", "in", "", "-"], "line\n")?;
    assert_eq!(stdin.code, 0, "{}", stdin.stderr);
    assert_eq!(cli::run(&cluster, &["get", "-t", "t", "in", "", "--raw"])?.stdout, "line\n");
    assert_eq!(ask(&cluster, &["count", "-t", "t"])?, json!({"count": 2}));
    let scan = ask(&cluster, &["scan", "-t", "t", "in"])?;
    assert_eq!(scan["records"], json!([{"hash_key": "in", "sort_key": "", "value": r"line\n"}]));
    ask(&cluster, &["del", "-t", "t", "in", ""])?;
    assert_eq!(ask(&cluster, &["count", "-t", "t"])?, json!({"count": 1}));
    let loaded = ask(&cluster, &["load", &cities::file().display().to_string(), "-t", "t"])?;
    assert_eq!(loaded, json!({"loaded": cities::COUNT}));
    let flushed = ask(&cluster, &["flush", "-t", "t"])?;
    assert_eq!(flushed["replicas"].as_array().map(Vec::len), Some(6));
    let verified = ask(&cluster, &["verify", "-t", "t"])?;
    assert_eq!(verified["partitions"][0]["consistent"], true);
    assert_eq!(verified["partitions"][0]["members"].as_array().map(Vec::len), Some(3));
    assert_eq!(ask(&cluster, &["drop", "t"])?["tables"][0]["name"], "t");
    assert_eq!(ask(&cluster, &["ls"])?, json!({"tables": []}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_started_waited_for_and_reported() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    ask(&cluster, &["create", "t", "-p", "1", "-r", "3"])?;
    ask(&cluster, &["load", &cities::file().display().to_string(), "-t", "t"])?;
    // Servers that start together register in any order: peer id 1 is whoever came second.
    let nodes = ask(&cluster, &["nodes"])?;
    let node = nodes["nodes"][1]["address"].as_str().context("no second node")?.to_owned();
    assert_eq!(nodes["nodes"][1]["peer_id"], 1);
    let on_disk1 = ask(&cluster, &["disk-replica", "-n", "1", "-d", "disk1"])?;
    let (from, to) = if on_disk1["disks"][0]["total"] == 1 { ("disk1", "disk2") } else { ("disk2", "disk1") };
    let migrated = ask(&cluster, &["disk-migrate", "-n", "1", "-g", "1.0", "-f", from, "-t", to, "--wait"])?;
    let job = &migrated["job"];
    assert_eq!(
        (&job["state"], &job["outcome"], &job["percent"]),
        (&json!("COMPLETED"), &json!("completed"), &json!(100))
    );
    assert_eq!((&job["subject"], &job["node"]), (&json!("1.0"), &json!(node)));
    let reported = ask(&cluster, &["disk-migrate-report", "--id", job["id"].as_str().unwrap_or_default()])?;
    assert_eq!(reported["jobs"][0]["id"], job["id"]);
    ask(&cluster, &["propose", "-g", "1.0", "--primary", "1"])?;
    let partitions = ask(&cluster, &["app", "t", "-d"])?;
    assert_eq!(partitions["partitions"][0]["primary"], json!(node));
    ask(&cluster, &["verify", "-g", "1.0"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_come_and_go_are_jobs_to_be_waited_for_listed_and_looked_at() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    let created = ask(&cluster, &["create", "t", "-p", "2", "-r", "3", "--wait"])?;
    assert_eq!(created["tables"][0]["healthy"], 2);
    let id = created["procedure_id"].as_str().context("no id")?;
    let looked = ask(&cluster, &["job", id])?;
    let (job, procedure) = (&looked["job"], &looked["procedure"]);
    assert_eq!((&job["kind"], &job["subject"], &job["step"]), (&json!("table"), &json!("t"), &json!("fill")));
    assert_eq!((&job["outcome"], &job["percent"], &job["node"]), (&json!("completed"), &json!(100), &json!(null)));
    assert_eq!((&procedure["kind"], &procedure["table_id"]), (&json!("create_table"), &json!(1)));
    assert_eq!((&procedure["table"], &procedure["gpid"]), (&json!("t"), &json!(null)));
    let early = cli::run(&cluster, &["job-cancel", id, "--json"])?;
    assert_eq!((early.code, &early.error()?["code"]), (1, &json!("JOB_ENDED")));

    let dropped = ask(&cluster, &["drop", "t", "--wait"])?;
    assert_eq!(dropped["tables"][0]["name"], "t");
    let listed = ask(&cluster, &["jobs", "--kind", "table", "--state", "completed"])?;
    let ids: Vec<&Value> = listed["jobs"].as_array().context("no list")?.iter().map(|job| &job["id"]).collect();
    assert_eq!(ids, [&created["procedure_id"], &dropped["procedure_id"]], "oldest first");
    assert_eq!(listed["jobs"][1]["step"], "collect");
    for kind in ["disk", "region"] {
        assert_eq!(ask(&cluster, &["jobs", "--kind", kind])?, json!({"jobs": []}), "{kind}");
    }
    let both = cli::run(&cluster, &["create", "u", "--wait", "--no-wait"])?;
    assert_eq!(both.code, 2, "{both:?}");
    let unknown = cli::run(&cluster, &["job", "00000000-0000-0000-0000-000000000007", "--json"])?;
    assert_eq!(unknown.error()?["code"], "UNKNOWN_JOB");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_a_code_a_hint_and_an_exit_code() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    ask(&cluster, &["create", "t", "-p", "1", "-r", "3"])?;
    let cases: [(&[&str], i32, &str); 7] = [
        (&["app", "nothing"], 1, "UNKNOWN_TABLE"),
        (&["create", "t"], 1, "ALREADY_EXISTS"),
        (&["create", "u", "-p", "3"], 1, "INVALID_ARGUMENT"),
        (&["disk-capacity", "-n", "77"], 1, "UNKNOWN_NODE"),
        (&["disk-capacity", "-n", "0", "-d", "disk9"], 1, "UNKNOWN_DISK"),
        (&["verify", "-g", "9.9"], 1, "UNKNOWN_PARTITION"),
        (&["disk-capacity"], 2, "INVALID_ARGUMENT"),
    ];
    for (args, code, name) in cases {
        let json = cli::run(&cluster, &[args, &["--json"]].concat())?;
        assert_eq!(json.code, code, "{args:?}: {json:?}");
        let error = json.error()?;
        assert_eq!(error["code"], name, "{args:?}");
        assert_eq!(keys(&error), ["code", "hint", "message"]);
        let plain = cli::run(&cluster, args)?;
        assert_eq!((plain.code, plain.stdout.as_str()), (code, ""));
        assert!(plain.stderr.starts_with(&format!("error[{name}]: ")) && plain.stderr.contains(" hint: "), "{plain:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_goes_on_after_errors() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    let lines = "nonsense\ncreate t -p 1 -r 3\nuse nothing\nuse t\nset k s v\nget k s\nhelp get\nexit\n";
    let ran = cli::run_with_input(&cluster, &[], lines)?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("\nv\n") && ran.stdout.contains("--raw"), "{ran:?}");
    assert!(ran.stderr.contains("error[INVALID_ARGUMENT]") && ran.stderr.contains("error[UNKNOWN_TABLE]"), "{ran:?}");
    Ok(())
}

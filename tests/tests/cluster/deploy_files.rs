//! The sample alert rules and the dashboard name metrics that live servers export; the examples of settings are understood,
//! and the units start what they configure.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::cluster::{Cluster, Options};
use tests::programs;

use crate::support::{http, turn};

fn file(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy").join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Every word that begins as metrics do.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("godwit_")).map(str::to_owned).collect()
}

/// The names of all samples that a server may export, from the families that it announces.
fn exported(address: &str) -> Result<BTreeSet<String>> {
    let (_, text) = http(address, "/metrics")?;
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let samples = families.flat_map(|(name, kind)| match kind {
        "counter" => vec![format!("{name}_total")],
        "histogram" => ["bucket", "sum", "count"].map(|suffix| format!("{name}_{suffix}")).to_vec(),
        _ => vec![name.to_owned()],
    });
    Ok(samples.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_alert_rules_and_of_the_dashboard_is_exported() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start_with(Options { nodes: 1, ..Options::default() }).await?;
    let mut known = exported(&cluster.node(0)?.http)?;
    known.extend(exported(&cluster.meta_http)?);
    for name in ["prometheus-alerts.yml", "grafana-disks.json"] {
        let wanted = named(&file(name)?);
        assert!(wanted.len() > 10, "{name} names {wanted:?}");
        let missing: Vec<_> = wanted.difference(&known).collect();
        assert!(missing.is_empty(), "{name} names {missing:?}, exported are {known:#?}");
    }
    Ok(())
}

#[test]
fn the_dashboard_is_a_document_whose_panels_have_queries() -> Result<()> {
    let dashboard: Value = serde_json::from_str(&file("grafana-disks.json")?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    Ok(())
}

#[test]
fn the_examples_of_settings_are_understood_and_the_units_name_them() -> Result<()> {
    for name in ["meta-server", "replica-server"] {
        let settings = format!("{name}.toml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy").join(&settings);
        let ran = Command::new(programs::find(name)?).arg("--config").arg(path).arg("--print-config").output()?;
        assert!(ran.status.success(), "{settings}: {}", String::from_utf8_lossy(&ran.stderr));
        let printed = String::from_utf8(ran.stdout)?;
        assert!(printed.contains("/etc/godwit/secret"), "{printed}");
        assert!(file(&format!("{name}.service"))?.contains(&format!("{name} --config /etc/godwit/{settings}")));
    }
    Ok(())
}

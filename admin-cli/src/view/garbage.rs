//! Garbage: `disk-gc`.

use common::rpc::garbage::{GarbageDir, GarbageKind};
use serde::Serialize;

use crate::output::{Output, or_dash, table};
use crate::time::{rfc3339, size, span};

/// A directory that has lost its name.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "docs/operations.md explains the fields")]
pub struct GarbageView {
    pub disk: String,
    pub path: String,
    pub gpid: String,
    pub kind: GarbageKind,
    pub incarnation: Option<u64>,
    pub size_bytes: u64,
    pub since: Option<String>,
    pub age_ms: Option<u64>,
    pub due_at: Option<String>,
    pub removed: bool,
    pub kept: Option<String>,
}

/// All together.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "docs/operations.md explains the fields")]
pub struct GarbageTotals {
    pub directories: usize,
    pub size_bytes: u64,
    pub removed_directories: usize,
    pub removed_bytes: u64,
}

/// `disk-gc`.
#[derive(Clone, Debug, Serialize)]
pub struct Garbage {
    /// In order of disk and name.
    pub garbage: Vec<GarbageView>,
    /// All together, what was removed included.
    pub totals: GarbageTotals,
}

/// The directories, those included that were removed now.
#[must_use]
pub fn garbage(found: &[GarbageDir]) -> Output {
    let dirs: Vec<GarbageView> = found.iter().map(view).collect();
    let totals = totals(found);
    let header = ["disk", "directory", "incarnation", "size", "age", "due_at", "state"];
    let mut text = table(&header, dirs.iter().map(row));
    text.push_str(&format!("\n{} directories, {}", totals.directories, size(totals.size_bytes)));
    if totals.removed_directories > 0 {
        text.push_str(&format!("; removed {}, {}", totals.removed_directories, size(totals.removed_bytes)));
    }
    Output::new(&Garbage { garbage: dirs, totals }, text)
}

fn view(dir: &GarbageDir) -> GarbageView {
    GarbageView {
        disk: dir.disk.clone(),
        path: dir.path.clone(),
        gpid: dir.gpid.to_string(),
        kind: dir.kind,
        incarnation: dir.incarnation.map(|incarnation| incarnation.0),
        size_bytes: dir.size_bytes,
        since: dir.since_ms.map(rfc3339),
        age_ms: dir.age_ms,
        due_at: dir.due_ms.map(rfc3339),
        removed: dir.removed,
        kept: dir.kept.clone(),
    }
}

fn totals(found: &[GarbageDir]) -> GarbageTotals {
    let removed = || found.iter().filter(|dir| dir.removed);
    GarbageTotals {
        directories: found.len(),
        size_bytes: found.iter().map(|dir| dir.size_bytes).sum(),
        removed_directories: removed().count(),
        removed_bytes: removed().map(|dir| dir.size_bytes).sum(),
    }
}

fn row(dir: &GarbageView) -> Vec<String> {
    let name = dir.path.rsplit('/').next().unwrap_or(&dir.path).to_owned();
    let state = match &dir.kept {
        _ if dir.removed => "removed".to_owned(),
        Some(reason) => format!("stays: {reason}"),
        None => "may go".to_owned(),
    };
    vec![
        dir.disk.clone(),
        name,
        or_dash(dir.incarnation),
        size(dir.size_bytes),
        or_dash(dir.age_ms.map(span)),
        or_dash(dir.due_at.as_ref()),
        state,
    ]
}

#[cfg(test)]
mod tests {
    use common::types::{Gpid, Incarnation};
    use serde_json::json;

    use super::*;

    fn dir(removed: bool, kept: Option<&str>) -> GarbageDir {
        GarbageDir {
            disk: "disk1".into(),
            path: "/data/disk1/1.3.pegasus.disk.migrate.ori".into(),
            gpid: Gpid::new(1, 3),
            kind: GarbageKind::Ori,
            incarnation: Some(Incarnation(4)),
            size_bytes: 1 << 20,
            since_ms: Some(0),
            age_ms: Some(61_000),
            due_ms: Some(7000),
            removed,
            kept: kept.map(str::to_owned),
        }
    }

    #[test]
    fn a_directory_has_the_fields_that_scripts_rely_on() {
        let json = garbage(&[dir(false, None)]).json;
        let expected = json!({"disk": "disk1", "path": "/data/disk1/1.3.pegasus.disk.migrate.ori", "gpid": "1.3",
            "kind": "ori", "incarnation": 4, "size_bytes": 1 << 20, "since": "1970-01-01T00:00:00.000Z",
            "age_ms": 61_000, "due_at": "1970-01-01T00:00:07.000Z", "removed": false, "kept": null});
        assert_eq!(json["garbage"], json!([expected]));
    }

    #[test]
    fn totals_tell_what_was_removed_from_what_stays_with_its_reason() {
        let output = garbage(&[dir(true, None), dir(false, Some("a move of this partition is under way"))]);
        let totals = json!({"directories": 2, "size_bytes": 2 << 20, "removed_directories": 1,
            "removed_bytes": 1 << 20});
        assert_eq!(output.json["totals"], totals);
        for part in ["removed\n", "stays: a move of this partition", "2 directories, 2.00 MiB; removed 1, 1.00 MiB"] {
            assert!(output.text.contains(part), "{part} is missing in {}", output.text);
        }
    }
}

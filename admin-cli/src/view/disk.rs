//! `disk-capacity` and `disk-replica`.

use common::rpc::node_admin::{DiskInfo, DiskStatus, ReplicaInfo};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::ReplicaStatus;
use serde::Serialize;

use crate::output::{Output, or_dash, table};
use crate::time::size;

/// A disk with its space.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct DiskView {
    pub disk: String,
    pub path: String,
    pub status: DiskStatus,
    /// Why it is not NORMAL.
    pub reason: Option<String>,
    /// Its replicas are to leave it, and none come to it.
    pub draining: bool,
    /// By disk-add; not in the server's `data_dirs`.
    pub added: bool,
    pub capacity_bytes: u64,
    pub available_bytes: u64,
    /// 0 to 1; null if the disk does not answer.
    pub used_ratio: Option<f64>,
    /// How many it holds.
    pub replicas: usize,
}

/// A replica on the disk asked for.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct ReplicaView {
    pub gpid: String,
    pub status: ReplicaStatus,
    /// Not in `disk-replica`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// `disk-capacity`.
#[derive(Clone, Debug, Serialize)]
pub struct Disks {
    /// In order of tag.
    pub disks: Vec<DiskView>,
    /// Those of the disk asked for; absent if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Vec<ReplicaView>>,
}

/// `disk-add`, `disk-remove`.
#[derive(Clone, Debug, Serialize)]
pub struct OneDisk {
    /// As it is, or as it was last.
    pub disk: DiskView,
}

/// A disk with the number of its replicas.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct DiskCount {
    pub disk: String,
    pub primary: usize,
    pub secondary: usize,
    pub total: usize,
}

/// `disk-replica`.
#[derive(Clone, Debug, Serialize)]
pub struct DiskCounts {
    /// In order of tag.
    pub disks: Vec<DiskCount>,
    /// Those of the disk asked for; absent if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Vec<ReplicaView>>,
}

/// The disks with their space; with `only`, that disk and its replicas.
///
/// # Errors
/// No such disk.
pub fn capacities(infos: &[DiskInfo], only: Option<&str>) -> WireResult<Output> {
    let chosen = choose(infos, only)?;
    let disks: Vec<DiskView> = chosen.iter().map(|info| capacity(info)).collect();
    let replicas = only.map(|_| replicas(&chosen, true));
    let header = ["disk", "path", "status", "capacity", "available", "used", "replicas", "remarks"];
    let text = with_replicas(table(&header, disks.iter().map(capacity_row)), replicas.as_deref());
    Ok(Output::new(&Disks { disks, replicas }, text))
}

/// The disks with their numbers of replicas; with `only`, that disk and its replicas.
///
/// # Errors
/// No such disk.
pub fn counts(infos: &[DiskInfo], only: Option<&str>) -> WireResult<Output> {
    let chosen = choose(infos, only)?;
    let disks: Vec<DiskCount> = chosen.iter().map(|info| count(info)).collect();
    let replicas = only.map(|_| replicas(&chosen, false));
    let row = |d: &DiskCount| vec![d.disk.clone(), d.primary.to_string(), d.secondary.to_string(), d.total.to_string()];
    let text =
        with_replicas(table(&["disk", "primary", "secondary", "total"], disks.iter().map(row)), replicas.as_deref());
    Ok(Output::new(&DiskCounts { disks, replicas }, text))
}

/// One disk that has changed, after a word about it.
#[must_use]
pub fn one_disk(info: &DiskInfo, text: &str) -> Output {
    Output::new(&OneDisk { disk: capacity(info) }, text.to_owned())
}

fn choose<'a>(infos: &'a [DiskInfo], only: Option<&str>) -> WireResult<Vec<&'a DiskInfo>> {
    let chosen: Vec<&DiskInfo> = infos.iter().filter(|info| only.is_none_or(|disk| disk == info.disk)).collect();
    match only {
        Some(disk) if chosen.is_empty() => {
            let known: Vec<&str> = infos.iter().map(|info| info.disk.as_str()).collect();
            let hint = format!("the node's disks are {}", known.join(", "));
            Err(WireError::new(ErrorCode::UnknownDisk, format!("the node has no disk '{disk}'"), hint))
        }
        _ => Ok(chosen),
    }
}

fn capacity(info: &DiskInfo) -> DiskView {
    let used = info.capacity_bytes.saturating_sub(info.available_bytes);
    // Two decimals more than a person needs; the exact figures stand beside it.
    let ratio = |total: u64| (used as f64 / total as f64 * 10_000.0).round() / 10_000.0;
    DiskView {
        disk: info.disk.clone(),
        path: info.path.clone(),
        status: info.status,
        reason: info.reason.clone(),
        draining: info.draining,
        added: info.added,
        capacity_bytes: info.capacity_bytes,
        available_bytes: info.available_bytes,
        used_ratio: (info.capacity_bytes > 0).then(|| ratio(info.capacity_bytes)),
        replicas: info.replicas.len(),
    }
}

fn capacity_row(disk: &DiskView) -> Vec<String> {
    vec![
        disk.disk.clone(),
        disk.path.clone(),
        status_text(disk.status).to_owned(),
        size(disk.capacity_bytes),
        size(disk.available_bytes),
        or_dash(disk.used_ratio.map(|ratio| format!("{:.1}%", ratio * 100.0))),
        disk.replicas.to_string(),
        remarks(disk),
    ]
}

/// What an operator should know besides.
fn remarks(disk: &DiskView) -> String {
    let draining = disk.draining.then(|| "draining".to_owned());
    let added = disk.added.then(|| "added, not in data_dirs".to_owned());
    [draining, added, disk.reason.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

pub(super) const fn status_text(status: DiskStatus) -> &'static str {
    match status {
        DiskStatus::Normal => "NORMAL",
        DiskStatus::SpaceInsufficient => "SPACE_INSUFFICIENT",
        DiskStatus::IoError => "IO_ERROR",
    }
}

fn count(info: &DiskInfo) -> DiskCount {
    let of = |status| info.replicas.iter().filter(|replica| replica.status == status).count();
    DiskCount {
        disk: info.disk.clone(),
        primary: of(ReplicaStatus::Primary),
        secondary: of(ReplicaStatus::Secondary),
        total: info.replicas.len(),
    }
}

fn replicas(disks: &[&DiskInfo], sizes: bool) -> Vec<ReplicaView> {
    let view = |replica: &ReplicaInfo| ReplicaView {
        gpid: replica.gpid.to_string(),
        status: replica.status,
        size_bytes: sizes.then_some(replica.size_bytes),
    };
    disks.iter().flat_map(|disk| disk.replicas.iter().map(view)).collect()
}

fn with_replicas(disks: String, replicas: Option<&[ReplicaView]>) -> String {
    let Some(replicas) = replicas else { return disks };
    let row = |r: &ReplicaView| {
        let columns = [r.gpid.clone(), r.status.to_string()];
        columns.into_iter().chain(r.size_bytes.map(size)).collect()
    };
    let sized = replicas.iter().any(|replica| replica.size_bytes.is_some());
    let header: &[&str] = if sized { &["gpid", "status", "size"] } else { &["gpid", "status"] };
    format!("{disks}\n{}", table(header, replicas.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use common::types::{Ballot, Decree, Gpid, Incarnation};
    use serde_json::json;

    use super::*;

    fn disks() -> Vec<DiskInfo> {
        let replica = |partition, status| ReplicaInfo {
            gpid: Gpid::new(1, partition),
            incarnation: Incarnation(1),
            status,
            ballot: Ballot(1),
            size_bytes: 77,
            applied: Decree(5),
        };
        let disk = |tag: &str, replicas| DiskInfo {
            disk: tag.to_owned(),
            path: format!("/data/{tag}"),
            status: DiskStatus::Normal,
            reason: None,
            capacity_bytes: 1000,
            available_bytes: 750,
            draining: false,
            added: false,
            replicas,
        };
        let three = [ReplicaStatus::Primary, ReplicaStatus::Secondary, ReplicaStatus::Learner];
        let replicas = three.iter().zip(0..).map(|(status, partition)| replica(partition, *status)).collect();
        vec![disk("disk1", replicas), disk("disk2", vec![])]
    }

    #[test]
    fn disk_capacity_has_the_fields_that_scripts_rely_on() {
        let json = capacities(&disks(), None).unwrap().json;
        let expected = json!({"disk": "disk1", "path": "/data/disk1", "status": "NORMAL", "capacity_bytes": 1000,
            "available_bytes": 750, "used_ratio": 0.25, "replicas": 3, "reason": null, "draining": false, "added": false});
        assert_eq!(json["disks"][0], expected);
        assert_eq!(json.get("replicas"), None);
    }

    #[test]
    fn a_disk_asked_for_comes_alone_and_with_its_replicas() {
        let json = capacities(&disks(), Some("disk1")).unwrap().json;
        assert_eq!(json["disks"].as_array().unwrap().len(), 1);
        assert_eq!(json["replicas"][0], json!({"gpid": "1.0", "status": "primary", "size_bytes": 77}));
        let json = counts(&disks(), Some("disk1")).unwrap().json;
        assert_eq!(json["disks"], json!([{"disk": "disk1", "primary": 1, "secondary": 1, "total": 3}]));
        assert_eq!(json["replicas"][2], json!({"gpid": "1.2", "status": "learner"}));
    }

    #[test]
    fn an_unknown_disk_is_refused_with_the_known_ones() {
        let error = counts(&disks(), Some("disk9")).unwrap_err();
        assert_eq!((error.code, error.hint.as_str()), (ErrorCode::UnknownDisk, "the node's disks are disk1, disk2"));
    }

    #[test]
    fn what_is_special_about_a_disk_stands_beside_it() {
        let mut infos = disks();
        (infos[0].draining, infos[0].added, infos[0].reason) = (true, true, Some("full".to_owned()));
        let output = capacities(&infos, None).unwrap();
        assert!(output.text.contains("draining; added, not in data_dirs; full"), "{}", output.text);
        assert_eq!(output.json["disks"][0]["reason"], "full");
    }

    #[test]
    fn the_used_share_of_a_disk_that_does_not_answer_is_null() {
        let mut infos = disks();
        infos[0].capacity_bytes = 0;
        assert_eq!(capacities(&infos, None).unwrap().json["disks"][0]["used_ratio"], json!(null));
    }
}

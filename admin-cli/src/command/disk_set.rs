//! `disk-add` and `disk-remove`: the disks of a node, while it runs.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use common::rpc::WireResult;
use common::rpc::node_admin::DiskRemove as Request;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view;

/// A node looks at the disk, and waits for what still uses it.
const WITHIN_AT_LEAST: Duration = Duration::from_secs(60);

/// `disk-add`.
#[derive(Args, Clone, Debug)]
pub struct DiskAdd {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// Tag and directory of the new disk, for example disk3:/mnt/c/godwit; the directory must be empty or not be there
    #[arg(value_name = "TAG:DIRECTORY")]
    place: DiskPlace,
}

/// A tag and a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DiskPlace {
    tag: String,
    path: String,
}

impl FromStr for DiskPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').filter(|(tag, path)| !tag.is_empty() && path.starts_with('/'));
        let (tag, path) = parts.ok_or("write tag:directory with an absolute directory, for example disk3:/mnt/c")?;
        Ok(Self { tag: tag.to_owned(), path: path.to_owned() })
    }
}

impl DiskAdd {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let DiskPlace { tag, path } = &self.place;
        let add = async |node: common::rpc::node_admin::NodeAdminServiceClient, deadline| {
            node.disk_add(deadline, tag.clone(), path.clone()).await
        };
        let disk = context.node_within(&node.address, within(context), add).await?;
        let hint = "put it into the node's data_dirs at the next occasion; until then the node remembers it itself";
        Ok(view::one_disk(&disk, &format!("{tag} is a disk of {} now\n{hint}", node.address)))
    }
}

/// `disk-remove`.
#[derive(Args, Clone, Debug)]
pub struct DiskRemove {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// The disk that goes
    #[arg(short, long)]
    disk: String,
    /// Remove first what was set aside on it, before its time, unless it may be the best copy that there is
    #[arg(long)]
    purge_garbage: bool,
    /// The disk is IO_ERROR: give it up, if no copy that may be on it is needed any more
    #[arg(long)]
    broken: bool,
}

impl DiskRemove {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let request = Request { disk: self.disk, purge_garbage: self.purge_garbage, broken: self.broken };
        let remove = async |node: common::rpc::node_admin::NodeAdminServiceClient, deadline| {
            node.disk_remove(deadline, request.clone()).await
        };
        let disk = context.node_within(&node.address, within(context), remove).await?;
        let text = format!(
            "{} is no disk of {} any more; {} may be unmounted\ntake it out of the node's data_dirs before the next start",
            disk.disk, node.address, disk.path
        );
        Ok(view::one_disk(&disk, &text))
    }
}

fn within(context: &Context) -> Duration {
    context.timeout().max(WITHIN_AT_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_disk_is_a_tag_and_an_absolute_directory() {
        let place = DiskPlace { tag: "disk3".to_owned(), path: "/mnt/c:d".to_owned() };
        assert_eq!("disk3:/mnt/c:d".parse(), Ok(place));
        for text in ["disk3", "disk3:", ":/mnt/c", "disk3:mnt/c", "/mnt/c"] {
            assert!(text.parse::<DiskPlace>().unwrap_err().contains("tag:directory"), "{text}");
        }
    }
}

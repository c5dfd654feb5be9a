//! Whether all members of a table's partitions hold the same.

use anyhow::{Context as _, Result, bail};

use crate::cluster::Cluster;

/// All members of all partitions have the same digest. Nothing may be writing.
///
/// # Errors
/// They have not, or the table does not become healthy.
pub async fn same_everywhere(cluster: &Cluster, table: &str) -> Result<()> {
    for config in cluster.healthy(table).await?.configs {
        let primary = config.primary.context("no primary")?;
        let leader = cluster.node(cluster.index_of(primary.peer).await?)?;
        let expected = leader.digest(config.gpid, None).await?;
        for member in &config.secondaries {
            let server = cluster.node(cluster.index_of(member.peer).await?)?;
            let digest = server.digest(config.gpid, Some(expected.decree)).await?;
            if digest != expected {
                bail!("{} on {} differs from its primary: {digest:?}, not {expected:?}", config.gpid, server.address);
            }
        }
    }
    Ok(())
}

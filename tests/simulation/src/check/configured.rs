//! The configured incarnation exists: what the meta server counts on is on a disk, plugged in or not.

use common::types::{Gpid, Member};
use replica_state::recover::DirKind;

use crate::world::World;

impl World {
    /// Called after every change of a configuration or a directory of this partition.
    pub(crate) fn check_configured(&mut self, gpid: Gpid) {
        let Some(config) = self.meta.config(gpid) else { return };
        let missing = config.members().find(|member| !self.exists(gpid, *member));
        if let Some(member) = missing {
            let seen = format!("{gpid}: no disk of node {} holds {member}", member.peer);
            self.violated("the configured incarnation exists", seen);
        }
    }

    fn exists(&self, gpid: Gpid, member: Member) -> bool {
        let Some(node) = usize::try_from(member.peer.0).ok().and_then(|id| self.nodes.get(id)) else { return false };
        if node.minted_locally {
            return node
                .disks
                .iter()
                .flat_map(|d| d.dirs.values())
                .any(|d| d.gpid == gpid && d.kind != DirKind::Garbage);
        }
        node.disks.iter().flat_map(|disk| disk.dirs.values()).any(|dir| {
            let trash = matches!(dir.kind, DirKind::Garbage | DirKind::Damaged);
            let same = dir.info.is_some_and(|info| info.incarnation == member.incarnation);
            dir.gpid == gpid && same && !trash
        })
    }
}

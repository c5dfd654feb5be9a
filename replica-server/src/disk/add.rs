//! A directory becomes a disk of the node while it runs: looked at first, refused before anything is written.
//!
//! ```text
//! prepare   looks; makes the identity of a blank directory, or takes over a disk of this cluster on which nothing stands
//!           (a crash after this leaves a directory that the next `prepare` takes over)
//! admit     the record says so, then the disk is one of the node's
//! ```

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::data_dir::{self, DataDir};
use super::open::{self, Look, OpenDisksError};
use super::set::ChosenDisk;
use super::set_error::DiskSetError;
use super::{DiskManager, Identity, layout};

const TAG_BYTES_MAX: usize = 64;

impl DiskManager {
    /// Makes a disk of a directory. It is not one of the node's yet: [`Self::admit`]. Blocks.
    ///
    /// # Errors
    /// [`DiskSetError`]; nothing was written then.
    pub fn prepare(&self, tag: &str, path: &Path) -> Result<Arc<DataDir>, DiskSetError> {
        well_formed(tag, path)?;
        self.is_free(tag, path)?;
        let added = !self.configured.iter().any(|(other, there)| other == tag && there == path);
        let chosen = ChosenDisk { tag: tag.to_owned(), path: path.to_owned(), added };
        let unusable = |reason: String| DiskSetError::Unusable(path.to_owned(), reason);
        let dir = match open::look(path) {
            Err(OpenDisksError::Newer(error)) => return Err(DiskSetError::Newer(error)),
            Err(error) => return Err(unusable(error.to_string())),
            Ok(Look::Failed(reason)) => return Err(unusable(reason)),
            Ok(Look::Occupied(entry)) => return Err(DiskSetError::NotBlank(path.to_owned(), entry)),
            Ok(Look::Known(identity)) => self.take_over(&chosen, &identity)?,
            Ok(Look::Blank) => open::make(&chosen, self.cluster()).map_err(|error| unusable(error.to_string()))?,
        };
        open::take_into_use(&dir);
        if let Some(reason) = dir.reason() {
            return Err(unusable(reason));
        }
        dir.measured(super::Space::of(path), &self.limits);
        Ok(Arc::new(dir))
    }

    /// Makes a prepared disk one of the node's, durably. Blocks.
    ///
    /// # Errors
    /// [`DiskSetError::Record`].
    pub fn admit(&self, dir: &Arc<DataDir>) -> Result<(), DiskSetError> {
        let disks: Vec<_> = self.disks().iter().cloned().chain([Arc::clone(dir)]).collect();
        self.change_set(&disks, |set| {
            set.removed.retain(|removed| !removed.is(dir.tag(), dir.path()));
            set.disks.push(dir.known());
            Ok(())
        })?;
        *self.disks.write() = disks.into();
        tracing::info!(disk = dir.tag(), path = %dir.path().display(), uuid = %dir.uuid(), "disk added");
        Ok(())
    }

    fn is_free(&self, tag: &str, path: &Path) -> Result<(), DiskSetError> {
        let real = real(path);
        for disk in self.disks().iter() {
            if disk.tag() == tag {
                return Err(DiskSetError::Taken(format!("this node has a disk {tag}: {}", disk.path().display())));
            }
            let theirs = self::real(disk.path());
            if real.starts_with(&theirs) || theirs.starts_with(&real) {
                let (path, other) = (path.display(), disk.path().display());
                return Err(DiskSetError::Taken(format!("{path} overlaps with {other}, which is {}", disk.tag())));
            }
        }
        Ok(())
    }

    /// A disk of this cluster comes back: only if nothing stands on it that a start would have to decide about.
    fn take_over(&self, chosen: &ChosenDisk, identity: &Identity) -> Result<DataDir, DiskSetError> {
        let path = &chosen.path;
        if let Some(cluster) = identity.cluster.filter(|theirs| Some(*theirs) != self.cluster()) {
            return Err(DiskSetError::Foreign(format!("{} belongs to cluster {cluster}", path.display())));
        }
        if let Some(known) = self.set.lock().disks.iter().find(|known| known.disk == identity.disk) {
            let text = format!("{} has the identity of this node's {}: it is a copy of it", path.display(), known.tag);
            return Err(DiskSetError::Foreign(text));
        }
        let lock = match data_dir::lock(path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(DiskSetError::Locked(path.clone()));
            }
            Err(error) => return Err(DiskSetError::Unusable(path.clone(), error.to_string())),
        };
        match replica_dirs(path) {
            Err(error) => Err(DiskSetError::Unusable(path.clone(), error.to_string())),
            Ok(names) if !names.is_empty() => Err(DiskSetError::HoldsReplicas(path.clone(), names.join(", "))),
            Ok(_) => Ok(DataDir::opened(chosen, identity.disk, lock)),
        }
    }
}

fn well_formed(tag: &str, path: &Path) -> Result<(), DiskSetError> {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if tag.is_empty() || tag.len() > TAG_BYTES_MAX || !tag.chars().all(letter) {
        let text = format!("'{tag}' is no tag: 1 to {TAG_BYTES_MAX} letters, digits, '-', '_' and '.'");
        return Err(DiskSetError::Malformed(text));
    }
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    // A comma would end it in the list of data_dirs.
    let sound = path.is_absolute() && path.components().all(plain) && !path.to_string_lossy().contains(',');
    if !sound {
        return Err(DiskSetError::Malformed(format!("'{}' is no absolute directory", path.display())));
    }
    // Beside a mount that is missing a whole path would be made on another disk.
    match path.parent().is_some_and(Path::is_dir) {
        true => Ok(()),
        false => Err(DiskSetError::Malformed(format!("there is no directory that could hold {}", path.display()))),
    }
}

/// Where it is, links followed as far as it exists.
fn real(path: &Path) -> PathBuf {
    let parent = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(parent).unwrap_or_else(|| path.to_owned())
}

fn replica_dirs(path: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| layout::parse(name).is_some()));
    }
    names.sort();
    Ok(names)
}

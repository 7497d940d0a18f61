//! Puts a file of cci in place atomically: readers see the old one or the new one.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use cci_core::{Error, Result};
use serde::Serialize;
use tempfile::NamedTempFile;

/// A file that only this user reads.
pub const PRIVATE: u32 = 0o600;
/// A file that containers also read; the directories above it are private.
const SHARED: u32 = 0o644;

/// Puts a file that containers read, creating its directory (0700) if it is missing. A file with this content is not
/// replaced, even by several commands at once: containers are pinned to it.
pub fn shared(path: &Path, content: &[u8]) -> Result<()> {
    let is_there = || fs::read(path).is_ok_and(|there| there == content);
    if is_there() {
        return Ok(());
    }
    private_directory(parent(path))?;
    match staged(path, &beside(path), content, SHARED)?.file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        // another command was quicker
        Err(_) if is_there() => Ok(()),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => atomically(path, content, SHARED),
        Err(refused) => Err(host("write", path)(refused.error)),
    }
}

/// An unused name next to a place.
pub(crate) fn beside(path: &Path) -> PathBuf {
    parent(path).join(format!("{BESIDE}{}", uuid::Uuid::new_v4().simple()))
}

/// The prefix of such a name; a random text follows.
const BESIDE: &str = ".cci-";

/// Whether a path is one that [`beside`] returns.
#[must_use]
pub fn is_beside(path: &Path) -> bool {
    has_random_name(path, BESIDE)
}

/// Whether a path is absolute, without `..`, and ends in a name of this prefix and a random text.
pub(super) fn has_random_name(path: &Path, prefix: &str) -> bool {
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    let random = path.file_name().and_then(|name| name.to_str()?.strip_prefix(prefix));
    path.is_absolute() && !goes_up && random.is_some_and(|random| uuid::Uuid::try_parse(random).is_ok())
}

/// A file that is on the disk next to its place; it is removed unless it is put there.
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Puts it into place, where nobody ever sees half of it; a power failure soon after can leave the previous one.
    pub fn publish(self) -> Result<()> {
        let Self { file, path } = self;
        file.persist(&path).map(drop).map_err(|error| host("write", &path)(error.error))
    }
}

/// Writes and flushes a file under a name [`beside`] the place where it will be; the directory must exist.
pub(crate) fn staged(path: &Path, beside: &Path, content: &[u8], mode: u32) -> Result<Staged> {
    let put = || -> io::Result<NamedTempFile> {
        let name = beside.file_name().unwrap_or_default();
        let mut file = tempfile::Builder::new().prefix(name).rand_bytes(0).tempfile_in(parent(path))?;
        file.write_all(content)?;
        // set on the open file, because a mode given at its creation is cut by the umask
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = put().map_err(host("write", path))?;
    Ok(Staged { file, path: path.to_owned() })
}

/// Writes next to the target, flushes, renames, and flushes that too; the directory must exist.
pub fn atomically(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    staged(path, &beside(path), content, mode)?.publish()?;
    fs::File::open(parent(path)).and_then(|dir| dir.sync_all()).map_err(host("write", path))
}

/// The same for a value, as JSON that only this user reads.
pub fn json(path: &Path, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    atomically(path, &bytes, PRIVATE)
}

/// Makes a directory (0700), and those above it, if it is missing.
pub(crate) fn private_directory(dir: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(host("create", dir))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// An I/O error always comes with its path.
pub fn host(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Host { step, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn several_at_once_put_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network/names");
        let put = || {
            shared(&path, b"nameserver 10.0.0.1\n").unwrap();
            fs::metadata(&path).unwrap().ino()
        };
        let seen: Vec<u64> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..16).map(|_| scope.spawn(put)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|inode| *inode == seen[0]), "{seen:?}");
        shared(&path, b"another\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"another\n");
    }
}

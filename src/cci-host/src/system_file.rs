//! System files that other programs also read and change: read as bytes, and replaced atomically.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use cci_core::Result;

use crate::store::put::host;

/// The mode of a new file.
const MODE: u32 = 0o644;

/// The content of a file; empty if there is none. An unreadable file is an error, not an empty one.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link(path) => Ok(Vec::new()),
        done => done.map_err(host("read", path)),
    }
}

/// Replaces the content of a file, which keeps its mode and owner: readers see the old file or the new one, and a power
/// failure leaves one of them. A link is followed, as `usermod` does, and stays.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let put = || -> io::Result<()> {
        let target = target(path)?;
        let (dir, name) = (target.parent().unwrap_or(Path::new("/")), target.file_name().unwrap_or_default());
        let mut file = tempfile::Builder::new().prefix(name).suffix(".cci").tempfile_in(dir)?;
        file.write_all(content)?;
        let there = fs::metadata(&target).ok();
        if let Some(there) = &there {
            fchown(file.as_file(), Some(there.uid()), Some(there.gid()))?;
        }
        let mode = there.map_or(MODE, |there| there.mode() & 0o7777);
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        fs::File::open(dir)?.sync_all()
    };
    put().map_err(host("write", path))
}

/// The file's real path.
fn target(path: &Path) -> io::Result<PathBuf> {
    if is_link(path) { fs::canonicalize(path) } else { Ok(path.to_owned()) }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_no_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("subuid");
        assert_eq!(read(&table).unwrap(), b"");
        symlink("nowhere", &table).unwrap();
        assert!(read(&table).unwrap_err().to_string().contains("subuid"));
        fs::remove_file(&table).unwrap();
        fs::create_dir(&table).unwrap();
        let error = read(&table).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains("subuid"), "{error}");
    }

    #[test]
    fn mode_and_owner_stay_and_a_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        let before = fs::metadata(&file).unwrap();
        replace(&link, b"new\xff").unwrap();
        let after = fs::metadata(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new\xff");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
        assert_ne!(after.ino(), before.ino(), "it was written over, not replaced");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("real"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("subuid");
        fs::create_dir(&table).unwrap();
        assert!(replace(&table, b"x").is_err());
        assert!(table.is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

//! `~/.cci/known-hosts`: a copy of the hosts that the caller's SSH knows, which containers can have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cci_core::Result;
use rustix::fs::OFlags;

use super::put::host;

/// No such file is larger.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Everybody may read it: the agent in a container can be another user of the host.
const READABLE: u32 = 0o644;

/// Brings the copy up to date, and returns where it is; `None` if the caller has no such file.
///
/// It is written in its place: containers that have it mounted go on with it, also when they start again.
pub fn copied(home: &Path, cci_dir: &Path) -> Result<Option<PathBuf>> {
    let (original, copy) = (home.join(".ssh/known_hosts"), cci_dir.join("known-hosts"));
    let content = match File::open(&original).and_then(read) {
        Ok(content) => content,
        Err(error) if crate::way::is_missing(&error) => return Ok(None),
        Err(error) => return Err(host("read", &original)(error)),
    };
    update(&copy, &content).map_err(host("write", &copy))?;
    Ok(Some(copy))
}

fn update(copy: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = copy.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(READABLE)
        .custom_flags(flags)
        .open(copy)?;
    if read(file.try_clone()?)? == content {
        return Ok(());
    }
    file.set_len(0)?;
    io::Seek::rewind(&mut file)?;
    file.write_all(content)
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(LARGEST).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn the_copy_is_one_file_that_follows_the_original_and_nothing_else_of_ssh() {
        let home = tempfile::tempdir().unwrap();
        let (ssh, cci) = (home.path().join(".ssh"), home.path().join(".cci"));
        assert_eq!(copied(home.path(), &cci).unwrap(), None);
        assert!(!cci.exists());
        fs::create_dir(&ssh).unwrap();
        fs::write(ssh.join("id_ed25519"), "secret").unwrap();
        let (mut inodes, copy) = (Vec::new(), cci.join("known-hosts"));
        for content in ["one\ntwo\n", "three\n", "three\n", ""] {
            fs::write(ssh.join("known_hosts"), content).unwrap();
            assert_eq!(copied(home.path(), &cci).unwrap(), Some(copy.clone()));
            assert_eq!(fs::read_to_string(&copy).unwrap(), content);
            inodes.push(fs::metadata(&copy).unwrap().ino());
        }
        assert!(inodes.iter().all(|inode| *inode == inodes[0]), "{inodes:?}");
        assert_eq!(fs::read_dir(&cci).unwrap().count(), 1);
        fs::remove_file(&copy).unwrap();
        symlink(ssh.join("id_ed25519"), &copy).unwrap();
        assert!(copied(home.path(), &cci).is_err(), "a link is not written through");
        assert_eq!(fs::read_to_string(ssh.join("id_ed25519")).unwrap(), "secret");
    }
}

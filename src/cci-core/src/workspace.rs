//! The project directory of a session, by its absolute path, and the hash of that path.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// An absolute workspace path, resolved lexically: symlinks stay as the user typed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace(PathBuf);

impl Workspace {
    /// The workspace that `typed` means in `current_dir`: joined, `.` and `..` removed, no trailing slash.
    #[must_use]
    pub fn resolve(current_dir: &Path, typed: &Path) -> Self {
        let mut path = PathBuf::from("/");
        for part in current_dir.join(typed).components() {
            match part {
                Component::ParentDir => {
                    path.pop();
                }
                Component::Normal(name) => path.push(name),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Self(path)
    }

    /// A workspace whose absolute path is known already.
    #[must_use]
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self::resolve(Path::new("/"), path.as_ref())
    }

    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The first 32 bits of the path's SHA-256: the hash in container names.
    #[must_use]
    pub fn hash(&self) -> WorkspaceHash {
        let digest = Sha256::digest(self.0.as_os_str().as_bytes());
        WorkspaceHash(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }
}

/// The eight hex digits for a workspace in a container's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkspaceHash(u32);

impl WorkspaceHash {
    /// The hash as a number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Reads exactly eight lowercase hex digits.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let lowercase = raw.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if raw.len() == 8 && lowercase { u32::from_str_radix(raw, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for WorkspaceHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_path_becomes_absolute_without_looking_at_the_disk() {
        let cases = [
            ("/home/u", ".", "/home/u"),
            ("/home/u", "proj/", "/home/u/proj"),
            ("/home/u", "../x/./y", "/home/x/y"),
            ("/home/u", "/a//b/../c", "/a/c"),
            ("/", "../../..", "/"),
        ];
        for (dir, typed, want) in cases {
            assert_eq!(Workspace::resolve(Path::new(dir), Path::new(typed)).path(), Path::new(want), "{dir} {typed}");
        }
    }

    #[test]
    fn the_hash_is_the_start_of_the_sha256_of_the_path() {
        assert_eq!(Workspace::at("/home/u/proj").hash().to_string(), "9c09f805");
    }
}

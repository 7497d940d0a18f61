//! What the user has approved: project files, each pinned to its exact content.

use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cci_core::{Error, Result};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::store::put::{PRIVATE, atomically, private_directory};

/// The list in `~/.cci/trust`: a hash and a path on each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    file: PathBuf,
    lines: Vec<(String, String)>,
}

impl Approvals {
    /// Reads a user's list; a missing one is empty.
    pub fn of(home: &Path) -> Result<Self> {
        let file = home.join(".cci/trust");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::Host { step: "read", path: file, source }),
        };
        let lines = text.lines().filter_map(|line| line.split_once("  "));
        let lines = lines.map(|(hash, path)| (hash.to_owned(), path.to_owned())).collect();
        Ok(Self { file, lines })
    }

    /// Whether exactly this content is approved for this place.
    pub(crate) fn has(&self, path: &Path, hash: &str) -> bool {
        let path = listed(path);
        self.lines.iter().any(|(approved, place)| approved == hash && *place == path)
    }

    /// Approves a content; an earlier one of the same place is forgotten.
    pub fn approve(&mut self, path: &Path, hash: String) -> Result<()> {
        let path = listed(path);
        self.lines.retain(|(_, place)| *place != path);
        self.lines.push((hash, path));
        self.write()
    }

    /// Revokes the approval of a place; returns whether there was one.
    pub fn revoke(&mut self, path: &Path) -> Result<bool> {
        let (path, before) = (listed(path), self.lines.len());
        self.lines.retain(|(_, place)| *place != path);
        let had = self.lines.len() != before;
        if had {
            self.write()?;
        }
        Ok(had)
    }

    /// The approved places with their hashes.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(hash, path)| (path.as_str(), hash.as_str()))
    }

    fn write(&self) -> Result<()> {
        let dir = self.file.parent().unwrap_or(Path::new("/"));
        private_directory(dir)?;
        let mut text = String::new();
        for (hash, path) in &self.lines {
            // writing to a string cannot fail
            let _ = writeln!(text, "{hash}  {path}");
        }
        atomically(&self.file, text.as_bytes(), PRIVATE)
    }
}

/// A path on one line of the list: no directory name can add a line, and no two paths have the same form.
fn listed(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.escape_debug().to_string(),
        None => path.as_os_str().as_bytes().escape_ascii().to_string(),
    }
}

/// The hash of files with their places: a change of either changes the hash.
pub(super) fn hash<'a>(files: impl Iterator<Item = (&'a Path, &'a [u8])>) -> String {
    let mut hasher = Sha256::new();
    for (path, content) in files {
        for part in [path.as_os_str().as_encoded_bytes(), content] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_approval_covers_one_content_and_only_the_user_reads_the_list() {
        let home = tempfile::tempdir().unwrap();
        let (path, other) = (Path::new("/p/.cci.toml"), Path::new("/q/.cci.toml"));
        let of = |content: &[u8]| hash([(path, content)].into_iter());
        let mut approvals = Approvals::of(home.path()).unwrap();
        approvals.approve(path, of(b"a")).unwrap();
        let read = || Approvals::of(home.path()).unwrap();
        assert!(read().has(path, &of(b"a")));
        assert!(!read().has(path, &of(b"b")), "another content");
        assert!(!read().has(other, &of(b"a")), "another place");
        let mode = fs::metadata(home.path().join(".cci/trust")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(read().revoke(path).unwrap());
        assert!(!read().has(path, &of(b"a")));
        assert!(!read().revoke(path).unwrap());
    }
}

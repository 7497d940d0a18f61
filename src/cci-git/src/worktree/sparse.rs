//! Which files of a sparse checkout are there: patterns as in `.gitignore`, of which the last that matches decides, for a file or
//! else for the nearest directory above it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// A sparse checkout.
pub(super) struct Sparse(Gitignore);

impl Sparse {
    /// The one that this file describes; lines that are no pattern are left out, as in git.
    pub(super) fn new(text: &[u8]) -> Self {
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(text).lines() {
            let _no_pattern = builder.add_line(None, line);
        }
        Self(builder.build().unwrap_or_else(|_| Gitignore::empty()))
    }

    /// Whether a file is there.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        let path = Path::new(OsStr::from_bytes(path));
        self.0.matched_path_or_any_parents(path, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cones_and_other_patterns_are_as_in_git() {
        let cone = Sparse::new(b"/*\n!/*/\n/a/\n!/a/*/\n/a/b/\n");
        for (path, is_there) in
            [("top", true), ("a/file", true), ("a/b/deep/file", true), ("a/c/file", false), ("d/file", false)]
        {
            assert_eq!(cone.has(path.as_bytes()), is_there, "{path}");
        }
        let free = Sparse::new(b"*.md\n!/private\n");
        assert!(free.has(b"x/y.md") && !free.has(b"private/y.rs") && !free.has(b"x/y.rs"));
    }
}

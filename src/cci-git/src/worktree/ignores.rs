//! What a repository ignores, by the files of a commit that say so and by its own list.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The patterns of all directories.
#[derive(Default)]
pub(super) struct Ignores {
    /// By directory, from the top.
    of: HashMap<Vec<u8>, Gitignore>,
    own: Option<Gitignore>,
}

impl Ignores {
    /// Adds the file of a directory.
    pub(super) fn add(&mut self, directory: &[u8], text: &[u8]) {
        self.of.insert(directory.to_vec(), patterns(text));
    }

    /// Adds what the repository ignores besides.
    pub(super) fn add_own(&mut self, text: &[u8]) {
        self.own = Some(patterns(text));
    }

    /// Whether a name is ignored. Nobody asks for what is in a directory that is.
    pub(super) fn has(&self, path: &[u8], is_directory: bool) -> bool {
        let mut above = path;
        while let Some(end) = above.iter().rposition(|byte| *byte == b'/') {
            above = &path[..end];
            if let Some(said) = self.of.get(above).and_then(|set| said(set, &path[end + 1..], is_directory)) {
                return said;
            }
        }
        let top = self.of.get(&b""[..]).and_then(|set| said(set, path, is_directory));
        top.or_else(|| self.own.as_ref().and_then(|set| said(set, path, is_directory))).unwrap_or(false)
    }
}

fn said(set: &Gitignore, path: &[u8], is_directory: bool) -> Option<bool> {
    match set.matched(Path::new(OsStr::from_bytes(path)), is_directory) {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

/// The patterns of a file; lines that are none are left out, as in git.
pub(super) fn patterns(text: &[u8]) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(text).lines() {
        let _no_pattern = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_decides_and_the_repositorys_own_list_last() {
        let mut ignores = Ignores::default();
        ignores.add(b"", b"*.log\n/build/\n");
        ignores.add(b"keep", b"!*.log\n");
        ignores.add_own(b"note\n");
        let has = |path: &str| ignores.has(path.as_bytes(), path.ends_with("build"));
        assert!(has("a.log") && has("x/a.log") && has("build") && has("x/note"));
        assert!(!has("keep/a.log") && !has("x/build") && !has("src"));
    }
}

//! The files that a word of a command can refer to.

use std::path::{Component, Path, PathBuf};

use super::surroundings::{Surroundings, real};
use crate::caller::Caller;

/// What separates the parts of an option or a list.
const INNER: [char; 4] = ['=', ':', ',', '@'];
const INSIDE: &str = "which is in the workspace";

/// A file that a word refers to: its name, and its place with all links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: PathBuf,
    pub(super) place: PathBuf,
}

/// What words are interpreted with.
pub(super) struct Names<'a> {
    pub(super) caller: &'a Caller,
    pub(super) around: &'a Surroundings,
    pub(super) workspace: &'a Path,
}

impl Names<'_> {
    /// A variable as the command will see it.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        match name {
            "PWD" => self.around.directory.to_str().map(str::to_owned),
            "OLDPWD" => None,
            name => self.caller.var(name).map(str::to_owned),
        }
    }

    /// The files that a word refers to; an error says why it may not be in a command of a project.
    pub(super) fn named(&self, word: &str) -> Result<Vec<Named>, String> {
        let mut found = Vec::new();
        for part in parts(word) {
            for name in self.readings(part)? {
                let Ok(place) = name.canonicalize() else { continue };
                if place.starts_with(real(self.workspace)) {
                    return Err(INSIDE.into());
                }
                found.push(Named { name, place });
            }
        }
        Ok(found)
    }

    /// What a path can refer to: as it is, below the home, where the command runs, below the workspace, on the search
    /// path.
    fn readings(&self, part: &str) -> Result<Vec<PathBuf>, String> {
        let path = match part.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                self.caller.home.join(rest.trim_start_matches('/'))
            }
            Some(_) => return Err("which is the home of a user by name: write `~/…`, or the path".into()),
            None => PathBuf::from(part),
        };
        if path.starts_with("/proc") {
            return Err("which can be any file of the host, including the workspace's".into());
        }
        let mut readings = vec![self.around.directory.join(&path), self.workspace.join(&path)];
        if part.contains('/') {
            readings.iter().try_for_each(|reading| self.refuse_pattern(reading))?;
        } else {
            // a bare pattern refers at most to something outside the workspace, because no command runs in there
            readings.extend(self.around.path.iter().map(|entry| entry.join(part)).find(|path| path.is_file()));
        }
        Ok(readings)
    }

    /// A pattern may not begin above or in the workspace: what it will match there is not known.
    fn refuse_pattern(&self, path: &Path) -> Result<(), String> {
        let parts: Vec<Component<'_>> = path.components().collect();
        let Some(first) = parts.iter().position(is_pattern) else { return Ok(()) };
        let fixed: PathBuf = parts[..first].iter().collect();
        let (Ok(fixed), root) = (fixed.canonicalize(), real(self.workspace)) else { return Ok(()) };
        if fixed.starts_with(&root) || root.starts_with(&fixed) {
            return Err("a pattern that can mean files of the workspace".into());
        }
        Ok(())
    }
}

fn is_pattern(part: &Component<'_>) -> bool {
    let has = |byte: &u8| part.as_os_str().as_encoded_bytes().contains(byte);
    b"*?[".iter().any(has) || b"{,".iter().all(has)
}

/// A word, what follows an option's letter, and the parts of a list.
fn parts(word: &str) -> Vec<&str> {
    let behind_option = word.strip_prefix('-').and_then(|rest| rest.get(1..));
    let pieces = word.split(INNER).chain(behind_option);
    std::iter::once(word).chain(pieces).filter(|part| !part.is_empty() && *part != "/").collect()
}

//! The repositories within a workspace, of which its own git may know nothing. Their configuration counts as soon as somebody
//! goes there.

use std::path::{Path, PathBuf};

use super::hostile::{self, Kind};
use super::pointer;
use super::refusal::Refusal;
use super::repository;

/// So many directories are looked into.
const MOST_DIRECTORIES: usize = 100_000;
/// So many repositories are named.
const MOST: usize = 256;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nested {
    /// `.git` directories, and bare repositories, below the workspace's own.
    pub repositories: Vec<PathBuf>,
    /// `.git` files below the workspace's own.
    pub files: Vec<PathBuf>,
    /// Whether one of the files names a place within the workspace by its absolute path.
    pub absolute: bool,
    /// Whether all was looked into.
    pub whole: bool,
}

impl Nested {
    /// Looks for them. What cannot be read, or is too much, makes it less than [whole](Self::whole).
    #[must_use]
    pub fn find(workspace: &Path) -> Self {
        let mut found = Self { whole: true, ..Self::default() };
        let mut waiting = vec![workspace.to_owned()];
        let mut looked = 0;
        while let Some(dir) = waiting.pop() {
            looked += 1;
            if looked > MOST_DIRECTORIES || found.repositories.len() + found.files.len() >= MOST {
                found.whole = false;
                break;
            }
            found.whole &= found.look(&dir, workspace, &mut waiting).is_ok();
        }
        found.repositories.sort_unstable();
        found.files.sort_unstable();
        found
    }

    fn look(&mut self, dir: &Path, workspace: &Path, waiting: &mut Vec<PathBuf>) -> Result<(), Refusal> {
        let names = hostile::children(dir)?;
        let is_top = dir == workspace;
        let has = |name: &str| names.iter().any(|(other, _)| other == name);
        if !is_top && has("HEAD") && has("objects") && has("refs") && repository::is_repository(dir)? {
            self.repositories.push(dir.to_owned());
            return Ok(());
        }
        for (name, kind) in names {
            let path = dir.join(&name);
            match kind {
                Kind::Directory if name == ".git" => {
                    if !is_top && repository::is_repository(&path)? {
                        self.repositories.push(path);
                    }
                }
                Kind::File if name == ".git" && !is_top => {
                    let bytes = hostile::read(&path)?.unwrap_or_default();
                    self.absolute |= pointer::git_file(&bytes).is_some_and(|named| named.starts_with(workspace));
                    self.files.push(path);
                }
                Kind::Directory => waiting.push(path),
                Kind::File | Kind::Link | Kind::Other => {}
            }
        }
        Ok(())
    }
}

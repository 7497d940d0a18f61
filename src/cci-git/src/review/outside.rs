//! A repository that is not in the workspace: what git would run of it, looked at before a session and after.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::finding::{Finding, How};
use super::judge::{self, Seen};
use super::place;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::layout::{Layout, Refusal, hostile, modules};
use crate::store::Store;

/// What the store holds of such a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// The repository, and those of its submodules.
    repositories: Vec<PathBuf>,
    /// Files that git runs or follows.
    files: BTreeMap<PathBuf, Kept>,
}

/// A file, as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    /// Kind and permissions, and the bytes or a link's target.
    Held { mode: u32, id: Id },
    /// It is no file that could be read.
    Unseen,
}

impl Outside {
    /// Looks at the repository of a layout, if it is outside of the workspace. Call [`Store::sync`] before a record names what this
    /// returns, and [keep](Self::ids) what it names.
    pub fn look(store: &Store, layout: &Layout) -> Result<Self> {
        let Some(found) = layout.repository.as_ref().filter(|found| !found.common.starts_with(&layout.workspace))
        else {
            return Ok(Self::default());
        };
        let mut repositories = modules(&found.common).unwrap_or_default();
        repositories.insert(0, found.common.clone());
        let mut seen = Files::new();
        for repository in &repositories {
            for path in ["config", "config.worktree", "commondir", "info/attributes", "objects/info/alternates"] {
                file(&mut seen, &repository.join(path))?;
            }
            below(&mut seen, &repository.join("hooks"), &[""])?;
            below(&mut seen, &repository.join("worktrees"), &["commondir", "config.worktree"])?;
        }
        let mut ids = store.write_all(seen.values().flatten().map(|(_, bytes)| bytes))?.into_iter();
        let mut keep = |seen| match seen {
            Some((mode, _)) => ids.next().map_or(Kept::Unseen, |id| Kept::Held { mode, id }),
            None => Kept::Unseen,
        };
        let files = seen.into_iter().map(|(path, seen)| (path, keep(seen))).collect();
        Ok(Self { repositories, files })
    }

    /// What is new since.
    pub fn review(&self, store: &Store, now: &Self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for (path, kept) in &now.files {
            let was = self.files.get(path);
            let Some(place) = now.place(path).filter(|_| was != Some(kept)) else { continue };
            let how = if was.is_some() { How::Changed } else { How::New };
            let Kept::Held { mode, id } = *kept else {
                findings.push(Finding { sink: place.0, path: path.clone(), how: How::Unseen, detail: Vec::new() });
                continue;
            };
            let new = store.read(id)?;
            let old = match was {
                Some(Kept::Held { mode, id }) => Some((*mode, store.read(*id)?)),
                Some(Kept::Unseen) => Some((0o100_000, Vec::new())),
                None => None,
            };
            let old = old.as_ref().map(|(mode, bytes)| Seen { mode: *mode, bytes });
            findings
                .extend(judge::file(path, place, old, Seen { mode, bytes: &new }).map(|one| Finding { how, ..one }));
        }
        findings.sort();
        Ok(findings)
    }

    /// What the store has to keep for this.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        self.files.values().filter_map(|kept| match kept {
            Kept::Held { id, .. } => Some(*id),
            Kept::Unseen => None,
        })
    }

    fn place(&self, path: &Path) -> Option<(super::Sink, place::Look)> {
        let below = self.repositories.iter().filter_map(|repository| path.strip_prefix(repository).ok());
        let nearest = below.min_by_key(|below| below.components().count())?;
        place::repository(&nearest.iter().map(OsStrExt::as_bytes).collect::<Vec<_>>())
    }
}

/// Mode and bytes of each file; nothing for what could not be read.
type Files = BTreeMap<PathBuf, Option<(u32, Vec<u8>)>>;

/// These names in each directory below one, or itself if the name is empty.
fn below(seen: &mut Files, dir: &Path, names: &[&str]) -> Result<()> {
    let Ok(found) = hostile::names(dir, "names") else {
        seen.insert(dir.join("*"), None);
        return Ok(());
    };
    for path in found.iter().map(|(found, _)| dir.join(found)) {
        for name in names {
            file(seen, &if name.is_empty() { path.clone() } else { path.join(name) })?;
        }
    }
    Ok(())
}

fn file(seen: &mut Files, path: &Path) -> Result<()> {
    match hostile::seen(path) {
        Ok(None) => {}
        Ok(Some(found)) => drop(seen.insert(path.to_owned(), Some(found))),
        Err(Refusal::Io { step, path, source }) => return Err(Error::Io { step, path, source }),
        Err(_) => drop(seen.insert(path.to_owned(), None)),
    }
    Ok(())
}

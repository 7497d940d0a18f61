//! The mounts of a container, from what is shown and guarded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::find::Layout;
use super::shown::Shown;

/// A place of the host in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bind {
    /// Where it is in the container.
    pub at: PathBuf,
    /// Where it is on the host.
    pub source: PathBuf,
    /// Whether the container may write to it.
    pub writable: bool,
}

impl Layout {
    /// All mounts beside that of the workspace at `place`, what contains others first, each place once. `redirects` are the files
    /// that the container sees in place of those of [`privates`](Self::privates), in the same order; none if it has no settings of its
    /// own. What is guarded has to be [made](super::Guarded::make) before.
    #[must_use]
    pub fn binds(&self, place: &Path, redirects: &[PathBuf]) -> Vec<Bind> {
        let mut all = BTreeMap::new();
        let mut bind = |at: PathBuf, source: &Path, writable| all.insert(at, (source.to_owned(), writable));
        for shown in &self.shown {
            bind(shown.path.clone(), &shown.path, shown.writable);
        }
        for guarded in &self.guarded {
            for at in self.places(place, &guarded.path) {
                bind(at, &guarded.path, guarded.writable);
            }
        }
        // the same file that is guarded otherwise
        for (private, source) in self.privates.iter().zip(redirects) {
            for at in self.places(place, &private.redirect) {
                bind(at, source, false);
            }
        }
        all.into_iter().map(|(at, (source, writable))| Bind { at, source, writable }).collect()
    }

    /// Where a path of the host is in a container with the workspace at `place`: at its own path, if that is shown.
    #[must_use]
    pub fn inside(&self, place: &Path, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.workspace) {
            Ok(below) if self.around(path).is_none() => place.join(below),
            _ => path.to_owned(),
        }
    }

    /// All places where it can be written to there.
    fn places(&self, place: &Path, path: &Path) -> Vec<PathBuf> {
        let below = path.strip_prefix(&self.workspace).ok().map(|below| place.join(below));
        let own = self.around(path).filter(|shown| shown.writable).map(|_| path.to_owned());
        below.into_iter().chain(own).collect()
    }

    /// The nearest directory around a path that is shown.
    fn around(&self, path: &Path) -> Option<&Shown> {
        let around = self.shown.iter().filter(|shown| path.starts_with(&shown.path));
        around.max_by_key(|shown| shown.path.components().count())
    }
}

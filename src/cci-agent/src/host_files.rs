//! What is asked about the host's files while it is decided what a session gets of its configuration.

use std::path::{Path, PathBuf};

/// The files of the host.
pub trait HostFiles {
    /// Whether something is there.
    fn exists(&self, path: &Path) -> bool;
    /// The path without links, if something is there.
    fn real(&self, path: &Path) -> Option<PathBuf>;
    /// The file that a command's name stands for.
    fn program(&self, name: &str) -> Option<PathBuf>;
    /// The text of a script; nothing for anything else.
    fn script(&self, path: &Path) -> Option<String>;
}

/// A host on which every path exists.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Everything {
    /// Programs, by their names.
    pub(crate) programs: Vec<(&'static str, &'static str)>,
    /// Scripts, by their paths.
    pub(crate) scripts: Vec<(&'static str, &'static str)>,
    /// Directories, and what they are without links.
    pub(crate) links: Vec<(&'static str, &'static str)>,
}

#[cfg(test)]
impl HostFiles for Everything {
    fn exists(&self, _: &Path) -> bool {
        true
    }

    fn real(&self, path: &Path) -> Option<PathBuf> {
        let led = |path: &Path| {
            self.links.iter().find_map(|(link, to)| Some(Path::new(to).join(path.strip_prefix(link).ok()?)))
        };
        std::iter::successors(Some(path.to_owned()), |path| led(path)).last()
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.iter().find(|(other, _)| *other == name).map(|(_, place)| place.into())
    }

    fn script(&self, path: &Path) -> Option<String> {
        self.scripts.iter().find(|(other, _)| Path::new(other) == path).map(|(_, text)| (*text).to_owned())
    }
}

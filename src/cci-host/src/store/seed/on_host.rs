//! Answers what is asked about the host's files while a session is seeded.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cci_agent::HostFiles;

use crate::way;

/// Longer scripts are programs.
const LONGEST: u64 = 64 * 1024;

/// The host, as the caller sees it.
pub(super) struct OnHost<'a> {
    /// The directories in which the caller finds programs.
    pub(super) search: Option<&'a str>,
}

impl HostFiles for OnHost<'_> {
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn real(&self, path: &Path) -> Option<PathBuf> {
        path.canonicalize().ok()
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let is_program =
            |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        let dirs = self.search.into_iter().flat_map(|search| search.split(':')).filter(|dir| dir.starts_with('/'));
        dirs.map(|dir| Path::new(dir).join(name)).find(is_program)
    }

    fn script(&self, path: &Path) -> Option<String> {
        let file = way::open(&path.canonicalize().ok()?).ok()?;
        let meta = file.metadata().ok()?;
        if !meta.is_file() || meta.len() > LONGEST {
            return None;
        }
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

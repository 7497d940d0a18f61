//! What the user wants no snapshot to hold: patterns as in `.gitignore`, from the top of the workspace.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{Error, Result};

/// Longer paths match no pattern: a workspace could have paths of megabytes only to keep us busy.
const LONGEST: usize = 4096;

/// Sets of patterns; what one of them matches is ignored.
pub(crate) struct Ignored {
    sets: Vec<Gitignore>,
}

impl Ignored {
    /// What any of these sets of patterns matches.
    pub(crate) fn any<'a>(sets: impl IntoIterator<Item = &'a [String]>) -> Result<Self> {
        let sets = sets.into_iter().filter(|patterns| !patterns.is_empty()).map(compile);
        Ok(Self { sets: sets.collect::<Result<_>>()? })
    }

    /// Whether there is no pattern at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Whether a pattern matches. The directories above are not asked again: nobody enters an ignored one.
    pub(crate) fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        path.len() <= LONGEST
            && self.sets.iter().any(|set| set.matched(Path::new(OsStr::from_bytes(path)), is_directory).is_ignore())
    }
}

fn compile(patterns: &[String]) -> Result<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        let wrong = |error: ignore::Error| Error::Pattern { pattern: pattern.clone(), why: error.to_string() };
        builder.add_line(None, pattern).map_err(wrong)?;
    }
    builder.build().map_err(|error| Error::Pattern { pattern: patterns.join(", "), why: error.to_string() })
}

//! What a repository's own configuration says about where things are. Files that it includes are read only where an agent
//! can have written them: those of the person's own are named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::hostile;
use super::pointer;
use super::refusal::Refusal;
use crate::config::{self, Entry};

/// How deep files may include others, as in git.
const DEEPEST: usize = 10;
/// How many files are read in all.
const MOST: usize = 64;

/// What was said, the last one wins as in git.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// `core.worktree`, from the git directory.
    pub(super) worktree: Option<(PathBuf, PathBuf)>,
    /// `core.hooksPath`, as it is written.
    pub(super) hooks: Option<String>,
    /// `core.attributesFile`, as it is written.
    pub(super) attributes: Option<String>,
    /// Files that are included, whether they are there or not, as far as they are named by a path of this machine.
    pub(super) includes: BTreeSet<PathBuf>,
    /// What the repository needs a git to know.
    pub(super) extensions: BTreeSet<String>,
    /// Whether each worktree has settings of its own.
    pub(super) by_worktree: bool,
}

/// Reads the configuration of a repository, and that of one of its worktrees. An included file counts if it is below one
/// of `written`, whatever its condition is.
pub(super) fn read(common: &Path, git_dir: &Path, written: &[&Path]) -> Result<Settings, Refusal> {
    let mut reader = Reader { git_dir, written, files: 0, found: Settings::default() };
    let of_all = common.join("config");
    reader.file(&of_all, 0)?;
    if git_dir != common {
        // a linked worktree has its own, and git passes over the other's
        reader.found.worktree = None;
    }
    if reader.found.by_worktree {
        reader.file(&git_dir.join("config.worktree"), 0)?;
    }
    Ok(reader.found)
}

struct Reader<'a> {
    git_dir: &'a Path,
    written: &'a [&'a Path],
    files: usize,
    found: Settings,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: usize) -> Result<(), Refusal> {
        if depth > DEEPEST || self.files == MOST {
            return Err(Refusal::TooMany { path: path.to_owned(), what: "files that include each other", most: MOST });
        }
        self.files += 1;
        let Some(bytes) = hostile::read(path)? else { return Ok(()) };
        let invalid = |line| Refusal::Configuration { path: path.to_owned(), line };
        // git's value ends at such a byte, and ours would not
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            return Err(invalid(bytes[..at].split(|byte| *byte == b'\n').count()));
        }
        for entry in config::parse(&bytes).map_err(invalid)? {
            self.entry(entry, path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: Entry, file: &Path, depth: usize) -> Result<(), Refusal> {
        let is_plain = entry.subsection.is_none();
        match (entry.section.as_str(), entry.key.as_str()) {
            ("core", "worktree") if is_plain => {
                let value = entry.value.unwrap_or_default();
                let named = path_in(&value).ok_or_else(|| Refusal::NoPath { path: file.to_owned() })?;
                self.found.worktree = Some((pointer::within(self.git_dir, named), file.to_owned()));
            }
            ("core", "hookspath") if is_plain => self.found.hooks = entry.value.filter(|path| !path.is_empty()),
            ("core", "attributesfile") if is_plain => {
                self.found.attributes = entry.value.filter(|path| !path.is_empty());
            }
            ("extensions", key) if is_plain => {
                let value = entry.value.as_deref();
                if key == "worktreeconfig" {
                    self.found.by_worktree = is_true(value);
                }
                match value.filter(|_| ["objectformat", "refstorage", "compatobjectformat"].contains(&key)) {
                    Some(value) => drop(self.found.extensions.insert(format!("{key}={value}"))),
                    None if is_true(value) || key == "partialclone" => {
                        self.found.extensions.insert(key.to_owned());
                    }
                    None => {}
                }
            }
            ("include", "path") if is_plain => self.include(entry.value, file, depth)?,
            ("includeif", "path") if !is_plain => self.include(entry.value, file, depth)?,
            _ => {}
        }
        Ok(())
    }

    fn include(&mut self, value: Option<String>, file: &Path, depth: usize) -> Result<(), Refusal> {
        let value = value.unwrap_or_default();
        // the home of the person, where no agent writes
        if value.starts_with('~') || value.is_empty() {
            return Ok(());
        }
        let named = path_in(&value).ok_or_else(|| Refusal::NoPath { path: file.to_owned() })?;
        let path = pointer::within(file.parent().unwrap_or(Path::new("/")), named);
        self.found.includes.insert(path.clone());
        if self.written.iter().any(|place| path.starts_with(place)) { self.file(&path, depth + 1) } else { Ok(()) }
    }
}

/// A value as a path; text that was not UTF-8 is none.
pub(super) fn path_in(value: &str) -> Option<&Path> {
    if value.contains(char::REPLACEMENT_CHARACTER) { None } else { pointer::plain(value.as_bytes()) }
}

/// What git takes for yes; a key alone is one.
fn is_true(value: Option<&str>) -> bool {
    value.is_none_or(|value| {
        let value = value.to_ascii_lowercase();
        ["true", "yes", "on"].contains(&value.as_str()) || value.parse::<i64>().is_ok_and(|number| number != 0)
    })
}

//! Compares a workspace with what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::config;
use super::finding::{Finding, How, Sink};
use super::judge::{self, Seen};
use super::place::{self, Look};
use crate::changes::{Change, ChangeKind, Side};
use crate::error::Result;
use crate::id::Snapshot;
use crate::layout::pointer;
use crate::not_held::NotHeld;
use crate::pattern::Ignored;
use crate::store::Store;

/// A larger file is not judged: it is a finding.
pub(super) const LARGEST: u64 = 1 << 20;
/// So many places are looked at as those of a bare repository, which can have any name.
const MOST_BARE: usize = 1000;

const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const FILE: u32 = 0o100_000;
/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;

/// What is to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    /// Where the workspace is, without links.
    pub root: &'a Path,
    /// What it was.
    pub old: &'a Snapshot,
    /// What it is.
    pub new: &'a Snapshot,
    /// What the capture of `new` did not hold.
    pub not_held: &'a [NotHeld],
    /// Where agents have settings of their own, as patterns of `.gitignore`.
    pub agents: &'a [String],
    /// So many findings of a kind are named.
    pub most: usize,
}

impl Store {
    /// What would run, or changes what runs, and was not there: in the order of the groups, then of the paths. The second number
    /// is how many more there are, of a kind that has too many.
    pub fn review(&self, review: &Review<'_>) -> Result<(Vec<Finding>, usize)> {
        let patterns = Ignored::any([review.agents])?;
        let mut gate = Gate {
            store: self,
            review,
            patterns,
            named: self.named(review)?,
            bare: 0,
            found: BTreeMap::new(),
            more: 0,
        };
        for change in self.changes(review.old, review.new)? {
            gate.change(&change)?;
        }
        for not_held in review.not_held {
            gate.not_held(&not_held.path);
        }
        Ok((gate.found.into_values().flatten().collect(), gate.more))
    }

    /// What the workspace's own repository is configured to take from the workspace's files.
    fn named(&self, review: &Review<'_>) -> Result<Named> {
        let mut named = Named::default();
        for file in [".git/config", ".git/config.worktree"] {
            let Some(Side { mode, id: Some(id) }) = self.find(review.new, Path::new(file))? else { continue };
            if mode & KIND != FILE || self.size_of(id)? > LARGEST {
                continue;
            }
            let (hooks, includes) = config::named(&self.read(id)?);
            let below = |dir: &Path, path: &str| {
                let path = pointer::within(dir, pointer::plain(path.as_bytes())?);
                path.strip_prefix(review.root).ok().map(Path::to_owned)
            };
            named.hooks = hooks.and_then(|hooks| below(review.root, &hooks)).or(named.hooks);
            named.includes.extend(includes.iter().filter_map(|path| below(&review.root.join(".git"), path)));
        }
        Ok(named)
    }
}

/// Files of the workspace that its repository's configuration makes part of it.
#[derive(Default)]
struct Named {
    hooks: Option<PathBuf>,
    includes: BTreeSet<PathBuf>,
}

struct Gate<'a> {
    store: &'a Store,
    review: &'a Review<'a>,
    patterns: Ignored,
    named: Named,
    bare: usize,
    found: BTreeMap<Sink, BTreeSet<Finding>>,
    more: usize,
}

impl Gate<'_> {
    fn change(&mut self, change: &Change) -> Result<()> {
        let Some(Side { mode, id: Some(id) }) = change.new else { return Ok(()) };
        let path = &change.path;
        let how = if change.old.is_some() { How::Changed } else { How::New };
        let is_same = change.kind == ChangeKind::ModeChanged;
        if mode & KIND == FILE && mode & SET_ID != 0 && change.old.is_none_or(|old| old.mode & SET_ID != mode & SET_ID)
        {
            self.note(Finding {
                sink: Sink::SetId,
                path: path.clone(),
                how,
                detail: vec![format!("mode {:o}", mode & 0o7777)],
            });
        }
        if mode & KIND == LINK && !is_same {
            let target = self.store.read(id)?;
            if self.leads_out(path, &target) {
                let detail = vec![String::from_utf8_lossy(&target).chars().take(200).collect()];
                self.note(Finding { sink: Sink::Link, path: path.clone(), how, detail });
            }
        }
        if self.is_head_of_bare(change)? {
            let path = path.parent().unwrap_or(Path::new("")).to_owned();
            let detail = vec!["a bare repository: git in this directory does what it says".to_owned()];
            self.note(Finding { sink: Sink::GitRepository, path, how, detail });
        }
        let Some(place) = self.place(path)? else { return Ok(()) };
        let became_program = change.old.is_some_and(|old| old.mode & 0o111 == 0) && mode & 0o111 != 0;
        if is_same && !(place.1 == Look::Program && became_program) {
            return Ok(());
        }
        if self.store.size_of(id)? > LARGEST {
            self.note(Finding { sink: place.0, path: path.clone(), how: How::Unseen, detail: Vec::new() });
            return Ok(());
        }
        let new = self.store.read(id)?;
        let old = change.old.and_then(|side| side.id.map(|id| (side.mode, id)));
        let old = match old {
            Some((mode, id)) if self.store.size_of(id)? <= LARGEST => Some((mode, self.store.read(id)?)),
            Some((mode, _)) => Some((mode, Vec::new())),
            None => None,
        };
        let old = old.as_ref().map(|(mode, bytes)| Seen { mode: *mode, bytes });
        if let Some(finding) = judge::file(path, place, old, Seen { mode, bytes: &new }) {
            self.note(finding);
        }
        Ok(())
    }

    /// What is there and was not held, so that nobody can say what it is.
    fn not_held(&mut self, path: &Path) {
        if let Ok(Some((sink, _))) = self.place(path) {
            self.note(Finding { sink, path: path.to_owned(), how: How::Unseen, detail: Vec::new() });
        }
    }

    fn place(&mut self, path: &Path) -> Result<Option<(Sink, Look)>> {
        if self.named.hooks.as_ref().is_some_and(|hooks| path.starts_with(hooks)) {
            return Ok(Some((Sink::GitHook, Look::Program)));
        }
        if self.named.includes.contains(path) {
            return Ok(Some((Sink::GitConfig, Look::Config)));
        }
        if let Some(place) = place::of(path) {
            return Ok(Some(place));
        }
        if let Some(place) = self.in_bare(path)? {
            return Ok(Some(place));
        }
        let is_agents =
            path.ancestors().any(|above| self.patterns.matches(above.as_os_str().as_bytes(), above != path));
        Ok((!self.patterns.is_empty() && is_agents).then_some((Sink::Agent, Look::All)))
    }

    /// The place of a file in a bare repository within the workspace.
    fn in_bare(&mut self, path: &Path) -> Result<Option<(Sink, Look)>> {
        let names: Vec<&OsStr> = path.iter().collect();
        let depth = match names.as_slice() {
            [.., name] if *name == "config" => 1,
            [.., above, _] if *above == "hooks" => 2,
            _ => return Ok(None),
        };
        self.bare += 1;
        let (above, below) = names.split_at(names.len() - depth);
        let dir: PathBuf = above.iter().collect();
        if self.bare > MOST_BARE || !self.has(&dir, "HEAD")? || !self.has(&dir, "objects")? {
            return Ok(None);
        }
        let below: Vec<&[u8]> = below.iter().map(|name| name.as_bytes()).collect();
        Ok(place::repository(&below))
    }

    fn is_head_of_bare(&mut self, change: &Change) -> Result<bool> {
        let path = &change.path;
        if change.old.is_some()
            || path.file_name() != Some(OsStr::new("HEAD"))
            || path.iter().any(|name| name == ".git")
        {
            return Ok(false);
        }
        self.bare += 1;
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(self.bare <= MOST_BARE && self.has(&dir, "objects")? && self.has(&dir, "refs")?)
    }

    fn has(&self, dir: &Path, name: &str) -> Result<bool> {
        Ok(self.store.find(self.review.new, &dir.join(name))?.is_some())
    }

    /// Whether a link in the workspace leads out of it, as far as its own text says.
    fn leads_out(&self, path: &Path, target: &[u8]) -> bool {
        let from = self.review.root.join(path.parent().unwrap_or(Path::new("")));
        !pointer::within(&from, Path::new(OsStr::from_bytes(target))).starts_with(self.review.root)
    }

    fn note(&mut self, finding: Finding) {
        let of_kind = self.found.entry(finding.sink).or_default();
        if of_kind.len() < self.review.most {
            of_kind.insert(finding);
        } else {
            self.more += 1;
        }
    }
}

//! A repository as it is found on the disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::hostile::{self, Kind};
use super::pointer;
use super::refusal::Refusal;
use super::settings::{self, Settings};

/// How deep repositories may borrow objects from each other, as in git.
const DEEPEST: usize = 5;
/// How many of them there may be.
const MOST_ALTERNATES: usize = 32;

/// How a worktree and its repository are connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// `.git` is the repository.
    Plain,
    /// The directory itself is the repository, without files to work on.
    Bare,
    /// A linked worktree of another repository.
    Worktree {
        /// What the repository calls it.
        name: String,
        /// Whether the worktree names the repository by a relative path.
        relative: bool,
    },
    /// `.git` names a directory that can be anywhere.
    Separate {
        /// Whether that names the worktree as well: otherwise anybody who can write `.git` can name any repository.
        proven: bool,
    },
    /// A submodule, whose repository is within another one.
    Submodule {
        /// The worktree that it belongs to.
        of: PathBuf,
    },
}

/// Another linked worktree of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sibling {
    /// What the repository calls it.
    pub name: String,
    /// Its directory.
    pub top: PathBuf,
}

/// What git finds from a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The directory with the files; a bare repository has none.
    pub top: Option<PathBuf>,
    /// What is the worktree's own, such as `HEAD` and the index.
    pub git_dir: PathBuf,
    /// What all worktrees share, such as objects and configuration.
    pub common: PathBuf,
    /// How git gets there.
    pub link: Link,
    /// Directories from which objects are borrowed.
    pub alternates: Vec<PathBuf>,
    /// What a git has to know to open it, such as `relativeworktrees` or `objectformat=sha256`.
    pub extensions: BTreeSet<String>,
    /// Where its hooks are, if not in the repository; a path below `~` is not known here.
    pub hooks: Option<PathBuf>,
    /// Files that its configuration includes, and the one with further attributes.
    pub includes: BTreeSet<PathBuf>,
    /// Whether its worktrees have settings of their own.
    pub by_worktree: bool,
    /// The other linked worktrees that exist.
    pub siblings: Vec<Sibling>,
}

/// Whether a directory is a repository, as far as git looks.
pub(super) fn is_repository(dir: &Path) -> Result<bool, Refusal> {
    Ok(lacks(dir)?.is_none())
}

fn lacks(dir: &Path) -> Result<Option<&'static str>, Refusal> {
    if !matches!(hostile::kind(&dir.join("HEAD"))?, Some(Kind::File | Kind::Link)) {
        return Ok(Some("HEAD"));
    }
    for name in ["objects", "refs"] {
        match hostile::kind(&dir.join(name))? {
            Some(Kind::Directory) => {}
            Some(Kind::Link) => return Err(Refusal::Link { path: dir.join(name) }),
            _ => return Ok(Some(name)),
        }
    }
    Ok(None)
}

/// Refuses a repository whose settings and hooks are somewhere else: git writes that only for linked worktrees.
pub(super) fn is_its_own(dir: &Path) -> Result<(), Refusal> {
    let path = dir.join("commondir");
    match hostile::read(&path)? {
        Some(shared) if shared.trim_ascii_end() != pointer::ITSELF => Err(Refusal::CommonDir { path }),
        _ => Ok(()),
    }
}

impl Repository {
    /// The repository that is in `.git` of `top`, or is `dir` itself.
    pub(super) fn inside(top: Option<&Path>, dir: &Path, workspace: &Path) -> Result<Self, Refusal> {
        is_its_own(dir)?;
        let link = if top.is_some() { Link::Plain } else { Link::Bare };
        Self::open(top, dir, dir, link, workspace)
    }

    /// The repository that a `.git` of `top` names, which is a file or a link.
    pub(super) fn named(top: &Path, dot: &Path, named: &Path, workspace: &Path) -> Result<Self, Refusal> {
        let git_dir = pointer::within(top, named);
        if hostile::kind(&git_dir)? == Some(Kind::Link) {
            return Err(Refusal::Link { path: git_dir });
        }
        let shared = hostile::read(&git_dir.join("commondir"))?;
        let Some(shared) = shared.filter(|shared| shared.trim_ascii_end() != pointer::ITSELF) else {
            return Self::elsewhere(top, dot, &git_dir, workspace);
        };
        let by = git_dir.join("commondir");
        let shared = pointer::path(&shared).ok_or_else(|| Refusal::NoPath { path: by.clone() })?;
        let common = pointer::within(&git_dir, shared);
        if let Some(lacks) = lacks(&common)? {
            return Err(Refusal::NoRepository { by, path: common, lacks });
        }
        // otherwise files in a workspace that name each other could have any directory shown
        let name = git_dir
            .file_name()
            .and_then(|name| name.to_str())
            .filter(|_| git_dir.parent() == Some(&common.join("worktrees")));
        let Some(name) = name else {
            let said = format!("it has no `worktrees/{}`", git_dir.file_name().unwrap_or_default().display());
            return Err(Refusal::NotBack { by, path: common, said });
        };
        let link = Link::Worktree { name: name.to_owned(), relative: named.is_relative() };
        named_back(dot, &git_dir)?;
        Self::open(Some(top), &git_dir, &common, link, workspace)
    }

    /// A repository that is whole, and not in the directory with the files.
    fn elsewhere(top: &Path, dot: &Path, git_dir: &Path, workspace: &Path) -> Result<Self, Refusal> {
        if let Some(lacks) = lacks(git_dir)? {
            return Err(Refusal::NoRepository { by: dot.to_owned(), path: git_dir.to_owned(), lacks });
        }
        let mut repository = Self::open(Some(top), git_dir, git_dir, Link::Separate { proven: false }, workspace)?;
        let settings = settings::read(git_dir, git_dir, &[workspace, git_dir])?;
        let proven = settings.worktree.is_some();
        repository.link = match above(git_dir, top) {
            Some(of) if proven => Link::Submodule { of },
            _ => Link::Separate { proven },
        };
        Ok(repository)
    }

    fn open(top: Option<&Path>, git_dir: &Path, common: &Path, link: Link, workspace: &Path) -> Result<Self, Refusal> {
        let settings = settings::read(common, git_dir, &[workspace, common])?;
        if let (Some((worktree, config)), Some(top)) = (&settings.worktree, top)
            && worktree != top
        {
            let (worktree, config, top) = (worktree.clone(), config.clone(), top.to_owned());
            return Err(Refusal::Worktree { config, worktree, top });
        }
        let from = top.unwrap_or(common);
        let Settings { hooks, attributes, mut includes, extensions, by_worktree, .. } = settings;
        let place = |path: String| {
            let path = settings::path_in(&path).filter(|_| !path.starts_with('~')).map(Path::to_owned);
            path.map(|path| pointer::within(from, &path))
        };
        includes.extend(attributes.and_then(place));
        let mut alternates = Vec::new();
        borrowed(&common.join("objects"), 0, &mut alternates)?;
        Ok(Self {
            top: top.map(Path::to_owned),
            git_dir: git_dir.to_owned(),
            common: common.to_owned(),
            siblings: siblings(common, git_dir)?,
            link,
            alternates,
            extensions,
            hooks: hooks.and_then(place),
            includes,
            by_worktree,
        })
    }

    /// The oldest git that opens the repository, as far as it is known: `None` if no known one does.
    #[must_use]
    pub fn needs_git(&self) -> Option<(u16, u16)> {
        let since = |extension: &String| {
            Some(match extension.as_str() {
                "noop" | "noop-v1" | "preciousobjects" | "objectformat=sha1" | "refstorage=files" => (2, 7),
                "partialclone" => (2, 17),
                "worktreeconfig" => (2, 20),
                "objectformat=sha256" => (2, 29),
                "refstorage=reftable" | "compatobjectformat=sha1" | "compatobjectformat=sha256" => (2, 45),
                "relativeworktrees" => (2, 48),
                _ => return None,
            })
        };
        self.extensions.iter().map(since).try_fold((2, 7), |oldest, one| one.map(|one| oldest.max(one)))
    }
}

/// A repository names the `.git` file of its worktree.
fn named_back(dot: &Path, git_dir: &Path) -> Result<(), Refusal> {
    let by = git_dir.join("gitdir");
    let not_back = |said: String| Refusal::NotBack { by: dot.to_owned(), path: git_dir.to_owned(), said };
    let bytes = hostile::read(&by)?.ok_or_else(|| not_back("it has no `gitdir`".to_owned()))?;
    let back = pointer::path(&bytes).ok_or_else(|| Refusal::NoPath { path: by.clone() })?;
    let back = pointer::within(git_dir, back);
    if back == dot { Ok(()) } else { Err(not_back(format!("its `gitdir` is {}", back.display()))) }
}

/// The worktree to which a submodule belongs: the nearest one above it whose repository has the submodule's in `modules`.
fn above(git_dir: &Path, top: &Path) -> Option<PathBuf> {
    let of = top.ancestors().skip(1).find(|above| hostile::kind(&above.join(".git")).ok().flatten().is_some())?;
    let dot = of.join(".git");
    let its = match hostile::kind(&dot).ok()?? {
        Kind::Directory => dot,
        Kind::File => pointer::within(of, pointer::git_file(&hostile::read(&dot).ok()??)?),
        Kind::Link | Kind::Other => return None,
    };
    git_dir.starts_with(its.join("modules")).then(|| of.to_owned())
}

/// Where objects are borrowed from, and where those borrow theirs.
fn borrowed(objects: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Refusal> {
    let by = objects.join("info/alternates");
    let Some(bytes) = hostile::read(&by)? else { return Ok(()) };
    let named = pointer::alternates(&bytes).ok_or_else(|| Refusal::NoPath { path: by.clone() })?;
    for named in named {
        let path = pointer::within(objects, named);
        if found.contains(&path) {
            continue;
        }
        if found.len() == MOST_ALTERNATES || depth == DEEPEST {
            return Err(Refusal::TooMany { path: by, what: "stores of objects to borrow from", most: MOST_ALTERNATES });
        }
        // only of a repository: a line could name any directory
        let is_store = path.ends_with("objects") && path.parent().map(is_repository).transpose()? == Some(true);
        if !is_store {
            return Err(Refusal::NoObjects { by, path });
        }
        found.push(path.clone());
        borrowed(&path, depth + 1, found)?;
    }
    Ok(())
}

/// The other linked worktrees that are where the repository says.
fn siblings(common: &Path, own: &Path) -> Result<Vec<Sibling>, Refusal> {
    let worktrees = common.join("worktrees");
    let mut found = Vec::new();
    for (name, kind) in hostile::names(&worktrees, "linked worktrees")? {
        let dir = worktrees.join(&name);
        let (Kind::Directory, Some(name)) = (kind, name.to_str()) else { continue };
        if dir == own || pointer::plain(name.as_bytes()).is_none() {
            continue;
        }
        // what cannot be read is git's to complain about: nothing is shown for it
        let Ok(Some(bytes)) = hostile::read(&dir.join("gitdir")) else { continue };
        let Some(dot) = pointer::path(&bytes).map(|path| pointer::within(&dir, path)) else { continue };
        let is_there = dot.ends_with(".git") && matches!(hostile::kind(&dot), Ok(Some(Kind::File)));
        if let Some(top) = dot.parent().filter(|_| is_there) {
            found.push(Sibling { name: name.to_owned(), top: top.to_owned() });
        }
    }
    Ok(found)
}

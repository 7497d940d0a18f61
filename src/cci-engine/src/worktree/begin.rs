//! Makes the worktrees of a new session.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cci_core::idmap::Ids;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_git::layout::{Layout, Nested, Repository};
use cci_git::worktree as git;

use super::make::{Besides, make};
use super::{taken, unfit};
use crate::blocking::blocking;
use crate::context::Context;
use crate::event::LaunchEvent;
use crate::ledger::Made;
use crate::site::host_path;
use cci_host::git::Shared;
use cci_host::store::session_worktrees::{Part, Worktrees, is_name};

/// What to make.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// How the worktrees are called; without a name, by the repository and six digits.
    pub name: Option<String>,
    /// The repositories; without any, the one of the workspace.
    pub repositories: Vec<PathBuf>,
    /// Their branch; without it, `cci/NAME`.
    pub branch: Option<String>,
    /// Where they begin; without it, at the commit that each repository is at.
    pub base: Option<String>,
}

/// Makes the worktrees, and returns the call in their workspace. They are in the ledger until the caller keeps them.
pub async fn begin(cx: &Context, asked: &Asked, digits: &str) -> Result<Context> {
    let (cci_dir, home) = (host_path::real(&cx.cci_dir()), host_path::real(&cx.caller.home));
    let mut tops = asked.repositories.clone();
    if tops.is_empty() {
        tops.push(cx.workspace.path().to_owned());
    }
    let tops: Vec<PathBuf> =
        tops.iter().map(|top| host_path::real(Workspace::resolve(&cx.caller.current_dir, top).path())).collect();
    let besides = Besides::of(cx)?;
    let (asked, digits) = (asked.clone(), digits.to_owned());
    let found = blocking(move || {
        let mut found = Vec::new();
        for top in tops {
            found.push(repository(&top, &home)?);
        }
        let name = name(&asked, &found[0], &digits)?;
        Ok((worktrees(&name, &asked, &found)?, found))
    });
    let (worktrees, found) = cx.scope.until_cancelled(found).await?;
    if Worktrees::named(&cci_dir, &worktrees.name)?.is_some() || worktrees.workspace(&cci_dir).exists() {
        let problem = format!("there are worktrees called '{}' already", worktrees.name);
        let hint = format!("go on in {}, or choose another name", worktrees.workspace(&cci_dir).display());
        return Err(Error::Usage { problem, hint: Some(hint) });
    }
    let owner = owner(cx, &found[0].common)?;
    cx.scope.ledger.push(Made::Worktrees { name: worktrees.name.clone() });
    let (made, dir) = (worktrees.clone(), cci_dir.clone());
    let skipped = cx.scope.writing(move || make(&made, &dir, owner, &besides)).await?;
    for (repository, skipped) in skipped {
        cx.emit(LaunchEvent::DirectorySkipped { path: repository.join(skipped.path), why: skipped.why });
    }
    Ok(Context { workspace: Workspace::at(worktrees.workspace(&cx.cci_dir())), ..cx.clone() })
}

/// The repository of a directory, of which a session can have worktrees.
fn repository(top: &Path, home: &Path) -> Result<Repository> {
    let not = |why: String| Error::Usage {
        problem: format!("cannot make a worktree of {}: {why}", top.display()),
        hint: None,
    };
    if !top.is_dir() {
        return Err(not("it is not a directory".into()));
    }
    let found = Layout::find(top, home, &Nested::default()).map_err(|error| not(error.to_string()))?.repository;
    let found = found.ok_or_else(|| not("it is no git repository".into()))?;
    if let Some(from) = found.alternates.first() {
        return Err(not(format!("it borrows objects from {}", from.display())));
    }
    if found.extensions.iter().any(|one| one.starts_with("objectformat=sha256") || one.starts_with("refstorage=")) {
        return Err(not(format!("cci does not read repositories with {:?}", found.extensions)));
    }
    Ok(found)
}

fn name(asked: &Asked, first: &Repository, digits: &str) -> Result<String> {
    match &asked.name {
        Some(name) if is_name(name) => Ok(name.clone()),
        Some(name) => Err(Error::Usage {
            problem: format!("invalid name '{name}' for worktrees"),
            hint: Some("letters, digits, `.`, `_` and `-`, at most 60".into()),
        }),
        None => Ok(format!("{}-{digits}", short(first))),
    }
}

/// The name of a repository's directory, as far as it can be that of another.
fn short(repository: &Repository) -> String {
    let place = repository.top.as_ref().unwrap_or(&repository.common);
    let typed = place.file_name().unwrap_or_default().to_string_lossy();
    let typed = typed.strip_suffix(".git").unwrap_or(&typed);
    let plain: String = typed
        .chars()
        .map(|sign| if sign.is_ascii_alphanumeric() || "_-".contains(sign) { sign } else { '-' })
        .take(40)
        .collect();
    let plain = plain.trim_matches('-').replace("-fork-", "-");
    if plain.is_empty() { "worktree".to_owned() } else { plain }
}

fn worktrees(name: &str, asked: &Asked, found: &[Repository]) -> Result<Worktrees> {
    let branch = asked.branch.clone().unwrap_or_else(|| format!("cci/{name}"));
    if !is_branch(&branch) {
        return Err(Error::usage(format!("invalid branch '{branch}'")));
    }
    let mut repositories: Vec<Part> = Vec::new();
    for one in found {
        let failed = |source| Error::Host { step: "open", path: one.common.clone(), source };
        let parent = Shared::at(&one.common).map_err(failed)?;
        let parent = parent.ok_or_else(|| Error::usage(format!("{} is no repository", one.common.display())))?;
        let own = Shared::at(&one.git_dir).map_err(failed)?;
        let head = own.as_ref().and_then(|own| head_of(own, &parent));
        let word = asked.base.as_deref().unwrap_or("HEAD");
        let base = git::resolve(&parent, word, head).map_err(unfit("reading", &one.common))?;
        let base = base.ok_or_else(|| Error::Usage {
            problem: format!("{} has no commit '{word}'", one.common.display()),
            hint: Some("a branch, a tag or the whole id of a commit".into()),
        })?;
        if !parent.takes_branch(&branch).map_err(failed)? || repositories.iter().any(|other| other.common == one.common)
        {
            return Err(taken(&branch, &one.common));
        }
        let mut place = if found.len() == 1 { String::new() } else { short(one) };
        let like = repositories.iter().filter(|other| other.place.starts_with(&place) && !place.is_empty()).count();
        if like > 0 {
            place = format!("{place}-{}", like + 1);
        }
        let (base, git_dir) = (base.to_string(), one.git_dir.clone());
        repositories.push(Part {
            place,
            common: one.common.clone(),
            git_dir,
            top: one.top.clone(),
            branch: branch.clone(),
            at: base.clone(),
            base,
            exclude: String::new(),
            linked: Vec::new(),
        });
    }
    Ok(Worktrees { name: name.to_owned(), repositories })
}

/// The commit that a worktree is at: its branch is in what it shares.
pub(super) fn head_of(own: &Shared, common: &Shared) -> Option<cci_git::Id> {
    match on_branch(own) {
        Some(name) => git::at(common, &name),
        None => git::at(own, "HEAD"),
    }
}

/// The branch that a worktree is on, as a ref.
pub(super) fn on_branch(own: &Shared) -> Option<String> {
    let head = own.read("HEAD").ok()??;
    let named = std::str::from_utf8(&head).ok()?.strip_prefix("ref:")?.trim().to_owned();
    named.starts_with("refs/heads/").then_some(named)
}

/// Whether git accepts this as the name of a branch.
fn is_branch(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none() && !part.ends_with('.')
    };
    !name.starts_with('-')
        && name != "HEAD"
        && name != "@"
        && name.len() <= 200
        && name.split('/').all(part)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(|sign| sign.is_control() || " ~^:?*[\\".contains(sign))
}

/// Who the agent is on the host: the caller, or for root the owner of the repository.
fn owner(cx: &Context, repository: &Path) -> Result<Ids> {
    if cx.caller.ids.uid != 0 {
        return Ok(cx.caller.ids);
    }
    let meta = std::fs::metadata(repository).map_err(|source| Error::Host {
        step: "open",
        path: repository.to_owned(),
        source,
    })?;
    Ok(Ids { uid: meta.uid(), gid: meta.gid() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_that_git_refuses_are_refused() {
        for name in ["", "-x", "a..b", "a b", "a/.b", "a.lock", "a/", "/a", "HEAD", "a@{1", "a~1", "a\n"] {
            assert!(!is_branch(name), "{name:?}");
        }
        assert!(is_branch("cci/x-1.2") && is_branch("ä"));
    }
}

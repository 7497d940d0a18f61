//! Makes the worktrees themselves: files, repositories and branches, and what they get of the user's own besides.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use cci_core::idmap::Ids;
use cci_core::settings::WorktreeSettings;
use cci_core::{Error, Result};
use cci_git::worktree::{self as git, New, Skipped};

use super::{taken, unfit};
use crate::context::Context;
use cci_host::git::{Added, Shared};
use cci_host::store::session_worktrees::Worktrees;

/// What worktrees get besides what is committed.
pub(super) struct Besides {
    settings: WorktreeSettings,
    /// What the user ignores everywhere.
    ignored: Vec<u8>,
}

impl Besides {
    /// What the settings of a call say.
    pub(super) fn of(cx: &Context) -> Result<Self> {
        Ok(Self { settings: checked(&cx.settings.worktree)?, ignored: ignored(cx) })
    }
}

/// The settings, as far as they agree with themselves.
fn checked(settings: &WorktreeSettings) -> Result<WorktreeSettings> {
    let many = settings.copy.len() + settings.link.len();
    if many > WorktreeSettings::MOST {
        let most = WorktreeSettings::MOST;
        return Err(Error::usage(format!("worktree.copy and worktree.link name {many} directories, more than {most}")));
    }
    match settings.overlap() {
        Some((one, other)) => Err(Error::Usage {
            problem: format!(
                "worktree.copy and worktree.link name '{one}' and '{other}', of which one is in the other"
            ),
            hint: Some("a directory is copied or linked as a whole: name it once".into()),
        }),
        None => Ok(settings.clone()),
    }
}

/// What the caller's git ignores in every repository.
fn ignored(cx: &Context) -> Vec<u8> {
    let config = cx.caller.place("XDG_CONFIG_HOME").unwrap_or_else(|| cx.caller.home.join(".config"));
    std::fs::read(config.join("git/ignore")).unwrap_or_default()
}

/// Makes them; the directories that they did not get, each with its repository.
pub(super) fn make(
    worktrees: &Worktrees,
    cci_dir: &Path,
    owner: Ids,
    besides: &Besides,
) -> Result<Vec<(PathBuf, Skipped)>> {
    let _lock = Worktrees::lock(cci_dir, &worktrees.name)?;
    worktrees.note(cci_dir)?;
    if worktrees.repositories.len() > 1 {
        worktrees.create(cci_dir, owner)?;
    } else {
        // the only worktree is the workspace itself
        let above = worktrees.workspace(cci_dir);
        let above = above.parent().unwrap_or(cci_dir);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above);
        made.map_err(|source| Error::Host { step: "create", path: above.to_owned(), source })?;
    }
    let is_root = rustix::process::geteuid().is_root();
    let (mut noted, mut skipped) = (worktrees.clone(), Vec::new());
    for part in &mut noted.repositories {
        let at = worktrees.directory(cci_dir, part);
        let new = New {
            parent: &part.common,
            git_dir: &part.git_dir,
            files: part.top.as_deref(),
            at: &at,
            branch: &part.branch,
            base: part.base.parse().map_err(|_| Error::Internal("a commit has no id".into()))?,
            owner: is_root.then_some((owner.uid, owner.gid)),
            ignored: &besides.ignored,
            copy: &besides.settings.copy,
            link: &besides.settings.link,
        };
        let made = git::make(&new).map_err(unfit("making the worktree", &at))?;
        part.linked = made.linked;
        let top = part.top.as_ref().unwrap_or(&part.common);
        skipped.extend(made.skipped.into_iter().map(|one| (top.clone(), one)));
        // what was copied into it is ignored at its end
        part.exclude = std::fs::read_to_string(at.join(".git/info/exclude")).unwrap_or_default();
        let failed = |source| Error::Host { step: "change", path: part.common.clone(), source };
        let parent = Shared::at(&part.common).map_err(failed)?;
        let failed = |source| Error::Host { step: "change", path: part.common.clone(), source };
        let parent = parent.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        if parent.make_branch(&part.branch, &part.base, &worktrees.why()).map_err(failed)? == Added::Taken {
            return Err(taken(&part.branch, &part.common));
        }
    }
    noted.note(cci_dir)?;
    Ok(skipped)
}

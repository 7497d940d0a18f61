//! What differs between two checkpoints, or between one and the workspace as it is now.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::checkpoint::{CheckpointId, Node, Tree};
use cci_core::slot::SlotChoice;
use cci_core::{Error, Result};
use cci_git::{Change, ChangeKind, Side, Store};

use super::contents::{self, Place};
use super::opened::{self, Opened};
use super::subject;
use crate::blocking::blocking;
use crate::context::Context;
use crate::site::host_path;

/// A file that differs.
#[derive(Debug, Clone)]
pub struct Differing {
    /// Its path below the workspace.
    pub path: PathBuf,
    /// How it differs.
    pub kind: ChangeKind,
    /// What it was; `None` if it was not there, or if only its mode differs.
    pub before: Option<Vec<u8>>,
    /// What it became.
    pub after: Option<Vec<u8>>,
    /// Its mode before and after.
    pub modes: (Option<u32>, Option<u32>),
}

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// The first checkpoint; the current one if none is named.
    pub from: Option<String>,
    /// The second one; the workspace as it is now if none is named.
    pub to: Option<String>,
    /// Only what is at or below one of these paths of the workspace.
    pub paths: Vec<PathBuf>,
}

/// The files that differ, by path.
pub async fn diff(cx: &Context, slot: SlotChoice, compared: &Compared) -> Result<Vec<Differing>> {
    let session = subject::find(cx, slot).await?.session_id();
    let opened = Opened::despite_journal(cx).await?;
    let head = opened.heads.nearest(session, &cx.workspace);
    let from = opened.resolve(compared.from.as_deref().unwrap_or("~0"), head)?;
    let before = tree_of(&from)?;
    let after = match &compared.to {
        Some(to) => tree_of(&opened.resolve(to, head)?)?,
        None => now(cx, &opened).await?,
    };
    let (store, paths) = (Arc::clone(&opened.store), compared.paths.clone());
    blocking(move || {
        let changes = changes(&store, &before, &after)?;
        let wanted = changes.into_iter().filter(|change| is_below(&change.path, &paths));
        wanted.map(|change| read(&store, change)).collect()
    })
    .await
}

/// How many files of the workspace are not as a checkpoint holds them.
pub(crate) async fn differing(cx: &Context, node: &Node) -> Result<u64> {
    let Some(tree) = &node.tree else { return Ok(0) };
    let opened = Opened::despite_journal(cx).await?;
    let now = now(cx, &opened).await?;
    contents::changed_between(&opened.store, Some(tree), &now).await
}

/// The workspace as it is now.
async fn now(cx: &Context, opened: &Opened) -> Result<Tree> {
    let root = host_path::real_workspace(cx).await?;
    let place = Place::workspace(&root, &cx.settings.checkpoints, opened.kept.cache(&cx.workspace));
    let store = Arc::clone(&opened.store);
    let captured = blocking(move || place.capture(&store)).await?;
    Ok(contents::tree(&captured))
}

fn tree_of(node: &Node) -> Result<Tree> {
    node.tree.clone().ok_or_else(|| Error::CheckpointIncomplete {
        id: node.id.clone(),
        part: "workspace",
        problem: "it was not taken".into(),
    })
}

pub(crate) fn changes(store: &Store, before: &Tree, after: &Tree) -> Result<Vec<Change>> {
    let (a, b) = (contents::snapshot(&before.tree, &before.stat)?, contents::snapshot(&after.tree, &after.stat)?);
    store.changes(&a, &b).map_err(contents::failed)
}

fn is_below(path: &Path, wanted: &[PathBuf]) -> bool {
    // `.` is the workspace itself
    let below = |dir: &PathBuf| path.starts_with(dir.strip_prefix(".").unwrap_or(dir));
    wanted.is_empty() || wanted.iter().any(below)
}

pub(crate) fn read(store: &Store, change: Change) -> Result<Differing> {
    let of = |side: Option<Side>| match side.and_then(|side| side.id) {
        Some(id) if change.kind != ChangeKind::ModeChanged => store.read(id).map(Some).map_err(contents::failed),
        _ => Ok(None),
    };
    let mode = |side: Option<Side>| side.map(|side| side.mode);
    let (before, after) = (of(change.old)?, of(change.new)?);
    Ok(Differing { modes: (mode(change.old), mode(change.new)), path: change.path, kind: change.kind, before, after })
}

/// The ids that a person can mean here, for completion.
pub async fn ids(cx: &Context) -> Result<Vec<CheckpointId>> {
    Ok(opened::read(cx).await?.0.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_what_is_below_it() {
        let below = |path: &str, wanted: &[&str]| {
            let wanted: Vec<PathBuf> = wanted.iter().map(PathBuf::from).collect();
            is_below(Path::new(path), &wanted)
        };
        assert!(below("src/a", &[]));
        assert!(below("src/a", &["src"]));
        assert!(below("src/a", &["src/"]));
        assert!(below("src/a", &["other", "src/a"]));
        assert!(below("src/a", &["."]) && below("src/a", &["./src"]), "the workspace itself");
        assert!(!below("srcs/a", &["src"]));
    }
}

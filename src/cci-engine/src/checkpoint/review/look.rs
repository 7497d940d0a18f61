//! Compares the workspace with what it was when the session began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::checkpoint::{CheckpointId, Node, Tree};
use cci_core::session::SessionId;
use cci_core::{Error, Result};
use cci_git::review::{Finding, Review as Compare, Sink};
use cci_git::{Id, Side, Snapshot, Store};
use cci_guest::GuestText;
use cci_host::store::findings::accepted;
use cci_host::store::sessions::Saved;

use super::begin::{self, Meant};
use crate::blocking::blocking;
use crate::checkpoint::contents::{self, Place};
use crate::checkpoint::opened::{self, Opened};
use crate::context::Context;
use crate::site::host_path;

pub use super::begin::Whose;

/// How many digits an id has at least.
const DIGITS: usize = 6;
/// How many digits of it must be typed.
const TYPED: usize = 4;
/// How many ids an error names.
const NAMED: usize = 5;

/// A finding under an id that can be typed.
#[derive(Debug, Clone)]
pub struct Found {
    /// The first digits of its fingerprint, as many as set it apart.
    pub id: String,
    /// The finding.
    pub finding: Finding,
    /// What stands for it: the same content in the same place.
    pub(super) fingerprint: String,
    /// The file to accept, to put back or to take away.
    pub(super) file: PathBuf,
    /// What is in it; none if nobody could look at it.
    pub(super) content: Option<Id>,
}

/// A workspace under review; while it lasts, nobody else takes or removes its checkpoints.
pub struct Review {
    /// The findings that nobody has accepted, in the order of the groups.
    pub findings: Vec<Found>,
    /// How many others there are, which were accepted.
    pub accepted: usize,
    /// The checkpoint that the workspace was compared with.
    pub since: Node,
    pub(super) cx: Context,
    pub(super) opened: Opened,
    pub(super) session: Option<Saved>,
    pub(super) place: Place,
    pub(super) then: Snapshot,
    pub(super) now: Snapshot,
}

/// Looks at what a session left.
pub async fn look(cx: &Context, whose: &Whose) -> Result<Review> {
    let Meant { workspace, session } = begin::meant(cx, whose).await?;
    let cx = Context { workspace, ..cx.clone() };
    let id = session.as_ref().map(|saved| saved.metadata.session_id);
    // where there is nothing to compare with, nothing is made either
    let (nodes, _) = opened::read(&cx).await?;
    since(&cx, &nodes, id)?;
    let opened = Opened::despite_journal(&cx).await?;
    let (since, tree) = since(&cx, &opened.nodes, id)?;
    let then = contents::snapshot(&tree.tree, &tree.stat)?;
    let (root, store) = (host_path::real_workspace(&cx).await?, Arc::clone(&opened.store));
    let (max_file, cache) = (cx.settings.checkpoints.max_file_bytes(), opened.kept.cache(&cx.workspace));
    let kept = opened.kept.clone();
    let compared = blocking(move || {
        // what the settings say by now is the agent's to change
        let ignore = store.ignored(&then).map_err(contents::failed)?;
        let place = Place::as_before(&root, ignore, max_file, cache);
        let now = place.capture(&store)?;
        let agents = cci_agent::settings_in_workspace();
        let compare = Compare {
            root: &root,
            old: &then,
            new: &now.snapshot,
            not_held: &now.not_held,
            agents: &agents,
            most: usize::MAX,
        };
        let (findings, _) = store.review(&compare).map_err(contents::failed)?;
        let accepted = accepted(&kept)?;
        let found = findings.into_iter().map(|finding| found(&store, &now.snapshot, finding));
        let (known, new) = found.collect::<Result<Vec<_>>>()?.into_iter().partition(|one: &Found| one.is_in(&accepted));
        Ok((place, now.snapshot, known, new))
    });
    let (place, now, known, mut findings): (_, _, Vec<Found>, Vec<Found>) = cx.scope.until_cancelled(compared).await?;
    name(&mut findings);
    Ok(Review { findings, accepted: known.len(), since, cx, opened, session, place, then, now })
}

/// The checkpoint that the session began at, and what it holds of the workspace.
fn since(cx: &Context, nodes: &BTreeMap<CheckpointId, Node>, session: Option<SessionId>) -> Result<(Node, Tree)> {
    let first = begin::of(nodes, session, cx.workspace.path());
    let first = first.and_then(|node| Some((node.clone(), node.tree.clone()?)));
    first.ok_or(Error::NothingToCompare { session })
}

fn found(store: &Store, now: &Snapshot, finding: Finding) -> Result<Found> {
    let find = |path: &Path| store.find(now, path).map_err(contents::failed);
    let there = find(&finding.path)?;
    // a directory is a bare repository by its `HEAD`
    let is_bare = finding.sink == Sink::GitRepository && matches!(there, Some(Side { id: None, .. }));
    let (file, there) = if is_bare {
        let head = finding.path.join("HEAD");
        let there = find(&head)?;
        (head, there)
    } else {
        (finding.path.clone(), there)
    };
    let content = there.and_then(|side| side.id);
    let fingerprint = finding.fingerprint(content).map_err(contents::failed)?.to_string();
    Ok(Found { id: String::new(), finding, fingerprint, file, content })
}

/// Gives each as many digits as set them apart.
fn name(findings: &mut [Found]) {
    let all: BTreeSet<&str> = findings.iter().map(|one| one.fingerprint.as_str()).collect();
    let longest = all.iter().map(|one| one.len()).max().unwrap_or_default();
    let apart = |digits: &usize| {
        let short: BTreeSet<&str> = all.iter().filter_map(|one| one.get(..*digits)).collect();
        short.len() == all.len()
    };
    let digits = (DIGITS..longest).find(apart).unwrap_or(longest);
    for one in findings {
        one.id = one.fingerprint.chars().take(digits).collect();
    }
}

impl Found {
    /// What nobody could look at is never accepted.
    fn is_in(&self, accepted: &BTreeSet<String>) -> bool {
        self.content.is_some() && accepted.contains(&self.fingerprint)
    }
}

impl Review {
    /// The findings that are meant, by the first digits of their ids or by their paths.
    pub fn chosen(&self, given: &[String]) -> Result<Vec<Found>> {
        let mut chosen: Vec<Found> = Vec::new();
        for word in given {
            let meant = meant(&self.findings, word)?;
            chosen.extend(meant.into_iter().cloned());
        }
        Ok(chosen)
    }
}

/// An id stands for one finding, a path for all in that file.
fn meant<'a>(findings: &'a [Found], given: &str) -> Result<Vec<&'a Found>> {
    let at_path =
        |one: &&Found| GuestText::new(&one.finding.path).to_string() == given || one.finding.path == Path::new(given);
    let by_path: Vec<&Found> = findings.iter().filter(at_path).collect();
    if !by_path.is_empty() {
        return Ok(by_path);
    }
    let begins = |one: &&Found| given.len() >= TYPED && one.fingerprint.starts_with(given);
    let by_id: Vec<&Found> = findings.iter().filter(begins).collect();
    if by_id.len() == 1 {
        return Ok(by_id);
    }
    let near = if by_id.is_empty() { findings.iter().collect() } else { by_id };
    let near = near.into_iter().take(NAMED).map(|one| one.id.clone()).collect();
    Err(Error::FindingNotFound { given: given.to_owned(), near })
}

#[cfg(test)]
mod tests {
    use cci_git::review::How;

    use super::*;

    fn found(path: &str, fingerprint: &str) -> Found {
        let finding = Finding { sink: Sink::Shell, path: path.into(), how: How::New, detail: Vec::new() };
        Found { id: String::new(), finding, fingerprint: fingerprint.into(), file: path.into(), content: None }
    }

    #[test]
    fn ids_are_as_long_as_it_takes() {
        let mut findings = [found("a", "1234567890"), found("b", "1234567abc"), found("c", "ffffffffff")];
        name(&mut findings);
        assert_eq!(findings.each_ref().map(|one| one.id.as_str()), ["12345678", "1234567a", "ffffffff"]);
        name(&mut findings[1..]);
        assert_eq!(findings[1].id, "123456");
    }

    #[test]
    fn a_finding_is_meant_by_its_first_digits_or_its_path() {
        let mut findings = [found("a", "1234567890"), found("x\n/b", "1234567abc"), found("a", "ffffffffff")];
        name(&mut findings);
        let paths = |given: &str| meant(&findings, given).map(|all| all.len()).map_err(|error| error.to_string());
        assert_eq!(paths("ffff"), Ok(1));
        assert_eq!(paths("1234567a"), Ok(1));
        assert_eq!(paths("a"), Ok(2));
        assert_eq!(paths("x\\n/b"), Ok(1), "as it is shown");
        for none in ["123456", "fff", "", "zzzz"] {
            assert_eq!(paths(none), Err(format!("finding {none} not found")));
        }
        let Err(Error::FindingNotFound { near, .. }) = meant(&findings, "1234") else { panic!() };
        assert_eq!(near, ["12345678", "1234567a"]);
    }
}

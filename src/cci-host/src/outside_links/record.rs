//! Which links of a workspace lead out with the person's consent: those that it had when cci first had to do with it,
//! before any agent was there. One that has come since, or leads elsewhere now, is an agent's until the person says
//! otherwise.

use std::collections::BTreeSet;
use std::path::Path;

use cci_core::Result;
use cci_core::workspace::Workspace;

use crate::store::allowed_links::{self, Allowed};
use crate::store::checkpoints::Checkpoints;
use crate::store::session_worktrees::Worktrees;

/// What is allowed in a launch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent {
    /// These links.
    pub allowed: BTreeSet<Allowed>,
    /// Whether this launch is the first, which notes them.
    pub is_first: bool,
}

/// Reads what was noted, or notes what is there `now` if no container has had the workspace before (`is_new`). A fork and
/// the worktrees of a session have what their origin has.
pub fn allowed(
    cci_dir: &Path,
    workspace: &Workspace,
    is_new: bool,
    now: impl IntoIterator<Item = Allowed>,
) -> Result<Consent> {
    if let Some(allowed) = allowed_links::read(cci_dir, workspace)? {
        return Ok(Consent { allowed, is_first: false });
    }
    if let Some(allowed) = of_origin(cci_dir, workspace)? {
        return Ok(Consent { allowed, is_first: false });
    }
    if !is_new {
        return Ok(Consent::default());
    }
    let allowed: BTreeSet<Allowed> = now.into_iter().collect();
    allowed_links::write(cci_dir, workspace, &allowed)?;
    Ok(Consent { allowed, is_first: true })
}

/// What is allowed where the files of a workspace came from: for a fork nothing else, because an agent may have made the
/// link there, and for a session's worktrees if anything was noted there.
fn of_origin(cci_dir: &Path, workspace: &Workspace) -> Result<Option<BTreeSet<Allowed>>> {
    if let Some(origin) = Checkpoints::origin_of(cci_dir, workspace)? {
        return Ok(Some(allowed_links::read(cci_dir, &Workspace::at(origin.workspace))?.unwrap_or_default()));
    }
    let Some(worktrees) = Worktrees::of(cci_dir, workspace.path())? else { return Ok(None) };
    let mut all = None;
    for part in worktrees.repositories {
        let of_parent = part.top.map(|top| allowed_links::read(cci_dir, &Workspace::at(top))).transpose()?.flatten();
        let Some(of_parent) = of_parent else { continue };
        let here = |one: Allowed| Allowed { link: Path::new(&part.place).join(one.link), ..one };
        all.get_or_insert_with(BTreeSet::new).extend(of_parent.into_iter().map(here));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::checkpoints::Origin;
    use crate::store::session_worktrees::Part;

    fn link(link: &str, target: &str) -> Allowed {
        Allowed { link: link.into(), target: target.into() }
    }

    fn consent(allowed: &[Allowed], is_first: bool) -> Consent {
        Consent { allowed: allowed.iter().cloned().collect(), is_first }
    }

    #[test]
    fn what_was_there_first_stays_allowed_and_nothing_that_comes_later() {
        let home = tempfile::tempdir().unwrap();
        let (cci, workspace) = (home.path().join(".cci"), Workspace::at("/w"));
        let first = [link("data", "/srv/data")];
        assert_eq!(allowed(&cci, &workspace, true, first.clone()).unwrap(), consent(&first, true));
        for is_new in [true, false] {
            let now = [link("data", "/srv/other"), link("new", "/srv/data")];
            assert_eq!(allowed(&cci, &workspace, is_new, now).unwrap(), consent(&first, false));
        }
    }

    #[test]
    fn a_workspace_that_a_container_has_had_gets_none() {
        let home = tempfile::tempdir().unwrap();
        let now = || [link("planted", "/srv/data")];
        let workspace = Workspace::at("/w");
        assert_eq!(allowed(home.path(), &workspace, false, now()).unwrap(), Consent::default());
        assert_eq!(allowed_links::read(home.path(), &workspace).unwrap(), None);
    }

    #[test]
    fn a_fork_has_what_its_origin_has() {
        let home = tempfile::tempdir().unwrap();
        let (origin, fork) = (Workspace::at("/w"), Workspace::at("/f"));
        let noted = Origin {
            workspace: origin.path().to_owned(),
            checkpoint: "0000000001".parse().unwrap(),
            fork: fork.path().to_owned(),
            at: String::new(),
            linked: None,
        };
        Checkpoints::note_origin(home.path(), &fork, &noted).unwrap();
        let planted = || [link("planted", "/srv/data")];
        let none = allowed(home.path(), &fork, true, planted()).unwrap();
        assert_eq!(none, Consent::default(), "an agent may have made it there");
        let first = [link("data", "/srv/data")];
        allowed(home.path(), &origin, true, first.clone()).unwrap();
        assert_eq!(allowed(home.path(), &fork, true, planted()).unwrap(), consent(&first, false));
    }

    #[test]
    fn the_worktrees_of_a_session_have_what_their_repositories_have() {
        let home = tempfile::tempdir().unwrap();
        let part = |place: &str, top: &str| Part {
            place: place.into(),
            common: Path::new(top).join(".git"),
            git_dir: Path::new(top).join(".git"),
            top: Some(top.into()),
            branch: "cci/x".into(),
            base: String::new(),
            at: String::new(),
            exclude: String::new(),
            linked: Vec::new(),
        };
        let made = Worktrees { name: "x".into(), repositories: vec![part("one", "/one"), part("two", "/two")] };
        made.note(home.path()).unwrap();
        let workspace = Workspace::at(made.workspace(home.path()));
        let planted = || [link("one/planted", "/srv/data")];
        allowed(home.path(), &Workspace::at("/one"), true, [link("data", "/srv/data")]).unwrap();
        let expected = consent(&[link("one/data", "/srv/data")], false);
        for is_new in [true, false] {
            assert_eq!(allowed(home.path(), &workspace, is_new, planted()).unwrap(), expected);
        }
        // where nothing is known, what is there first counts, and is forgotten with them
        allowed_links::forget(home.path(), &Workspace::at("/one")).unwrap();
        assert_eq!(allowed(home.path(), &workspace, false, planted()).unwrap(), Consent::default());
        assert!(allowed(home.path(), &workspace, true, planted()).unwrap().is_first);
        fs::create_dir_all(workspace.path()).unwrap();
        made.remove(home.path()).unwrap();
        assert_eq!(allowed_links::read(home.path(), &workspace).unwrap(), None);
    }
}

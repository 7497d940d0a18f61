//! Whether a project file takes effect: it may tighten what the user set, and what loosens it needs the user's
//! approval.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cci_core::settings::{Loosening, Surroundings, credentials_inside, loosenings};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use serde_json::Value;

use super::layer::{Layer, Origin, place_of};
use super::merge::merged;
use super::problem::{Place, Problem};
use super::profile;

/// A key of a project file that needs the user's approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The key, with the profile that it takes effect in.
    pub key: String,
    /// The project file that sets it.
    pub file: PathBuf,
    /// The place in the file.
    pub place: Option<Place>,
    /// The value.
    pub value: Value,
    /// Why it needs approval.
    pub reason: &'static str,
}

/// What decides about a project file.
pub(super) struct Judge<'a> {
    /// The layers below the project file.
    pub(super) trusted: &'a [&'a Layer],
    /// The user's layers above it.
    pub(super) above: Option<&'a Layer>,
    /// The profile that was asked for.
    pub(super) chosen: Option<&'a str>,
    /// Whether the command line brings credentials.
    pub(super) brings: bool,
    pub(super) workspace: &'a Path,
    pub(super) file: &'a Path,
}

impl Judge<'_> {
    /// What `project` would loosen compared with the user's layers alone, with and without each profile that it could
    /// affect.
    pub(super) fn waiting(&self, project: &Layer) -> Result<Vec<Waiting>> {
        let with_project: Vec<&Layer> = self.trusted.iter().copied().chain([project]).collect();
        let known = profile::names(&with_project);
        let concerned = known.iter().map(String::as_str).filter(|name| self.concerns(name, project));
        let mut seen = BTreeSet::new();
        let mut waiting = Vec::new();
        for name in std::iter::once(None).chain(concerned.map(Some)) {
            let found = self.of_profile(&with_project, name)?;
            let new = found.into_iter().filter(|found| seen.insert((found.key.clone(), found.value.to_string())));
            waiting.extend(new.map(|found| self.placed(project, name, found)));
        }
        Ok(waiting)
    }

    fn of_profile(&self, with_project: &[&Layer], name: Option<&str>) -> Result<Vec<Loosening>> {
        let own: Vec<&Layer> = self.trusted.iter().copied().chain(self.above).collect();
        let known_to = |layers: &[&Layer]| name.filter(|name| !profile::parts(name, layers).is_empty());
        let (trusted, changed) = (merged(self.trusted, known_to(self.trusted))?, merged(with_project, name)?);
        let inside = |host: &Path| is_inside(Workspace::resolve(self.workspace, host).path(), self.workspace);
        let credentials = credentials_inside(&merged(&own, known_to(&own))?, self.brings);
        Ok(loosenings(&trusted, &changed, &Surroundings { credentials, inside: &inside }))
    }

    /// A profile that the project mentions, or the one that was asked for.
    fn concerns(&self, name: &str, project: &Layer) -> bool {
        project.profiles.contains_key(name) || self.chosen == Some(name)
    }

    fn placed(&self, project: &Layer, profile: Option<&str>, found: Loosening) -> Waiting {
        let Loosening { key, value, reason } = found;
        let (place, file) = place_of(origin(project, profile, &key), self.file);
        let key = profile.map_or_else(|| key.clone(), |name| format!("{key} (profile {name})"));
        Waiting { key, file, place, value, reason }
    }
}

/// The refusal of keys that need approval.
pub(super) fn refusal(waiting: &[Waiting]) -> Error {
    let problem = |Waiting { key, file, place, reason, .. }: &Waiting| {
        let text = format!("{key} is refused from a project file: {reason}");
        Problem::at(file, *place, text).to_string()
    };
    let problems: Vec<String> = waiting.iter().map(problem).collect();
    Error::Forbidden {
        problem: problems.join("\n  "),
        hint: Some("read the file, and if you want exactly this, run `cci config trust`".into()),
    }
}

/// The refusal of commands that cannot be approved.
pub(super) fn unfit(problems: &[Problem]) -> Error {
    let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
    Error::Forbidden {
        problem: problems.join("\n  "),
        hint: Some(
            "what runs on the host for a project must be outside the workspace: put it into ~/.local/bin, and name it there"
                .into(),
        ),
    }
}

/// Where the project sets it: the key itself, or the line by which its profile inherits it from another.
fn origin<'a>(project: &'a Layer, profile: Option<&str>, key: &str) -> Option<&'a Origin> {
    let key = key.replace(" (", ".").replace(')', "");
    let of_profile = profile.and_then(|name| project.profiles.get(name)).map(|profile| &profile.values.origins);
    let said = of_profile.and_then(|origins| origins.get(&key));
    let inherited = || of_profile.and_then(|origins| origins.get("inherits"));
    said.or_else(|| project.values.origins.get(&key)).or_else(inherited)
}

/// Whether a path, with all its links followed, is in the workspace; what does not exist yet is decided by the
/// directory that it would be created in.
fn is_inside(path: &Path, workspace: &Path) -> bool {
    let Ok(root) = workspace.canonicalize() else { return false };
    if let Ok(real) = path.canonicalize() {
        return real.starts_with(&root);
    }
    let nothing_there = path.symlink_metadata().is_err();
    nothing_there && path.parent().is_some_and(|parent| is_inside(parent, workspace))
}

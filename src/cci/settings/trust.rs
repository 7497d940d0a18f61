//! Whether a project file is obeyed: it may tighten what the user set, and what loosens needs the user's approval.

use std::collections::BTreeSet;
use std::path::Path;

use cci_core::settings::loosenings;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};

use super::layer::Layer;
use super::problem::{Place, Problem};
use super::profile;
use super::stack::merged;

/// Refuses what `project` would make weaker than `trusted` alone, with and without each profile that it could touch.
pub(super) fn refuse_loosening(
    trusted: &[&Layer],
    project: &Layer,
    chosen: Option<&str>,
    workspace: &Path,
    file: &Path,
) -> Result<()> {
    let with_project: Vec<&Layer> = trusted.iter().copied().chain([project]).collect();
    let known = profile::names(&with_project);
    let mut profiles: Vec<Option<&str>> = vec![None];
    profiles.extend(known.iter().map(String::as_str).filter(|name| concerns(name, project, chosen)).map(Some));
    let mut refused = BTreeSet::new();
    let mut problems = Vec::new();
    for name in profiles {
        let before = name.filter(|name| !profile::parts(name, trusted).is_empty());
        let (trusted, changed) = (merged(trusted, before)?, merged(&with_project, name)?);
        for found in
            loosenings(&trusted, &changed, &|host| is_inside(Workspace::resolve(workspace, host).path(), workspace))
        {
            if !refused.insert(found.key.clone()) {
                continue;
            }
            let key = name.map_or_else(|| found.key.clone(), |name| format!("{} (profile {name})", found.key));
            let place = place(project, name, &found.key);
            let text = format!("{key} is refused from a project file: {}", found.reason);
            problems.push(Problem { file: file.to_owned(), place, text }.to_string());
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::Forbidden {
        problem: problems.join("\n  "),
        hint: Some("read the file, and if you want exactly this, run `cci config trust`".into()),
    })
}

/// A profile that the project speaks of, or the one that was asked for.
fn concerns(name: &str, project: &Layer, chosen: Option<&str>) -> bool {
    project.profiles.contains_key(name) || chosen == Some(name)
}

/// Where the project says it.
fn place(project: &Layer, profile: Option<&str>, key: &str) -> Option<Place> {
    let values = match profile {
        None => &project.values,
        Some(name) => project.profiles.get(name).map_or(&project.values, |profile| &profile.values),
    };
    let key = key.replace(" (", ".").replace(')', "");
    values.origins.get(&key)?.place
}

/// Whether a path, with all its links followed, lies in the workspace; what does not exist yet is judged by what it
/// would be made in.
fn is_inside(path: &Path, workspace: &Path) -> bool {
    let Ok(root) = workspace.canonicalize() else { return false };
    if let Ok(real) = path.canonicalize() {
        return real.starts_with(&root);
    }
    let nothing_there = path.symlink_metadata().is_err();
    nothing_there && path.parent().is_some_and(|parent| is_inside(parent, workspace))
}

//! The words for links of a workspace that lead out of it.

use std::path::{Path, PathBuf};

use cci_engine::event::{ClosedLink, WhyClosed};
use cci_guest::GuestText;

use super::telling::Telling;

/// How many are named.
const NAMED: usize = 5;

/// A repository can have come with them, so all are named.
pub(super) fn shown(targets: &[PathBuf], readonly: bool) -> Telling {
    let named: Vec<String> = targets.iter().map(|target| GuestText::new(target).to_string()).collect();
    let how = if readonly { "read-only" } else { "also to write" };
    Telling::note(format!(
        "The container sees what links of the workspace lead to, {how}: {} (`workspace.outside_links = \"off\"` shows none)",
        named.join(", ")
    ))
}

pub(super) fn closed(links: &[ClosedLink]) -> Telling {
    let named: Vec<String> = links.iter().take(NAMED).map(one).collect();
    let more = match links.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let text =
        format!("links lead out of the workspace to what the container does not see: {}{more}", named.join("; "));
    Telling::Warning { text, hint: Some(way_out(links)) }
}

fn one(closed: &ClosedLink) -> String {
    let ClosedLink { link, target, why } = closed;
    let why = match why {
        WhyClosed::New => "not there, or to another place, when cci first had the workspace".to_owned(),
        WhyClosed::Around => "the workspace is in it".to_owned(),
        WhyClosed::OfHome => "a hidden place of the home".to_owned(),
        WhyClosed::Led => "through a link that a container may have made".to_owned(),
        WhyClosed::TooMany(most) => format!("{most} places are mounted already"),
        WhyClosed::Unusable(problem) => GuestText::new(problem).to_string(),
    };
    format!("{} to {} ({why})", GuestText::new(link), GuestText::new(target))
}

/// An agent can have made a link, and so chosen its target: only a path that means nothing to a shell is to be copied.
fn way_out(links: &[ClosedLink]) -> String {
    let plain = |path: &Path| {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
        path.to_str().filter(|path| path.chars().all(is_plain)).map(str::to_owned)
    };
    let target = links.iter().find(|closed| closed.why == WhyClosed::New).and_then(|closed| plain(&closed.target));
    let mount = target.map(|target| format!(", as with `--mount {target}:{target}:ro`")).unwrap_or_default();
    format!("what you have linked yourself, and want inside, you can mount at that place{mount}")
}

//! `Site` alone asks this machine about Incus's: in the engine nobody else imports what looks at it as the place where
//! Incus runs.

use super::breaches::Breach;
use super::paths::{self, NamedPath};
use super::source::Source;

/// The use-cases.
const ENGINE: &str = "src/cci-engine/";
/// Who may ask.
const SITE: &str = "src/cci-engine/src/site/";
/// What is asked through `Site`: modules of the crate that knows this machine.
pub(super) const ASKED: [&str; 6] = ["btrfs", "incus_socket", "limits", "network", "stop_hook", "subids"];

pub(crate) fn breaches(sources: &[Source]) -> Vec<Breach> {
    let others = sources.iter().filter(|source| source.path.starts_with(ENGINE) && !source.path.starts_with(SITE));
    others.flat_map(in_file).collect()
}

fn in_file(source: &Source) -> Vec<Breach> {
    let paths = paths::all(&source.tokens.all);
    let asking = paths.iter().filter(|path| asks(path));
    asking.map(|path| Breach::new(source, path.line, format!("goes past Site: {}", path.path.join("::")))).collect()
}

/// Whether a path leads into one of the modules. The crate as a whole, under any name, would hide which.
fn asks(path: &NamedPath) -> bool {
    match &path.path[..] {
        [root] => root == "cci_host",
        [root, module, ..] => root == "cci_host" && (module == "*" || ASKED.contains(&module.as_str())),
        [] => false,
    }
}

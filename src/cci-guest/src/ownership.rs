//! Changes the owner of files in the workspace, as a container's root.

use crate::layout::WORKSPACE;

/// What the kernel shows for an id of the host that has none in the container.
const NOBODY: u32 = 65_534;

/// The command that gives the workspace's files to the user and group `owner` and prints one byte for each; with
/// `until` only files that have not changed since that time, as `find -newerct` reads it.
///
/// Both ids of a file must be mapped in the container, otherwise it has no right to change them.
#[must_use]
pub fn change(owner: u32, until: Option<&str>) -> Vec<String> {
    let (owner, nobody) = (owner.to_string(), NOBODY.to_string());
    let both = format!("{owner}:{owner}");
    let mut argv = vec!["find", WORKSPACE, "-xdev", "!", "-uid", &nobody, "!", "-gid", &nobody];
    argv.extend(["(", "!", "-uid", &owner, "-o", "!", "-gid", &owner, ")"]);
    if let Some(until) = until {
        argv.extend(["!", "-newerct", until]);
    }
    argv.extend(["-printf", ".", "-exec", "chown", "-h", &both, "{}", "+"]);
    argv.into_iter().map(str::to_owned).collect()
}

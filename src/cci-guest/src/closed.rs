//! Closes a repository in the workspace against what git runs on the host, as the container starts.
//!
//! It is done by mounts within the container, with the rights of its own root before its init, at every start: a mount of
//! Incus's would keep the container from starting once an agent has removed what is mounted. The program is the host's,
//! as one in the container could be an agent's and the host's files are still there; it leaves these before it looks at
//! anything.
//!
//! Hooks and attributes become read-only. The settings get a file of the container's own: nothing can be renamed over a
//! mount, but a mount can be a symbolic link, and git renames where it leads. So `git config`, `remote add` and
//! `branch -d` work, and change nothing on the host.
//!
//! Container root can undo it. What a session has left for git on the host to run is what `cci review` is for.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::layout::{HOME, WORKSPACE};

/// What runs the program, on the host.
pub const INTERPRETER: &str = "/usr/bin/perl";

/// The program; without its comments and line ends it is an argument.
const PROGRAM: &str = include_str!("closed.pl");

/// What is closed, by its place in `/workspace`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Where it is.
    pub place: PathBuf,
    /// How.
    pub how: How,
}

/// How something is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nothing is written there.
    ReadOnly,
    /// The container has a file of its own instead, which begins with the content of the host's.
    Own,
    /// It is written to, and nothing is put in its place.
    Pinned,
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "readonly",
            Self::Own => "own",
            Self::Pinned => "pinned",
        }
    }
}

/// The line for LXC that closes all of it, what contains others first; nothing if there is nothing to close. What is in
/// `/workspace` is closed at `also`, too, where the workspace is there as well.
///
/// A place that is not there, or is something else by then, is left out: an agent cannot keep its container from starting.
#[must_use]
pub fn raw_lxc(closed: &[Closed], also: Option<&str>) -> String {
    if closed.is_empty() {
        return String::new();
    }
    let program: String = PROGRAM.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let mut line = format!("lxc.hook.mount = {INTERPRETER} -e '{program}' {HOME}");
    for top in [Some(WORKSPACE), also].into_iter().flatten() {
        for Closed { place, how } in closed {
            let Ok(within) = place.strip_prefix(WORKSPACE) else { continue };
            // at both places the container's own file is one
            let (at, named) = (hex(&Path::new(top).join(within)), hex(place));
            // writing to a string cannot fail
            let _ = write!(line, " {}:{at}:{named}", how.word());
        }
    }
    line + " #\n"
}

/// Nothing in it means anything to a shell or to LXC.
fn hex(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_more_than_one_quoted_program_and_places_that_nothing_can_break_out_of() {
        let place = PathBuf::from("/workspace/a'b\n$(x)/.git/hooks");
        let line = raw_lxc(&[Closed { place, how: How::ReadOnly }], Some("/home/u/p"));
        assert_eq!((line.matches('\'').count(), line.matches('\n').count(), line.ends_with(" #\n")), (2, 1, true));
        for at in ["2f776f726b73706163652f612762", "2f686f6d652f752f702f612762"] {
            assert!(line.contains(&format!(" readonly:{at}")), "{line}");
        }
        assert!(!PROGRAM.contains('\'') && raw_lxc(&[], None).is_empty());
    }
}

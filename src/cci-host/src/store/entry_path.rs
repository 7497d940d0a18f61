//! Names in an archive from a container: none leads out of the tree it is unpacked into.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cci_core::{Error, Result};
use cci_guest::GuestText;
use cci_guest::archive::MAX_DEPTH;

/// The path of an entry below the root of the archive; empty for the root itself.
pub(super) fn parse(raw: &[u8]) -> Result<PathBuf> {
    let unsafe_name = || refused(format!("the container sent the unsafe name '{}'", shown(OsStr::from_bytes(raw))));
    if raw.starts_with(b"/") || raw.is_empty() {
        return Err(unsafe_name());
    }
    let mut path = PathBuf::new();
    for part in raw.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(unsafe_name()),
            _ => path.push(OsStr::from_bytes(part)),
        }
    }
    if path.components().count() > MAX_DEPTH {
        return Err(refused(format!("more than {MAX_DEPTH} directories lie in one another below '{}'", shown(&path))));
    }
    Ok(path)
}

/// Whether a link at `path` points to something in the same tree.
///
/// It goes up first, through real directories, and then only down: after a name, which may itself be a link, a `..`
/// leads from wherever that link points to.
pub(super) fn stays_inside(path: &Path, target: &[u8]) -> bool {
    if target.starts_with(b"/") {
        return false;
    }
    let parts = || target.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let up = parts().take_while(|part| *part == b"..").count();
    up < path.components().count() && parts().skip(up).all(|part| part != b"..")
}

/// A name from a container, safe to show and short enough for a line.
pub(super) fn shown(name: impl AsRef<OsStr>) -> String {
    format!("{:.200}", GuestText::new(name))
}

/// Why a pull fails here.
pub(super) fn refused(problem: String) -> Error {
    Error::StepFailed { step: "pulling".into(), problem, hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "", ".."] {
            assert!(parse(name.as_bytes()).is_err(), "{name}");
        }
        assert_eq!(parse(b"./a//b/./c\n").unwrap(), Path::new("a/b/c\n"));
        assert_eq!(parse(b"./").unwrap(), Path::new(""));
    }

    #[test]
    fn a_tree_that_would_exhaust_the_stack_is_refused() {
        assert!(parse("d/".repeat(MAX_DEPTH).as_bytes()).is_ok());
        let refused = parse("d/".repeat(MAX_DEPTH + 1).as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("more than 512 directories"), "{refused}");
    }

    #[test]
    fn a_link_is_kept_where_it_stays_in_the_tree() {
        let inside = |path: &str, target: &str| stays_inside(Path::new(path), target.as_bytes());
        assert!(inside("a/b", "../c") && inside("a/b", "./.././c//d") && inside("a/b", "."));
        assert!(
            !inside("a", "../c") && !inside("a/b", "../../c") && !inside("a", "/a") && !inside("a/b", "../x/../../y")
        );
        // `s` may be a link to the root of the tree
        assert!(inside("a/b/s", "../..") && !inside("a/b/l", "s/.."));
    }
}

//! What an agent left that would run on the host, or changes what runs there: found by comparing two trees, the session's first
//! checkpoint and what is there now. Nothing is run, and nothing of the workspace's configuration counts.
//!
//! - [`Store::review`](crate::Store::review) compares the workspace. What its snapshots do not hold, such as ignored directories, is
//!   not looked at; what is not held *now*, because it is too large or no file, is a finding where it is in a sink's place.
//! - [`Outside`] does the same for a repository that is not in the workspace, as of a linked worktree.
//!
//! [`Store::put_back`](crate::Store::put_back) makes one file what it was.
//!
//! Quiet by design: what is gone is no finding, nor are lock files, a new branch, a new remote, or a package that was added. A file is
//! judged by what is new in it wherever that can be told: the keys of git's configuration that name programs, the scripts that a
//! package manager runs by itself, the drivers in attributes.

mod attributes;
mod compare;
mod config;
mod finding;
mod judge;
mod outside;
mod package;
mod place;
mod put_back;

pub use compare::Review;
pub use finding::{Finding, How, Sink};
pub use outside::Outside;
pub use put_back::PutBack;

/// Whether nothing is new in a file that did not change, whatever it is taken for.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn unchanged(bytes: &[u8]) {
    let broken = |told: &[String]| {
        told.is_empty() || told == ["it is not valid configuration of git"] || told == ["it is not valid JSON"]
    };
    assert!(broken(&config::new(bytes, bytes)), "git's configuration");
    assert!(config::new_of_modules(bytes, bytes).is_empty(), "`.gitmodules`");
    assert!(attributes::new(bytes, bytes).is_empty(), "attributes");
    assert!(broken(&package::scripts(bytes, bytes)), "a package");
    assert!(package::pyproject(bytes, bytes).is_empty(), "a Python project");
    assert!(package::settings(bytes, bytes).is_empty() && package::tasks(bytes, bytes).is_empty(), "an editor's files");
    for told in [config::new(b"", bytes), package::scripts(b"", bytes), package::settings(b"", bytes)].concat() {
        assert!(told.chars().count() <= 201, "a line has no end");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_new_in_what_did_not_change(
            bytes in prop::collection::vec(any::<u8>(), 0..120),
            text in "(\\[(core|filter \"x\"|include|build-system)\\]\n)?[a-z.=\"{}:,# \n!\\\\]{0,80}",
        ) {
            crate::fuzz::git(&bytes);
            crate::fuzz::git(text.as_bytes());
        }
    }
}

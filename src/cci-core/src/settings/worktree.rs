//! `[worktree]`: what the worktrees of a session get of the user's own besides what is committed.

use serde::{Deserialize, Serialize};

/// `[worktree]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorktreeSettings {
    /// Ignored directories that are copied, as paths from the top of a repository.
    pub copy: Vec<String>,
    /// Ignored directories that the container sees where they are, and cannot change.
    pub link: Vec<String>,
}

impl WorktreeSettings {
    /// How many directories there are at most: each that is linked costs the start of a container a moment.
    pub const MOST: usize = 32;

    /// Two entries of which one is, or is in, the other.
    #[must_use]
    pub fn overlap(&self) -> Option<(&str, &str)> {
        let all: Vec<&str> = self.copy.iter().chain(&self.link).map(String::as_str).collect();
        let is_in = |one: &str, other: &str| {
            one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        all.iter().enumerate().find_map(|(at, one)| {
            let other = all[at + 1..].iter().find(|other| is_in(one, other) || is_in(other, one))?;
            Some((*one, *other))
        })
    }
}

/// Whether this is the path of a directory in a repository, and nothing of git's own.
pub(super) fn is_place(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git") && part.len() <= 255;
    path.len() <= 1024 && !path.chars().any(char::is_control) && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_below_the_top_of_a_repository_and_not_in_its_git_directory() {
        for path in
            ["", "/", "/etc", "..", "a/../b", "./a", "a//b", "a/", ".git", ".GIT/hooks", "a/.git", "a\nb", "a\0"]
        {
            assert!(!is_place(path), "{path:?}");
        }
        assert!(is_place("node_modules") && is_place("web/node_modules") && is_place(".venv") && is_place("ä b"));
    }

    #[test]
    fn directories_that_are_named_twice_are_found() {
        let of = |copy: &[&str], link: &[&str]| WorktreeSettings {
            copy: copy.iter().map(|one| (*one).to_owned()).collect(),
            link: link.iter().map(|one| (*one).to_owned()).collect(),
        };
        assert_eq!(of(&["a"], &["b", "ab"]).overlap(), None);
        assert_eq!(of(&["a"], &["a"]).overlap(), Some(("a", "a")));
        assert_eq!(of(&["a/b"], &["a"]).overlap(), Some(("a/b", "a")));
        assert_eq!(of(&[], &["a", "b", "b/c"]).overlap(), Some(("b", "b/c")));
    }
}

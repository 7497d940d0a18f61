//! The remotes of a workspace's repository, as its own configuration has them. No file that this includes is read.

use std::path::Path;

use cci_core::secret::Remote;
use cci_git::config;

use super::{repository, small_file};

/// No workspace has more.
const MOST: usize = 64;

/// The repositories that the remotes of a workspace name.
#[must_use]
pub fn remotes(workspace: &Path) -> Vec<Remote> {
    let common = repository::common_dir(&repository::git_dir(workspace));
    let entries = small_file::read(&common.join("config")).ok().and_then(|bytes| config::parse(&bytes).ok());
    let is_url = |entry: &config::Entry| entry.section == "remote" && ["url", "pushurl"].contains(&entry.key.as_str());
    let urls = entries.into_iter().flatten().filter(is_url).filter_map(|entry| entry.value);
    let mut remotes: Vec<Remote> = urls.filter_map(|url| Remote::of_url(&url)).take(MOST).collect();
    remotes.sort();
    remotes.dedup();
    remotes
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn shown(workspace: &Path) -> Vec<String> {
        remotes(workspace).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn remotes_are_read_from_the_repository_and_through_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        assert_eq!(shown(dir.path()), [""; 0]);
        fs::create_dir(&git).unwrap();
        let text = "[remote \"origin\"]\n\turl = git@github.com:Ann/Tool.git\n\tpushurl = https://github.com/ann/tool\n\
                    [remote \"up\"]\n\turl = https://github.com/team/tool\n[remote \"l\"]\nurl = ../tool\n\
                    [include]\npath = more\n[branch \"x\"]\nurl = https://github.com/not/one\n";
        fs::write(git.join("config"), text).unwrap();
        fs::write(git.join("more"), "[remote \"x\"]\nurl = https://github.com/included/one\n").unwrap();
        assert_eq!(shown(dir.path()), ["github.com/ann/tool", "github.com/team/tool"]);
        fs::rename(git.join("config"), dir.path().join("config")).unwrap();
        symlink("../config", git.join("config")).unwrap();
        assert_eq!(shown(dir.path()), [""; 0]);
    }
}

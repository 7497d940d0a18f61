//! The caller's `user.name` and `user.email`, from every file and variable in which git looks for them for a workspace.

use std::io;
use std::path::{Path, PathBuf};

use cci_guest::author::Author;

use super::config::{self, Entry};
use super::{glob, repository, small_file};
use crate::caller::Caller;

/// So deep do files include others; git itself stops here.
const DEEPEST: u8 = 10;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Who makes commits.
    pub author: Author,
    /// Files that could not be read, with the reason.
    pub problems: Vec<(PathBuf, String)>,
}

/// Who the caller is in commits of this workspace. The workspace's own configuration is the container's too, and decides
/// only which of the caller's files are included.
#[must_use]
pub fn author(caller: &Caller, workspace: &Path) -> Found {
    let mut reader = Reader { caller, git_dir: repository::git_dir(workspace), workspace, found: Found::default() };
    for file in files(caller) {
        reader.file(&file, 0);
    }
    reader.of_environment();
    reader.found
}

/// The files that git reads, the last one wins.
fn files(caller: &Caller) -> Vec<PathBuf> {
    let is_set = |name: &str| caller.environment.contains_key(name) || caller.not_utf8.contains_key(name);
    let of_system = caller.place("GIT_CONFIG_SYSTEM").unwrap_or_else(|| PathBuf::from("/etc/gitconfig"));
    let is_off = caller.var("GIT_CONFIG_NOSYSTEM").is_some_and(|off| !["0", "false", "no", "off"].contains(&off));
    let system = (!is_off).then_some(of_system);
    let of_user = if is_set("GIT_CONFIG_GLOBAL") {
        caller.place("GIT_CONFIG_GLOBAL").into_iter().collect()
    } else {
        let xdg = caller.place("XDG_CONFIG_HOME").unwrap_or_else(|| caller.home.join(".config"));
        vec![xdg.join("git/config"), caller.home.join(".gitconfig")]
    };
    system.into_iter().chain(of_user).collect()
}

struct Reader<'a> {
    caller: &'a Caller,
    git_dir: PathBuf,
    workspace: &'a Path,
    found: Found,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: u8) {
        let bytes = match small_file::read_followed(path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
            Err(error) => return self.found.problems.push((path.to_owned(), error.to_string())),
        };
        match config::parse(&bytes) {
            Ok(entries) => entries.into_iter().for_each(|entry| self.entry(entry, path, depth)),
            Err(line) => self.found.problems.push((path.to_owned(), format!("line {line} is no configuration of git"))),
        }
    }

    fn entry(&mut self, entry: Entry, file: &Path, depth: u8) {
        if entry.is("user", "name") {
            self.found.author.name = entry.value;
        } else if entry.is("user", "email") {
            self.found.author.email = entry.value;
        } else if entry.key == "path" && depth < DEEPEST && self.includes(&entry, file) {
            let path = entry.value.map(|value| self.expanded(&value));
            if let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) {
                let path = file.parent().unwrap_or(Path::new("/")).join(path);
                self.file(&path, depth + 1);
            }
        }
    }

    /// `GIT_CONFIG_COUNT` and the variables that it counts; the variables for the author itself, which win over every file;
    /// `EMAIL`, which stands behind them.
    fn of_environment(&mut self) {
        let count = self.caller.var("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0_u16);
        for number in 0..count {
            let of = |what: &str| self.caller.environment.get(&format!("GIT_CONFIG_{what}_{number}")).cloned();
            match of("KEY").map(|key| key.to_ascii_lowercase()).as_deref() {
                Some("user.name") => self.found.author.name = of("VALUE"),
                Some("user.email") => self.found.author.email = of("VALUE"),
                _ => {}
            }
        }
        let named = |what: &str| {
            ["AUTHOR", "COMMITTER"]
                .iter()
                .find_map(|who| self.caller.var(&format!("GIT_{who}_{what}")))
                .map(str::to_owned)
        };
        let author = &mut self.found.author;
        author.name = named("NAME").or(author.name.take());
        author.email = named("EMAIL").or(author.email.take()).or_else(|| self.caller.var("EMAIL").map(str::to_owned));
    }

    fn expanded(&self, path: &str) -> PathBuf {
        path.strip_prefix("~/").map_or_else(|| PathBuf::from(path), |rest| self.caller.home.join(rest))
    }

    /// Whether an entry includes another file, here and now.
    fn includes(&self, entry: &Entry, file: &Path) -> bool {
        match (entry.section.as_str(), &entry.subsection) {
            ("include", None) => true,
            ("includeif", Some(condition)) => match condition.split_once(':') {
                Some(("gitdir", pattern)) => self.is_git_dir(pattern, file, str::to_owned),
                Some(("gitdir/i", pattern)) => self.is_git_dir(pattern, file, str::to_lowercase),
                Some(("onbranch", pattern)) => self.is_branch(pattern),
                Some(("hasconfig", rest)) => rest.strip_prefix("remote.*.url:").is_some_and(|url| self.has_remote(url)),
                _ => false,
            },
            _ => false,
        }
    }

    fn is_git_dir(&self, pattern: &str, file: &Path, cased: impl Fn(&str) -> String) -> bool {
        let pattern = match pattern.strip_prefix("./") {
            Some(rest) => file.parent().unwrap_or(Path::new("/")).join(rest),
            None => self.expanded(pattern),
        };
        let mut pattern = pattern.to_string_lossy().into_owned();
        if !pattern.starts_with('/') {
            pattern.insert_str(0, "**/");
        }
        if pattern.ends_with('/') {
            pattern.push_str("**");
        }
        let real = self.git_dir.canonicalize().ok();
        let real = real.or_else(|| Some(self.workspace.canonicalize().ok()?.join(".git")));
        let named = [Some(self.git_dir.clone()), real];
        named.into_iter().flatten().any(|dir| glob::matches(&cased(&pattern), &cased(&dir.to_string_lossy())))
    }

    fn is_branch(&self, pattern: &str) -> bool {
        let head = small_file::line(&self.git_dir.join("HEAD"));
        let whole = if pattern.ends_with('/') { format!("{pattern}**") } else { pattern.to_owned() };
        head.as_deref()
            .and_then(|head| head.strip_prefix("ref: refs/heads/"))
            .is_some_and(|on| glob::matches(&whole, on))
    }

    fn has_remote(&self, pattern: &str) -> bool {
        let common = repository::common_dir(&self.git_dir);
        let entries = small_file::read(&common.join("config")).ok().and_then(|bytes| config::parse(&bytes).ok());
        let urls = entries.into_iter().flatten().filter(|entry| entry.section == "remote" && entry.key == "url");
        urls.filter_map(|entry| entry.value).any(|url| glob::matches(pattern, &url))
    }
}

#[cfg(test)]
mod tests;

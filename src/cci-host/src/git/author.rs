//! The names and e-mails of the caller's commits, from wherever git looks for them for a workspace.

use std::path::{Path, PathBuf};

use cci_git::config::{self, Entry};
use cci_guest::author::{Author, Person};

use super::{glob, repository, small_file};
use crate::accounts::Account;
use crate::caller::Caller;
use crate::way;

/// How deep files may include others, as in git.
const DEEPEST: u8 = 10;
/// How many files are read in all: the caller may include one that an agent can write.
const MOST: usize = 100;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The author of commits.
    pub author: Author,
    /// Files that could not be read, with the reason.
    pub problems: Vec<(PathBuf, String)>,
}

/// The caller as author of commits in this workspace. The workspace's own configuration is in the container too; here it
/// only decides which of the caller's files are included.
#[must_use]
pub fn author(caller: &Caller, workspace: &Path) -> Found {
    let git_dir = repository::git_dir(workspace);
    let mut reader = Reader { caller, git_dir, workspace, files: 0, found: Found::default() };
    for file in files(caller) {
        reader.file(&file, 0);
    }
    reader.of_environment();
    reader.found
}

/// The files that git reads, the last one wins.
fn files(caller: &Caller) -> Vec<PathBuf> {
    let is_set = |name: &str| caller.environment.contains_key(name) || caller.not_text.contains_key(name);
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
    /// How many files were read.
    files: usize,
    found: Found,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: u8) {
        if depth > DEEPEST || self.files == MOST {
            return self.refuse(path);
        }
        self.files += 1;
        let bytes = match small_file::read_followed(path, self.workspace) {
            Ok(bytes) => bytes,
            Err(error) if way::is_missing(&error) => return,
            Err(error) => return self.found.problems.push((path.to_owned(), error.to_string())),
        };
        match config::parse(&bytes) {
            Ok(entries) => entries.into_iter().for_each(|entry| self.entry(entry, path, depth)),
            Err(line) => {
                self.found.problems.push((path.to_owned(), format!("line {line} is not valid git configuration")));
            }
        }
    }

    fn entry(&mut self, entry: Entry, file: &Path, depth: u8) {
        let key = format!("{}.{}", entry.section, entry.key);
        if entry.subsection.is_none() && key_of(&mut self.found.author, &key).is_some() {
            self.said(&key, entry.value, file);
        } else if entry.key == "path" && self.includes(&entry, file) {
            let path = entry.value.map(|value| self.expanded(&value));
            if let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) {
                let path = file.parent().unwrap_or(Path::new("/")).join(path);
                self.file(&path, depth + 1);
            }
        }
    }

    /// Reports once that there are too many includes.
    fn refuse(&mut self, path: &Path) {
        const PROBLEM: &str = "not read: too many files include others";
        if !self.found.problems.iter().any(|(_, problem)| problem == PROBLEM) {
            self.found.problems.push((path.to_owned(), PROBLEM.to_owned()));
        }
    }

    /// A value of a key of the author.
    fn said(&mut self, key: &str, value: Option<String>, file: &Path) {
        if value.as_ref().is_some_and(|value| value.contains(char::REPLACEMENT_CHARACTER)) {
            self.found.problems.push((file.to_owned(), format!("{key} is not UTF-8")));
        } else if let Some(kept) = key_of(&mut self.found.author, key) {
            *kept = value;
        }
    }

    /// The variables by which git is told who somebody is; a container has the same as keys, which a repository can
    /// still overrule.
    fn of_environment(&mut self) {
        self.counted();
        let set = |name: &str| self.caller.var(name).map(str::to_owned);
        let Author { user, author, committer } = &mut self.found.author;
        let own = |person: &mut Person, name: &str, email: &str| {
            person.name = set(name).or(person.name.take());
            person.email = set(email).or(person.email.take());
        };
        own(author, "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL");
        own(committer, "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL");
        user.email = user.email.take().or(set("EMAIL"));
    }

    /// `GIT_CONFIG_COUNT` and the variables that it counts.
    fn counted(&mut self) {
        let count = self.caller.var("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0_u16);
        for number in 0..count {
            let of = |what: &str| self.caller.environment.get(&format!("GIT_CONFIG_{what}_{number}")).cloned();
            let key = of("KEY").map(|key| key.to_ascii_lowercase()).unwrap_or_default();
            if let Some(kept) = key_of(&mut self.found.author, &key) {
                *kept = of("VALUE");
            }
        }
    }

    fn expanded(&self, path: &str) -> PathBuf {
        let Some((user, rest)) = path.strip_prefix('~').map(|path| path.split_once('/').unwrap_or((path, ""))) else {
            return PathBuf::from(path);
        };
        if user.is_empty() {
            return self.caller.home.join(rest);
        }
        Account::named(user).map_or_else(|| PathBuf::from(path), |account| account.home.join(rest))
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

/// Where the value of a key is kept; none for every other key.
fn key_of<'a>(author: &'a mut Author, key: &str) -> Option<&'a mut Option<String>> {
    let (section, key) = key.split_once('.')?;
    let person = match section {
        "user" => &mut author.user,
        "author" => &mut author.author,
        "committer" => &mut author.committer,
        _ => return None,
    };
    match key {
        "name" => Some(&mut person.name),
        "email" => Some(&mut person.email),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! A repository of a service such as GitHub, and how a remote of git names one. Both can be an agent's words.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest part of a name.
const LONGEST: usize = 100;

/// `OWNER/NAME`, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository(String);

/// It is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a repository is OWNER/NAME, of letters, digits, `-`, `_` and `.`")]
pub struct NoRepository;

impl FromStr for Repository {
    type Err = NoRepository;

    fn from_str(raw: &str) -> Result<Self, NoRepository> {
        let (owner, name) = raw.split_once('/').ok_or(NoRepository)?;
        let name = name.strip_suffix(".git").unwrap_or(name);
        if !is_part(owner) || !is_part(name) {
            return Err(NoRepository);
        }
        Ok(Self(format!("{owner}/{name}").to_ascii_lowercase()))
    }
}

fn is_part(part: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST).contains(&part.len()) && part.bytes().all(is_fit) && part != "." && part != ".."
}

impl TryFrom<String> for Repository {
    type Error = NoRepository;

    fn try_from(raw: String) -> Result<Self, NoRepository> {
        raw.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.0
    }
}

impl Display for Repository {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A repository that a remote names, and on which host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Remote {
    /// The host's name, without a port.
    pub host: String,
    /// The repository.
    pub repository: Repository,
}

impl Remote {
    /// What the URL of a remote names; `None` for anything but `OWNER/NAME` on a host.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (authority, path) = match url.split_once("://") {
            Some(("https" | "http" | "ssh" | "git", rest)) => rest.split_once('/')?,
            Some(_) => return None,
            // user@host:path
            None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        // the name of GitHub's ssh where port 22 is closed
        let host = if host.eq_ignore_ascii_case("ssh.github.com") { "github.com" } else { host };
        let path = path.trim_matches('/');
        (!host.is_empty()).then_some(())?;
        Some(Self { host: host.to_ascii_lowercase(), repository: path.parse().ok()? })
    }
}

impl Display for Remote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.host, self.repository)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_to_write_a_remote_names_the_same_repository() {
        for url in [
            "https://github.com/Ann/Tool.git",
            "https://github.com/ann/tool/",
            "https://ann:x@github.com/ann/tool",
            "git@github.com:ann/tool.git",
            "github.com:ann/tool",
            "ssh://git@github.com/ann/tool.git",
            "ssh://git@ssh.github.com:443/ann/tool.git",
            "git://github.com:9418/ann/tool",
        ] {
            assert_eq!(Remote::of_url(url).unwrap().to_string(), "github.com/ann/tool", "{url}");
        }
    }

    #[test]
    fn what_names_none_is_passed_over() {
        for url in [
            "",
            "/srv/git/tool.git",
            "../tool",
            "file:///srv/ann/tool",
            "https://github.com/ann",
            "https:///ann/tool",
            "https://github.com/ann/tool/more",
            "https://github.com/../tool",
            "ext::sh -c x",
            "https://github.com/a%2f/b",
            "./a:b/c",
        ] {
            assert_eq!(Remote::of_url(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_url_makes_it_panic(url in any::<String>(), close in "[a-z:/@.\\[\\]%]{0,30}") {
            let _ = (Remote::of_url(&url), Remote::of_url(&close));
        }
    }
}

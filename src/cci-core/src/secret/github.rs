//! A token of GitHub's, or of a server like it: which requests carry it, and what git and `gh` in a container are told.

use std::collections::BTreeSet;

use cci_guest::agent_socket::{GH_DIRECTORY, SECRETS_PROXY};
use serde::{Deserialize, Serialize};

use super::SecretName;
use super::host::{Scheme, SecretHost};
use super::repository::{Remote, Repository};

/// The service itself, on which the API has hosts of its own.
const GITHUB: &str = "github.com";
/// Where its API is, and where files of releases are put.
const APIS: [&str; 2] = ["api.github.com", "uploads.github.com"];
/// The requests of git's protocol, below a repository.
const GIT: [&str; 3] = ["info/refs", "git-upload-pack", "git-receive-pack"];
/// What may be asked of the API without naming a repository.
const HARMLESS: [&str; 4] = ["", "user", "meta", "rate_limit"];

/// Which repositories a token may be used for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitHub {
    /// Whether it may be used for all.
    #[serde(default)]
    pub any: bool,
    /// Those that were named, besides the workspace's remotes.
    #[serde(default)]
    pub named: BTreeSet<Repository>,
}

/// The same for one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repositories {
    /// All.
    Any,
    /// These.
    These(BTreeSet<Repository>),
}

/// Why a request does not carry the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The path can be read in more than one way.
    #[error("the path is not plain")]
    Path,
    /// It is about another repository.
    #[error("this session may not use {0}")]
    Repository(Repository),
    /// It can be about any repository.
    #[error("a question in GraphQL can be about any repository: ask by REST, as `gh api repos/OWNER/NAME/...` does")]
    Graph,
    /// It is about no repository.
    #[error("this session may ask about its repositories only")]
    Other,
}

impl Denied {
    /// The reason, and what the person can do about it.
    #[must_use]
    pub fn told(&self, secret: &SecretName) -> String {
        let flag = match self {
            Self::Path => return self.to_string(),
            Self::Repository(repository) => format!("--repository {repository}"),
            Self::Graph | Self::Other => "--any-repository".to_owned(),
        };
        format!("{self}; your user can allow it on the host: cci secret set {secret} --keep {flag}")
    }
}

impl GitHub {
    /// The repositories of a session whose workspace has these remotes.
    #[must_use]
    pub fn repositories(&self, host: &SecretHost, remotes: &[Remote]) -> Repositories {
        if self.any {
            return Repositories::Any;
        }
        let own = remotes.iter().filter(|remote| remote.host == host.name()).map(|remote| remote.repository.clone());
        Repositories::These(own.chain(self.named.iter().cloned()).collect())
    }

    /// The service of usual.
    #[must_use]
    pub fn usual() -> SecretHost {
        SecretHost::of_name(GITHUB)
    }

    /// Every host that belongs to the one of the web pages.
    #[must_use]
    pub fn hosts(host: &SecretHost) -> Vec<SecretHost> {
        let further = APIS.iter().filter(|_| host.name() == GITHUB).map(|name| host.beside(name));
        std::iter::once(host.clone()).chain(further).collect()
    }

    /// The variable that `gh` reads the token from.
    #[must_use]
    pub fn variable(host: &SecretHost) -> &'static str {
        if host.name() == GITHUB { "GH_TOKEN" } else { "GH_ENTERPRISE_TOKEN" }
    }

    /// What else `gh` and git find in their environment: `gh` its configuration, and git how it reaches the host, as if
    /// it were its `number`th setting.
    #[must_use]
    pub fn environment(host: &SecretHost, number: usize) -> Vec<(String, String)> {
        let mut set = vec![("GH_CONFIG_DIR".to_owned(), GH_DIRECTORY.to_owned())];
        if host.name() != GITHUB {
            set.push(("GH_HOST".to_owned(), host.authority()));
        }
        let settings = git_settings(host);
        for (place, (key, value)) in (number..).zip(&settings) {
            set.push((format!("GIT_CONFIG_KEY_{place}"), key.clone()));
            set.push((format!("GIT_CONFIG_VALUE_{place}"), value.clone()));
        }
        set.push(("GIT_CONFIG_COUNT".to_owned(), (number + settings.len()).to_string()));
        set
    }
}

/// Git speaks http to the proxy in the container, which leads to the host; only from there on it is https.
fn git_settings(host: &SecretHost) -> Vec<(String, String)> {
    let here = format!("http://{}", host.authority());
    let mut settings = vec![
        (format!("http.{here}/.proxy"), SECRETS_PROXY.to_owned()),
        // whoever else would answer is not asked
        (format!("credential.{here}.helper"), String::new()),
        (format!("credential.{here}.helper"), "cci".to_owned()),
        (format!("credential.{here}.useHttpPath"), "true".to_owned()),
    ];
    if host.scheme() == Scheme::Https {
        settings.push((format!("url.{here}/.insteadOf"), format!("{}/", host.origin())));
    }
    settings
}

impl Repositories {
    /// Whether a request with the token may go to this host of the service for this path.
    pub fn allow(&self, host: &SecretHost, path: &str) -> Result<(), Denied> {
        let Self::These(allowed) = self else { return Ok(()) };
        let parts = parts(path).ok_or(Denied::Path)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let about = |owner: &str, name: &str| -> Result<(), Denied> {
            let repository: Repository = format!("{owner}/{name}").parse().map_err(|_| Denied::Path)?;
            if allowed.contains(&repository) { Ok(()) } else { Err(Denied::Repository(repository)) }
        };
        let is_api = APIS.contains(&host.name());
        match &parts[..] {
            ["api", "v3" | "uploads", rest @ ..] if !is_api => api(rest, about),
            ["api", "graphql"] if !is_api => Err(Denied::Graph),
            rest if is_api => api(rest, about),
            [owner, name, rest @ ..] if GIT.contains(&&*rest.join("/")) => about(owner, name),
            _ => Err(Denied::Other),
        }
    }

    /// The same for what git asks before it makes requests: a repository's path alone.
    pub fn allow_git(&self, path: &str) -> Result<(), Denied> {
        let Self::These(allowed) = self else { return Ok(()) };
        let repository: Repository = path.trim_matches('/').parse().map_err(|_| Denied::Path)?;
        if allowed.contains(&repository) { Ok(()) } else { Err(Denied::Repository(repository)) }
    }
}

fn api(parts: &[&str], about: impl Fn(&str, &str) -> Result<(), Denied>) -> Result<(), Denied> {
    match parts {
        ["repos", owner, name, ..] => about(owner, name),
        ["graphql"] => Err(Denied::Graph),
        [] => Ok(()),
        [one] if HARMLESS.contains(one) => Ok(()),
        _ => Err(Denied::Other),
    }
}

/// The parts of a path as a server may read them; `None` if another one could come to another place.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut decoded = Vec::new();
    let mut rest = path.strip_prefix('/')?.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    let decoded = String::from_utf8(decoded).ok()?;
    let is_odd = |part: &str| part == "." || part == ".." || part.contains(['\\', '\0', '%', ';']);
    let parts: Vec<String> = decoded.split('/').map(str::to_owned).collect();
    // an empty one is left out by some
    let (last, before) = parts.split_last()?;
    if parts.iter().any(|part| is_odd(part)) || before.iter().any(String::is_empty) {
        return None;
    }
    Some(if last.is_empty() { before.to_vec() } else { parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(raw: &str) -> SecretHost {
        raw.parse().unwrap()
    }

    fn bound() -> Repositories {
        let remotes = ["git@github.com:ann/tool.git", "https://gitlab.example/ann/other"].map(Remote::of_url);
        let named = BTreeSet::from(["team/shared".parse().unwrap()]);
        let remotes: Vec<Remote> = remotes.into_iter().flatten().collect();
        GitHub { any: false, named }.repositories(&GitHub::usual(), &remotes)
    }

    #[test]
    fn git_and_the_api_carry_it_for_the_sessions_own_repositories() {
        let bound = bound();
        for path in [
            "/ann/tool.git/info/refs",
            "/Ann/Tool/info/refs",
            "/ann/tool.git/git-receive-pack",
            "/team/shared/git-upload-pack",
        ] {
            assert_eq!(bound.allow(&host("github.com"), path), Ok(()), "{path}");
        }
        for path in
            ["/repos/ann/tool", "/repos/ann/tool/pulls/1/files", "/repos/ann/tool/contents/a%20b%2Fc", "/user", "/"]
        {
            assert_eq!(bound.allow(&host("api.github.com"), path), Ok(()), "{path}");
        }
        let own = GitHub::default().repositories(&host("ghe.example"), &[Remote::of_url("ghe.example:a/b").unwrap()]);
        for path in ["/a/b.git/info/refs", "/api/v3/repos/a/b/issues", "/api/uploads/repos/a/b/releases/1/assets"] {
            assert_eq!(own.allow(&host("ghe.example"), path), Ok(()), "{path}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let bound = bound();
        let other = |raw: &str| Denied::Repository(raw.parse().unwrap());
        for (at, path, why) in [
            ("github.com", "/ann/other.git/info/refs", other("ann/other")),
            ("github.com", "/ann/tool2.git/info/refs", other("ann/tool2")),
            ("github.com", "/ann/tool.git/info/lfs/objects/batch", Denied::Other),
            ("github.com", "/settings/tokens", Denied::Other),
            ("github.com", "/api/v3/repos/ann/other", other("ann/other")),
            ("github.com", "/ann/tool.git/../other/info/refs", Denied::Path),
            ("github.com", "/ann/tool.git/%2e%2e/other.git/info/refs", Denied::Path),
            ("github.com", "//ann/tool.git/info/refs", Denied::Path),
            ("github.com", "/ann%2ftool/../x/info/refs", Denied::Path),
            ("github.com", "/ann/tool%252f/info/refs", Denied::Path),
            ("api.github.com", "/repos/ann/tool/..%2f..%2fann%2fother", Denied::Path),
            ("api.github.com", "/repos/ann/tool\\..\\other", Denied::Path),
            ("api.github.com", "/repos/ann/other/pulls", other("ann/other")),
            ("api.github.com", "/graphql", Denied::Graph),
            ("api.github.com", "/user/repos", Denied::Other),
            ("api.github.com", "/gists", Denied::Other),
            ("api.github.com", "/ann/tool.git/info/refs", Denied::Other),
            ("ghe.example", "/api/graphql", Denied::Graph),
        ] {
            assert_eq!(bound.allow(&host(at), path), Err(why), "{at}{path}");
        }
        assert_eq!(Repositories::Any.allow(&host("api.github.com"), "/graphql"), Ok(()));
    }

    #[test]
    fn git_asks_by_the_path_of_a_repository() {
        assert_eq!(bound().allow_git("ann/tool.git"), Ok(()));
        assert!(bound().allow_git("ann/other.git").is_err() && bound().allow_git("").is_err());
        assert!(bound().allow_git("ann/tool.git/../other").is_err());
    }

    #[test]
    fn git_reaches_the_host_by_the_proxy_after_what_was_set_before() {
        let set = GitHub::environment(&host("github.com"), 2);
        let value = |name: &str| set.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("GIT_CONFIG_KEY_2"), Some("http.http://github.com/.proxy"));
        assert_eq!(value("GIT_CONFIG_KEY_6"), Some("url.http://github.com/.insteadOf"));
        assert_eq!((value("GIT_CONFIG_VALUE_6"), value("GIT_CONFIG_COUNT")), (Some("https://github.com/"), Some("7")));
        assert_eq!(value("GH_HOST"), None);
        let set = GitHub::environment(&host("http://192.0.2.1:8080"), 0);
        assert!(set.contains(&("GIT_CONFIG_COUNT".into(), "4".into())), "{set:?}");
        assert!(set.contains(&("GH_HOST".into(), "192.0.2.1:8080".into())));
    }
}

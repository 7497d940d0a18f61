//! The secrets that a session's requests may carry: the agent finds placeholders in its environment, and never the values.

use std::collections::BTreeMap;

use cci_core::Result;
use cci_core::network::Mode;
use cci_core::secret::{GitHub, SecretName};
use cci_core::session::SessionId;
use cci_guest::agent_socket::SECRETS_SOCKET;
use cci_guest::trust;
use cci_host::secrets::{Authority, FirstSeen, Secret, Secrets, first_seen};
use cci_host::store::run_dir::{RunDir, SecretsNote, SshNote};

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::SessionEvent;

/// How git counts the settings in its environment.
const GIT_CONFIG_COUNT: &str = "GIT_CONFIG_COUNT";

/// What a session gets of the caller's secrets.
#[derive(Debug, Clone, Default)]
pub(super) struct Granted {
    /// What the supervisor has to know, where there are any.
    pub(super) note: Option<SecretsNote>,
    /// What the agent finds in its environment.
    pub(super) environment: BTreeMap<String, String>,
    /// The certificate that the container trusts, where TLS is ended for one of them.
    pub(super) authority: Option<String>,
    /// The SSH agent that its programs may have sign.
    pub(super) ssh: Option<SshNote>,
    /// Why there is none, though the settings want one.
    pub(super) no_ssh: Option<String>,
    /// Whether one of them is for `gh`.
    has_github: bool,
    seen: FirstSeen,
}

/// The configuration of `gh` in the container: all that it asks goes through the socket, where the token is added.
pub(super) const GH_CONFIG: (&str, &str) = ("config.yml", "version: \"1\"\ngit_protocol: https\nhttp_unix_socket: ");

impl Granted {
    /// What a file in the container has to hold for `gh`, and its name.
    pub(super) fn gh_config(&self) -> Option<(&'static str, String)> {
        let (name, begin) = GH_CONFIG;
        self.has_github.then(|| (name, format!("{begin}{SECRETS_SOCKET}\n")))
    }

    /// Whether the supervisor has something to do for it.
    pub(super) fn is_served(&self) -> bool {
        self.note.is_some() || self.ssh.is_some()
    }

    /// Says what the session's tokens are bound to, and what it lacks.
    pub(super) fn tell(&self, cx: &Context) {
        if let Some(why) = &self.no_ssh {
            cx.emit(SessionEvent::NoSshAgent(why.clone()));
        }
        if !self.has_github {
            return;
        }
        if self.seen.is_new {
            cx.emit(SessionEvent::TokenBound(self.seen.remotes.clone()));
        }
        if !self.seen.since.is_empty() {
            cx.emit(SessionEvent::RemotesSince(self.seen.since.clone()));
        }
    }
}

/// Finds out what a session in this workspace gets. One that learns may go anywhere, so no secret is there to go along.
pub(super) async fn granted(cx: &Context) -> Result<Granted> {
    if cx.settings.network.mode == Mode::Learn {
        return Ok(Granted::default());
    }
    let (cci_dir, workspace) = (cx.cci_dir(), cx.workspace.clone());
    let is_named = cx.policy()?.is_some_and(|policy| policy.is_named());
    let found = blocking(move || {
        let all = Secrets::of(&cci_dir).all()?;
        // elsewhere TLS does not come to the supervisor
        let is_ended = is_named && all.values().any(Secret::is_for_any_tls);
        let authority = is_ended.then(|| Authority::of(&cci_dir)).transpose()?;
        let authority = authority.map(|authority| authority.certificate().to_owned());
        let has_bound = all.values().any(|secret| secret.github.as_ref().is_some_and(|github| !github.any));
        let seen = if has_bound { first_seen(&cci_dir, &workspace)? } else { FirstSeen::default() };
        Ok((all, seen, authority))
    });
    let (all, seen, authority) = found.await?;
    if all.is_empty() {
        return Ok(Granted::default());
    }
    let given: BTreeMap<String, String> = cx.settings.environment().into_iter().chain(cx.environment.clone()).collect();
    // what the person gives by name is what the agent gets
    let environment = environment(&all, &given, authority.is_some())
        .into_iter()
        .filter(|(name, _)| !cx.environment.contains_key(name) || name == GIT_CONFIG_COUNT);
    let (environment, trusts) = (environment.collect(), authority.clone());
    Ok(Granted {
        environment,
        authority,
        has_github: all.values().any(|secret| secret.github.is_some()),
        ssh: None,
        no_ssh: None,
        note: Some(SecretsNote { names: all.into_keys().collect(), remotes: seen.remotes.clone(), trusts }),
        seen,
    })
}

/// The placeholders, what git and `gh` need, and where programs find whom the container trusts; `given` is what the agent gets besides.
fn environment(
    all: &BTreeMap<SecretName, Secret>,
    given: &BTreeMap<String, String>,
    trusts: bool,
) -> BTreeMap<String, String> {
    let bundles = trust::VARIABLES.iter().filter(|name| trusts && !given.contains_key(**name));
    let mut environment: BTreeMap<_, _> = bundles.map(|name| ((*name).to_owned(), trust::BUNDLE.to_owned())).collect();
    let mut settings = given.get(GIT_CONFIG_COUNT).and_then(|count| count.parse().ok()).unwrap_or(0);
    for (name, secret) in all {
        environment.insert(secret.variable.clone(), name.placeholder());
        for host in secret.hosts.iter().filter(|_| secret.github.is_some()) {
            environment.extend(GitHub::environment(host, settings));
            settings = environment.get(GIT_CONFIG_COUNT).and_then(|count| count.parse().ok()).unwrap_or(settings);
        }
    }
    environment
}

/// The same for another program in a session that runs: what its agent was started with.
pub(super) async fn environment_of(cx: &Context, session: SessionId) -> BTreeMap<String, String> {
    let cci_dir = cx.cci_dir();
    let found = blocking(move || {
        let noted = RunDir::of(&cci_dir).noted(session).and_then(|noted| noted.secrets);
        let mut all = if noted.is_some() { Secrets::of(&cci_dir).all()? } else { BTreeMap::new() };
        all.retain(|name, _| noted.as_ref().is_some_and(|noted| noted.names.contains(name)));
        Ok((all, noted.is_some_and(|noted| noted.trusts.is_some())))
    });
    let (all, trusts) = found.await.unwrap_or_default();
    environment(&all, &BTreeMap::new(), trusts)
}

#[cfg(test)]
mod tests {
    use cci_host::secrets::Source;

    use super::*;
    use crate::testing::World;

    fn secret(variable: &str, hosts: &[&str], github: Option<GitHub>) -> Secret {
        Secret {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            variable: variable.into(),
            source: Source::Value("the-real-value".parse().unwrap()),
            github,
        }
    }

    #[tokio::test]
    async fn a_session_that_learns_has_none() {
        for (mode, is_given) in [("learn", false), ("restricted", true)] {
            let world = World::configured(&format!("network.mode = \"{mode}\"\n"));
            let cx = world.cx();
            let kept = Secrets::of(&cx.cci_dir());
            kept.put(&"api".parse().unwrap(), &secret("API_KEY", &["api.example.com"], None)).unwrap();
            let granted = granted(&cx).await.unwrap();
            assert_eq!((granted.note.is_some(), !granted.environment.is_empty()), (is_given, is_given), "{mode}");
        }
    }

    #[tokio::test]
    async fn a_session_trusts_the_authority_where_tls_comes_to_the_supervisor_and_is_for_a_secret() {
        let named = "network.mode = \"allowlist\"\nnetwork.allowed_domains = [\"api.example.com\"]\n";
        let by_address = "network.mode = \"allowlist\"\nnetwork.allowed_domains = [\"198.51.100.1\"]\n";
        for (settings, host, is_trusted) in [
            (named, "api.example.com", true),
            (named, "http://api.example.com", false),
            (named, "api.example.com:8443", false),
            (by_address, "api.example.com", false),
            ("network.mode = \"restricted\"\n", "api.example.com", false),
        ] {
            let world = World::configured(settings);
            let cx = world.cx();
            Secrets::of(&cx.cci_dir()).put(&"api".parse().unwrap(), &secret("API_KEY", &[host], None)).unwrap();
            let granted = granted(&cx).await.unwrap();
            let bundles = trust::VARIABLES.iter().all(|name| granted.environment.contains_key(*name));
            assert_eq!((granted.authority.is_some(), bundles), (is_trusted, is_trusted), "{settings} {host}");
            let trusts = granted.note.and_then(|note| note.trusts);
            assert_eq!(trusts, granted.authority, "what is noted is what the container gets");
            assert!(granted.authority.is_none_or(|certificate| !certificate.contains("PRIVATE")));
            assert_eq!(cx.cci_dir().join("authority").exists(), is_trusted);
        }
        let given = BTreeMap::from([("SSL_CERT_FILE".to_owned(), "/mine".to_owned())]);
        let set = environment(&BTreeMap::new(), &given, true);
        assert!(!set.contains_key("SSL_CERT_FILE") && set["PIP_CERT"] == trust::BUNDLE, "what the person sets stays");
    }

    #[test]
    fn the_agent_finds_placeholders_and_how_git_reaches_its_hosts() {
        let all = BTreeMap::from([
            ("api".parse().unwrap(), secret("API_KEY", &["api.example.com"], None)),
            ("gh".parse().unwrap(), secret("GH_TOKEN", &["github.com"], Some(GitHub::default()))),
            ("work".parse().unwrap(), secret("GH_ENTERPRISE_TOKEN", &["ghe.example"], Some(GitHub::default()))),
        ]);
        let set = environment(&all, &BTreeMap::from([(GIT_CONFIG_COUNT.into(), "1".into())]), false);
        assert_eq!((set["API_KEY"].as_str(), set["GH_TOKEN"].as_str()), ("cci.api.secret", "cci.gh.secret"));
        assert_eq!((set[GIT_CONFIG_COUNT].as_str(), set["GH_HOST"].as_str()), ("11", "ghe.example"));
        assert!(set["GIT_CONFIG_KEY_1"].contains("github.com") && set["GIT_CONFIG_KEY_6"].contains("ghe.example"));
        assert!(!set.contains_key("GIT_CONFIG_KEY_0") && set.values().all(|value| !value.contains("the-real-value")));
    }
}

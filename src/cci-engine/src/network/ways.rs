//! How connections of a container go out beside its rules: through which proxy, by whose names, and whose TLS is ended.

use std::path::Path;

use cci_core::Result;
use cci_core::network::{Allowance, Entry, HostName, Names, Policy, Service, Upstreams};
use cci_core::secret::SecretName;
use cci_host::secrets::Secrets;
use cci_host::store::run_dir::{EgressNote, Watched};

use super::beside;
use crate::blocking::blocking;
use crate::context::Context;

/// The port whose TLS is ended.
const TLS: u16 = 443;

/// These.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Ways {
    /// The proxies of the host that they go out through (`network.proxy`), without logins.
    pub proxies: Vec<String>,
    /// The name server that is asked instead of the host's (`network.resolver`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub resolver: Option<String>,
    /// The single services that are reached (`network.hosts`).
    pub hosts: Vec<String>,
    /// The hosts to which TLS is ended, so that requests can carry a secret.
    pub tls_ended: Vec<TlsEnded>,
}

/// A host to which TLS is ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct TlsEnded {
    /// The host.
    pub host: String,
    /// The secret that it is for.
    pub secret: String,
}

impl Ways {
    /// The secrets for which TLS to a host is ended.
    #[must_use]
    pub(super) fn secrets(&self, host: &str) -> Vec<&str> {
        self.tls_ended.iter().filter(|ended| ended.host == host).map(|ended| ended.secret.as_str()).collect()
    }

    /// In words behind what lets a host through.
    pub(super) fn words(&self, host: &str) -> String {
        let proxy =
            if self.proxies.is_empty() { String::new() } else { format!(", through {}", self.proxies.join(", ")) };
        match &self.secrets(host)[..] {
            [] => proxy,
            secrets => format!("{proxy}, TLS ended for the secret {}", secrets.join(", ")),
        }
    }
}

/// Those of a policy that is in force for a container.
pub(super) async fn of(cx: &Context, policy: &Policy, container: &str, allowed: &[Allowance]) -> Result<Ways> {
    let noted = beside::judged(cx, container).await?;
    let (cci_dir, beside) = (cx.cci_dir(), allowed.iter().map(|allowance| allowance.entry.clone()).collect());
    let ways = match noted {
        Some(noted) => blocking(move || Ok(of_note(&cci_dir, &noted, beside))).await?,
        None => Ways::default(),
    };
    let resolver = policy.resolver().map(|server| server.to_string());
    Ok(Ways { resolver, hosts: policy.services().map(Service::to_string).collect(), ..ways })
}

/// Those of a session as it is noted, with what it may reach beside its policy.
pub(crate) fn of_note(cci_dir: &Path, noted: &Watched, beside: Vec<Entry>) -> Ways {
    let Some(way) = &noted.egress else { return Ways::default() };
    let proxies = way.proxy.as_ref().and_then(|proxy| Upstreams::read(proxy).ok());
    let secrets = noted.secrets.as_ref().filter(|_| !way.learns);
    Ways {
        proxies: proxies.iter().flat_map(Upstreams::all).map(ToString::to_string).collect(),
        resolver: way.resolver.map(|server| server.to_string()),
        hosts: way.hosts.clone(),
        tls_ended: secrets.map(|note| ended(cci_dir, &note.names, &listed(way, beside))).unwrap_or_default(),
    }
}

/// The names that it may ask for.
fn listed(way: &EgressNote, beside: Vec<Entry>) -> Names {
    let services = way.hosts.iter().filter_map(|host| host.parse::<Service>().ok()).map(|service| service.entry());
    Names::listed(way.allowed.iter().filter_map(|entry| entry.parse().ok()).chain(services).chain(beside))
}

/// What of the hosts of these secrets is let through. Secrets that cannot be read go nowhere.
fn ended(cci_dir: &Path, names: &[SecretName], listed: &Names) -> Vec<TlsEnded> {
    let kept = Secrets::of(cci_dir).all().unwrap_or_default();
    let its = kept.iter().filter(|(name, _)| names.contains(name));
    let ended = its.flat_map(|(name, secret)| secret.tls_hosts().into_iter().map(move |host| (host, name)));
    let is_listed = |host: &str| HostName::typed(host).is_ok_and(|host| listed.judge(&host, TLS).is_ok());
    let all = ended.filter(|(host, _)| is_listed(host));
    all.map(|(host, secret)| TlsEnded { host, secret: secret.to_string() }).collect()
}

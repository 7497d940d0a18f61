//! A policy as an ACL of Incus: its rules, and in `user.cci.*` what they were derived from.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use cci_core::network::{Action, Allowance, HostNames, Policy, Resolved, Rule, Target};
use cci_incus::{Acl, AclAction, AclPut, AclRule, AclState};

use cci_host::process;

/// The policy as text.
const POLICY: &str = "user.cci.policy";
/// The addresses of the names, as JSON.
const RESOLVED: &str = "user.cci.resolved";
/// The names that are the host's or its network's, as JSON.
const HOST_NAMES: &str = "user.cci.host-names";
/// The bridge's own address, where connections are taken in that are judged by name.
const GATEWAY: &str = "user.cci.gateway";
/// What containers may reach beside the policy, as JSON: it resolves for all of them.
const ALLOWED: &str = "user.cci.allowed";
/// When the names were last looked up, in RFC 3339.
const REFRESHED: &str = "user.cci.refreshed";
/// The process that creates the policy, until the ACL is written again.
const MAKER: &str = "user.cci.maker";
/// Labels the object as cci's.
pub(super) const MANAGED: &str = "user.cci.managed";

/// What a policy's ACL knows besides its rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) resolved: Resolved,
    /// What the name server must not reveal of the host and its network.
    pub(crate) host: HostNames,
    /// The bridge's own address, where that has doors; the bridge comes after its rules.
    pub(crate) gateway: Option<Ipv4Addr>,
    /// What containers may reach beside the policy.
    pub(crate) allowed: BTreeSet<Allowance>,
    /// When the names were last looked up, in RFC 3339.
    pub(crate) refreshed: Option<String>,
}

impl Known {
    /// Reads it from the ACL; what cannot be read counts as unknown.
    pub(super) fn of(acl: &Acl) -> Self {
        let json = |key: &str| acl.config.get(key).map(String::as_str).unwrap_or_default();
        Self {
            resolved: serde_json::from_str(json(RESOLVED)).unwrap_or_default(),
            host: serde_json::from_str(json(HOST_NAMES)).unwrap_or_default(),
            gateway: acl.config.get(GATEWAY).and_then(|gateway| gateway.parse().ok()),
            allowed: serde_json::from_str(json(ALLOWED)).unwrap_or_default(),
            refreshed: acl.config.get(REFRESHED).cloned(),
        }
    }

    /// The lines for the policy's name server; `None` if there is nothing to ask it.
    pub(super) fn answers(&self, policy: &Policy) -> Option<String> {
        let allowed: BTreeSet<&Target> = self.allowed.iter().map(|allowance| &allowance.entry.target).collect();
        policy.answers_beside(&self.resolved, &self.host, self.gateway, allowed)
    }
}

/// The policy that an ACL of cci was created from.
pub(super) fn policy(acl: &Acl) -> Option<Policy> {
    acl.config.get(POLICY).and_then(|text| Policy::from_canonical(text))
}

/// Whether an ACL of cci was created from this policy.
pub(super) fn is_of(acl: &Acl, policy: &Policy) -> bool {
    acl.config.get(POLICY).is_some_and(|text| *text == policy.canonical())
}

/// The complete ACL of a policy.
pub(super) fn acl(policy: &Policy, known: &Known, host: &BTreeSet<Ipv4Addr>) -> AclPut {
    let mut config = cci_incus::Config::from([
        (MANAGED.to_owned(), "true".to_owned()),
        (POLICY.to_owned(), policy.canonical()),
        (RESOLVED.to_owned(), serde_json::json!(known.resolved).to_string()),
    ]);
    if known.host != HostNames::default() {
        config.insert(HOST_NAMES.to_owned(), serde_json::json!(known.host).to_string());
    }
    if let Some(gateway) = &known.gateway {
        config.insert(GATEWAY.to_owned(), gateway.to_string());
    }
    if !known.allowed.is_empty() {
        config.insert(ALLOWED.to_owned(), serde_json::json!(known.allowed).to_string());
    }
    if let Some(refreshed) = &known.refreshed {
        config.insert(REFRESHED.to_owned(), refreshed.clone());
    }
    AclPut {
        description: format!("cci: {}", policy.mode()),
        config,
        egress: policy.rules(&known.resolved, host, known.gateway).iter().flat_map(rules).collect(),
        ingress: Vec::new(),
    }
}

/// The same, saying that this process is about to use it.
pub(super) fn being_made(acl: AclPut) -> AclPut {
    let maker = process::own().map(|own| (MAKER.to_owned(), own));
    AclPut { config: acl.config.into_iter().chain(maker).collect(), ..acl }
}

/// Whether the process that created it is still running, and so may be about to use it.
pub(super) fn maker_runs(acl: &Acl) -> bool {
    acl.config.get(MAKER).is_some_and(|maker| process::runs(maker))
}

/// Whether an ACL in Incus already equals this one, whoever created it.
pub(super) fn is_same(found: &Acl, wanted: &AclPut) -> bool {
    let without_maker = found.config.iter().filter(|(key, _)| *key != MAKER);
    without_maker.eq(&wanted.config) && found.egress == wanted.egress && found.ingress == wanted.ingress
}

/// One rule for Incus, or one for TCP and one for UDP if ports are named.
fn rules(rule: &Rule) -> Vec<AclRule> {
    let base = AclRule {
        action: match rule.action {
            Action::Reject => AclAction::Reject,
            Action::Allow => AclAction::Allow,
        },
        state: AclState::Enabled,
        destination: rule.destination(),
        description: rule.why.clone(),
        ..AclRule::default()
    };
    if rule.ports.is_every() {
        return vec![base];
    }
    let of = |protocol: &str| AclRule {
        protocol: protocol.to_owned(),
        destination_port: rule.ports.to_string(),
        ..base.clone()
    };
    vec![of("tcp"), of("udp")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use cci_core::network::{Keeper, Mode};
    use cci_core::settings::NetworkSettings;

    #[test]
    fn an_acl_says_what_it_was_made_from() {
        let settings = NetworkSettings {
            mode: Mode::Allowlist,
            allowed_domains: vec!["a.example:22,443".into(), "198.51.100.0/24".into()],
            ..NetworkSettings::default()
        };
        let made_from = Policy::new(&settings, &Keeper::of(1000, "/home/u/.cci".as_ref())).unwrap().unwrap();
        let found = BTreeSet::from(["198.51.101.1".parse().unwrap()]);
        let resolved = Resolved::new([("a.example".to_owned(), found)].into());
        let host = HostNames { search: BTreeSet::from(["corp.example".to_owned()]), ..HostNames::default() };
        let gateway = Some(Ipv4Addr::new(10, 128, 3, 1));
        let allowed = BTreeSet::from([Allowance::of("b.example:443", None).unwrap()]);
        let known = Known { resolved, host, gateway, allowed, refreshed: Some("2026-11-21T03:45:11Z".into()) };
        let put = acl(&made_from, &known, &BTreeSet::new());
        let ports: Vec<_> = put.egress.iter().map(|rule| (rule.protocol.as_str(), &*rule.destination_port)).collect();
        assert!(ports.contains(&("tcp", "22")) && ports.contains(&("udp", "22")), "{ports:?}");
        assert!(ports.contains(&("tcp", "28080,28443")) && !ports.contains(&("tcp", "443")), "{ports:?}");
        let there = Acl { config: put.config.clone(), egress: put.egress.clone(), ..Acl::default() };
        assert_eq!(policy(&there), Some(made_from));
        assert_eq!(Known::of(&there), known);
        assert!(is_same(&there, &put));
        let made = being_made(put.clone());
        let being_made = Acl { config: made.config, egress: made.egress, ..Acl::default() };
        assert!(is_same(&being_made, &put) && maker_runs(&being_made) && !maker_runs(&there));
        let widened = Acl { egress: put.egress[1..].to_vec(), ..there };
        assert!(!is_same(&widened, &put), "a rule that somebody removed is missed");
    }
}

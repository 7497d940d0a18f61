//! Policies as their settings make them, and how they are read back.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::network::{HostNames, Resolved};

pub(super) fn keeper() -> Keeper {
    Keeper::of(1000, Path::new("/home/u/.cci"))
}

fn made(settings: &NetworkSettings) -> Result<Option<Policy>> {
    Policy::new(settings, &keeper())
}

pub(super) fn allowlist(domains: &[&str]) -> Policy {
    let allowed_domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    let settings = NetworkSettings { mode: Mode::Allowlist, allowed_domains, ..NetworkSettings::default() };
    made(&settings).unwrap().unwrap()
}

pub(super) fn restricted() -> Policy {
    made(&NetworkSettings { mode: Mode::Restricted, ..NetworkSettings::default() }).unwrap().unwrap()
}

pub(super) fn learn() -> Policy {
    made(&NetworkSettings { mode: Mode::Learn, ..NetworkSettings::default() }).unwrap().unwrap()
}

/// A policy with these services, each with a name, an address and a port.
pub(super) fn with_services(mode: Mode, services: &[(&str, &str, u16)]) -> Policy {
    let host = |(name, address, port): &(&str, &str, u16)| ServiceEntry {
        name: (*name).to_owned(),
        address: (*address).to_owned(),
        ports: vec![*port],
    };
    let hosts = services.iter().map(host).collect();
    made(&NetworkSettings { mode, hosts, allowed_domains: Vec::new(), ..NetworkSettings::default() }).unwrap().unwrap()
}

pub(super) fn domain() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z]{1,8}\\.example".prop_map(String::from),
        (11u8..99, any::<u8>(), any::<u8>()).prop_map(|(a, b, c)| format!("{a}.{b}.{c}.7")),
        (11u8..99, any::<u8>(), 9u8..=24).prop_map(|(a, b, p)| format!("{a}.{b}.0.0/{p}")),
    ];
    let ports = prop_oneof![Just(String::new()), (1u16..=65535).prop_map(|port| format!(":{port}"))];
    (host, ports).prop_map(|(host, ports)| host + &ports)
}

#[test]
fn open_is_the_hosts_own_network() {
    let settings = NetworkSettings { mode: Mode::Open, ..NetworkSettings::default() };
    assert_eq!(made(&settings).unwrap(), None);
}

#[test]
fn what_learns_is_by_name_without_a_list_and_answers_every_name() {
    let policy = learn();
    assert!(policy.is_named() && policy.asks_the_host() && policy.by_name().next().is_none());
    assert_eq!(policy.judged([]), Names::Every);
    assert_eq!(Policy::from_canonical(&policy.canonical()), Some(policy.clone()));
    assert_ne!(policy.name(), restricted().name());
    let answers = |policy: &Policy| policy.answers(&Resolved::default(), &HostNames::default(), None);
    assert_eq!(answers(&policy), answers(&restricted()));
}

#[test]
fn what_an_earlier_cci_made_is_another_policy_that_is_still_read() {
    let text = restricted().canonical();
    let earlier = Policy::from_canonical(&text.replacen('2', "1", 1)).unwrap();
    assert_ne!(earlier.name(), restricted().name());
    assert_eq!(earlier.answers(&Resolved::default(), &HostNames::default(), None), None);
    assert_eq!(Policy::from_canonical(&text.replacen('2', "4", 1)), None);
}

#[test]
fn a_policy_by_name_is_its_keepers() {
    let settings = NetworkSettings {
        mode: Mode::Allowlist,
        allowed_domains: vec!["a.example:443".into(), "*.b.example".into(), "198.51.100.1".into()],
        ..NetworkSettings::default()
    };
    let (own, another) = (made(&settings).unwrap().unwrap(), Keeper::of(1001, Path::new("/home/v/.cci")));
    let others = Policy::new(&settings, &another).unwrap().unwrap();
    assert!(own.is_named() && own.name() != others.name(), "two that listen at one door");
    assert_eq!(Policy::from_canonical(&own.canonical()), Some(own.clone()));
    let by_name: Vec<String> = own.by_name().map(Entry::to_string).collect();
    assert_eq!(by_name, ["a.example:443", "*.b.example"]);
    assert_eq!(own.names().collect::<Vec<_>>(), ["a.example"]);

    let by_address =
        NetworkSettings { allowed_domains: vec!["a.example:22".into(), "198.51.100.1".into()], ..settings };
    let (own, others) = (made(&by_address).unwrap().unwrap(), Policy::new(&by_address, &another).unwrap().unwrap());
    assert_eq!(own.name(), others.name(), "nobody listens");
    assert!(!own.is_named() && own.by_name().next().is_none());
    assert_eq!(Policy::from_canonical(&own.canonical().replacen('2', "3", 1)), None, "nobody would judge");
}

#[test]
fn a_preset_is_the_policy_of_its_entries() {
    let spelled = allowlist(&["pypi.org:443", "files.pythonhosted.org:443", "a.example"]);
    assert_eq!(allowlist(&["@pypi", "a.example", "pypi.org:443"]), spelled);
    let settings =
        NetworkSettings { mode: Mode::Allowlist, allowed_domains: vec!["@pypy".into()], ..NetworkSettings::default() };
    assert!(made(&settings).unwrap_err().to_string().contains("@pypi"));
}

#[test]
fn services_are_part_of_a_policy_and_known_by_their_names() {
    let services = [("db.lan", "192.168.7.5", 5432), ("here.lan", "host", 80)];
    for mode in [Mode::Restricted, Mode::Allowlist, Mode::Learn] {
        let policy = with_services(mode, &services);
        assert_eq!(Policy::from_canonical(&policy.canonical()), Some(policy.clone()), "{mode}");
        assert_ne!(policy.name(), with_services(mode, &services[..1]).name());
        let answers = |gateway| policy.answers(&Resolved::default(), &HostNames::default(), gateway).unwrap();
        let (early, late) = (answers(None), answers(Some(Ipv4Addr::new(10, 128, 3, 1))));
        assert!(early.contains("host-record=db.lan,192.168.7.5\nlocal=/db.lan/\n") && !early.contains("here.lan"));
        assert!(late.contains("host-record=here.lan,10.128.3.1\n"), "{late}");
        // what a public name leads to is judged as if there were no service
        let bogus = |text: &str| {
            text.lines().filter(|line| line.starts_with("bogus-nxdomain")).map(str::to_owned).collect::<Vec<_>>()
        };
        let without = with_services(mode, &[]).answers(&Resolved::default(), &HostNames::default(), None);
        assert_eq!(bogus(&late), bogus(&without.unwrap_or_default()), "{mode}");
    }
    let twice = [("db.lan", "192.168.7.5", 80), ("DB.lan", "192.168.7.6", 80)];
    let hosts = twice.map(|(name, address, port)| ServiceEntry {
        name: name.into(),
        address: address.into(),
        ports: vec![port],
    });
    let error = made(&NetworkSettings { hosts: hosts.to_vec(), ..NetworkSettings::default() }).unwrap_err();
    assert!(error.to_string().contains("db.lan is listed twice"), "{error}");
}

#[test]
fn a_proxy_is_for_what_is_judged_by_name_and_answers_names_that_only_it_knows() {
    let settings = |mode, allowed: &str| NetworkSettings {
        mode,
        allowed_domains: vec![allowed.to_owned()],
        proxy: Some("inherit".into()),
        ..NetworkSettings::default()
    };
    for (mode, allowed) in
        [(Mode::Restricted, "a.example"), (Mode::Open, "a.example"), (Mode::Allowlist, "a.example:22")]
    {
        let error = made(&settings(mode, allowed)).unwrap_err();
        assert!(error.to_string().contains("network.proxy is for connections that are judged by name"), "{error}");
    }
    let policy = made(&settings(Mode::Allowlist, "a.example")).unwrap().unwrap();
    assert_eq!(Policy::from_canonical(&policy.canonical()), Some(policy.clone()));
    assert_ne!(policy.name(), allowlist(&["a.example"]).name());
    let answers = |policy: &Policy, resolved: &Resolved| policy.answers(resolved, &HostNames::default(), None).unwrap();
    let record = format!("host-record=a.example,{STAND_IN}\n");
    assert!(answers(&policy, &Resolved::default()).contains(&record));
    assert!(!answers(&allowlist(&["a.example"]), &Resolved::default()).contains(&record));
    let known = BTreeMap::from([("a.example".to_owned(), BTreeSet::from([Ipv4Addr::new(198, 51, 100, 1)]))]);
    assert!(!answers(&policy, &Resolved::new(known)).contains(&record), "it has an address of its own");
}

#[test]
fn a_pinned_resolver_is_asked_by_the_policys_name_server() {
    let settings = |resolver: Option<&str>| NetworkSettings {
        mode: Mode::Restricted,
        resolver: resolver.map(str::to_owned),
        ..NetworkSettings::default()
    };
    let policy = made(&settings(Some("192.0.2.1"))).unwrap().unwrap();
    assert_eq!(policy.resolver(), "192.0.2.1:53".parse().ok());
    assert_eq!(Policy::from_canonical(&policy.canonical()), Some(policy.clone()));
    assert_ne!(policy.name(), restricted().name());
    let host = HostNames { beyond_resolved: true, ..HostNames::default() };
    let answers = policy.answers(&Resolved::default(), &host, None).unwrap();
    assert!(answers.contains("no-resolv\nserver=192.0.2.1#53\n") && !answers.contains("resolv-file"), "{answers}");
    assert!(made(&settings(Some("dns.example"))).is_err());
}

#[test]
fn a_name_that_is_a_service_leads_nowhere_else() {
    let hosts = vec![ServiceEntry { name: "a.example".into(), address: "10.0.0.1".into(), ports: vec![443] }];
    let settings = NetworkSettings {
        mode: Mode::Allowlist,
        allowed_domains: vec!["a.example".into(), "b.example".into()],
        hosts,
        ..NetworkSettings::default()
    };
    let policy = made(&settings).unwrap().unwrap();
    assert_eq!(policy.names().collect::<Vec<_>>(), ["b.example"], "it is not looked up");
}

#[test]
fn a_setting_that_matters_makes_another_policy() {
    let restricted_mode = NetworkSettings { mode: Mode::Restricted, ..NetworkSettings::default() };
    let relaxed = NetworkSettings { block_metadata_endpoint: false, ..restricted_mode.clone() };
    let relaxed = made(&relaxed).unwrap().unwrap();
    assert_ne!(relaxed.name(), restricted().name());
    let refresh = NetworkSettings { refresh_interval_minutes: 5, ..restricted_mode };
    assert_eq!(made(&refresh).unwrap().unwrap().name(), restricted().name());
}

proptest! {
    #[test]
    fn the_order_of_the_list_changes_nothing(
        (domains, shuffled) in prop::collection::vec(domain(), 1..12)
            .prop_flat_map(|domains| (Just(domains.clone()), Just(domains).prop_shuffle())),
    ) {
        let read = |domains: &[String]| allowlist(&domains.iter().map(String::as_str).collect::<Vec<_>>());
        let (a, b) = (read(&domains), read(&shuffled));
        prop_assert_eq!(a.name(), b.name());
        prop_assert_eq!(Policy::from_canonical(&a.canonical()), Some(b.clone()));
        let rules = |policy: &Policy| policy.rules(&Resolved::default(), &BTreeSet::new(), None);
        prop_assert_eq!(rules(&a), rules(&b));
    }
}

//! Laws for every file: one key changes one key, layers are associative, nothing panics, nothing loosens.

use cci_core::network::ServiceEntry;
use cci_core::settings::{KEYS, Kind, Settings, Variable, credentials_inside, key};
use figment::Figment;
use figment::providers::Serialized;
use figment::value::Dict;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::World;
use crate::caller::Caller;
use crate::settings::file;

/// Values to choose from, as a file writes them.
fn values_of(kind: Kind) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match kind {
        Kind::Text | Kind::Argument => texts(&["\"one\"", "\"/workspace/two\"", "\"/tmp/three\""]),
        Kind::Name => texts(&["\"one\"", "\"two\""]),
        Kind::Bool => texts(&["true", "false"]),
        Kind::Number(_) => texts(&["0", "7"]),
        Kind::Texts | Kind::Domains => texts(&["[]", "[\"a.example\"]", "[\"a.example\", \"b.example\"]"]),
        Kind::Places => texts(&["[]", "[\"a\"]", "[\"a\", \"b/c\"]"]),
        Kind::Forward => texts(&["[]", "[\"A\"]", "[\"A\", \"B_*\"]"]),
        Kind::Path => texts(&["\"/srv/x\"", "\"~/y\"", "\"sub\""]),
        Kind::Choices(words) => [&[][..], &words[..1], words].iter().map(|words| format!("{words:?}")).collect(),
        Kind::Choice(words) => words.iter().map(|word| format!("\"{word}\"")).collect(),
        Kind::Cores => texts(&["1", "\"3\"", "\"0-3\""]),
        Kind::Processes => texts(&["100", "\"5000\""]),
        Kind::Size => texts(&["\"1GiB\"", "\"8GiB\"", "\"50%\""]),
        Kind::Bytes => texts(&["\"1GiB\"", "\"64MiB\""]),
        Kind::Age => texts(&["\"1h\"", "\"30d\""]),
        Kind::Environment => texts(&["{ A = \"1\" }", "{ B = \"2\" }", "{ A = { command = \"id\" } }"]),
        Kind::NameServer => texts(&["\"192.0.2.1\"", "\"127.0.0.1:5353\""]),
        Kind::Proxy => texts(&["\"inherit\"", "\"http://proxy.lan:3128\"", "\"socks5h://10.0.0.1\""]),
        Kind::Hosts => texts(&[
            "[]",
            "[{ name = \"a.lan\", address = \"10.0.0.1\", ports = [80] }]",
            "[{ name = \"a.lan\", address = \"10.0.0.1\", ports = [80, 81] }]",
            "[{ name = \"a.lan\", address = \"host\", ports = [80] }]",
        ]),
        Kind::Mounts => texts(&[
            "[{ host = \"sub\", container = \"/m\" }]",
            "[{ host = \"/srv\", container = \"/m\", readonly = true }]",
            "[{ host = \"..\", container = \"/n\" }]",
        ]),
    }
}

/// A line that sets one key.
fn line() -> impl Strategy<Value = (&'static str, String)> {
    select(KEYS).prop_flat_map(|key| (Just(key.path), select(values_of(key.kind))))
}

/// A file that sets some keys, each once.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::btree_map(select(KEYS).prop_map(|key| key.path), any::<prop::sample::Index>(), 0..8).prop_map(
        |chosen| {
            let line = |(path, index): (&'static str, prop::sample::Index)| {
                let values = key(path).map(|key| values_of(key.kind)).unwrap_or_default();
                format!("{path} = {}\n", values[index.index(values.len())])
            };
            chosen.into_iter().map(line).collect()
        },
    )
}

fn dict(text: &str) -> Dict {
    let caller = Caller::for_test("/home/u", &[]);
    file::layer("x.toml".as_ref(), text.as_bytes(), &caller)
        .unwrap_or_else(|found| panic!("{text}\n{found:?}"))
        .values
        .dict
}

fn over(lower: &Dict, upper: &Dict) -> Dict {
    Figment::from(Serialized::defaults(lower)).merge(Serialized::defaults(upper)).extract().unwrap()
}

/// The settings as key and value, with those that are not set left out.
fn flat(settings: &Settings) -> Vec<(&'static str, serde_json::Value)> {
    let all = serde_json::to_value(settings).unwrap();
    let of = |path: &str| all.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
    KEYS.iter().filter_map(|key| Some((key.path, of(key.path)?))).collect()
}

proptest! {
    #[test]
    fn a_file_that_sets_one_key_changes_that_key_only((path, value) in line()) {
        let without = World::new().settings().unwrap();
        let with = World::new().user(&format!("{path} = {value}\n")).settings().unwrap();
        let (before, after) = (flat(&without), flat(&with));
        let others = |all: &[(&'static str, serde_json::Value)]| -> Vec<_> {
            all.iter().filter(|(key, _)| *key != path).cloned().collect()
        };
        prop_assert_eq!(others(&before), others(&after));
        let set = after.iter().find(|(key, _)| *key == path);
        prop_assert!(set.is_some(), "{} was not set", path);
    }

    #[test]
    fn layers_are_associative(a in text(), b in text(), c in text()) {
        let (a, b, c) = (dict(&a), dict(&b), dict(&c));
        prop_assert_eq!(over(&over(&a, &b), &c), over(&a, &over(&b, &c)));
    }

    #[test]
    fn no_bytes_make_the_loader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = file::layer("x.toml".as_ref(), &bytes, &Caller::for_test("/home/u", &[]));
    }

    #[test]
    fn nothing_like_a_file_makes_the_loader_panic(text in "([a-z.\\[\\]{}=\"' \n~$#]|defaults|mounts|profiles|host|container|[0-9é]){0,60}") {
        let _ = file::layer("x.toml".as_ref(), text.as_bytes(), &Caller::for_test("/home/u", &[]));
    }

    #[test]
    fn a_project_file_never_weakens_what_the_user_has(user in text(), project in text(), profile in text()) {
        let in_profile: Vec<String> = profile
            .lines()
            .filter_map(|line| line.strip_prefix("defaults.").or_else(|| ["network", "limits", "tool", "mounts"].iter().any(|section| line.starts_with(section)).then_some(line)))
            .map(|line| format!("profiles.mine.{line}\n"))
            .collect();
        let without = World::new().user(&user);
        let with = World::new().user(&user).project(&format!("{project}{}", in_profile.concat()));
        let Ok(changed) = with.settings() else { return Ok(()) };
        let same_home = |settings: Settings, world: &World| {
            let text = serde_json::to_string(&settings).unwrap().replace(world.home().to_str().unwrap(), "/home/u");
            serde_json::from_str::<Settings>(&text).unwrap()
        };
        let trusted = same_home(without.settings().unwrap(), &without);
        let changed = same_home(changed, &with);
        prop_assert_eq!(&trusted.incus, &changed.incus);
        prop_assert_eq!(&trusted.build, &changed.build);
        prop_assert_eq!(&trusted.paths, &changed.paths);
        prop_assert!(trusted.defaults.docker || !changed.defaults.docker);
        prop_assert!(changed.defaults.boundary <= trusted.defaults.boundary);
        prop_assert!(trusted.defaults.agent_config || !changed.defaults.agent_config);
        prop_assert!(changed.tool.import.is_within(&trusted.tool.import));
        prop_assert!(changed.defaults.forward.iter().all(|entry| trusted.defaults.forward.contains(entry)));
        prop_assert!(changed.defaults.settings_secrets <= trusted.defaults.settings_secrets);
        if credentials_inside(&trusted, false) {
            prop_assert_eq!(&trusted.defaults.image, &changed.defaults.image);
            let import = trusted.tool.import.clone();
            prop_assert_eq!(&trusted.tool, &cci_core::settings::ToolSettings { import, ..changed.tool.clone() });
            prop_assert_eq!(&trusted.defaults.environment, &changed.defaults.environment);
        }
        let commands = |settings: &Settings| -> Vec<Variable> {
            let all = settings.defaults.environment.values();
            all.filter(|value| matches!(value, Variable::Command { .. })).cloned().collect()
        };
        prop_assert!(commands(&changed).iter().all(|command| commands(&trusted).contains(command)));
        let (before, after) = (&trusted.network, &changed.network);
        prop_assert!(after.mode <= before.mode);
        prop_assert!(after.allowed_domains.iter().all(|domain| before.allowed_domains.contains(domain)));
        prop_assert!(!before.block_private_networks || after.block_private_networks);
        prop_assert!(!before.block_metadata_endpoint || after.block_metadata_endpoint);
        prop_assert!(before.allow_local_network_access || !after.allow_local_network_access);
        prop_assert!(before.ask || !after.ask);
        let is_within = |host: &ServiceEntry| before.hosts.iter().any(|own| {
            (&own.name, &own.address) == (&host.name, &host.address) && host.ports.iter().all(|port| own.ports.contains(port))
        });
        prop_assert_eq!((&after.proxy, &after.resolver), (&before.proxy, &before.resolver));
        prop_assert!(after.hosts.iter().all(is_within));
        // of the sample amounts, the weaker ones, listed by hand
        let (before, after) = (&trusted.limits, &changed.limits);
        let keeps = |before: &Option<String>, after: &Option<String>, strict: &str| {
            before.as_deref() != Some(strict) || after.as_deref() == Some(strict)
        };
        prop_assert!(keeps(&before.cpu, &after.cpu, "1"));
        prop_assert!(keeps(&before.memory, &after.memory, "1GiB"));
        prop_assert!(keeps(&before.processes, &after.processes, "100"));
        prop_assert!(keeps(&before.disk, &after.disk, "1GiB"));
        prop_assert!(trusted.tool.binary == changed.tool.binary || changed.tool.binary.as_deref() != Some("/tmp/three"));
        for (container, mount) in &changed.mounts.default {
            let own = trusted.mounts.default.get(container) == Some(mount);
            prop_assert!(own || mount.host == std::path::Path::new("sub") && !trusted.mounts.default.contains_key(container));
        }
    }
}

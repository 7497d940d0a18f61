//! Every configuration key has an effect: a row for each, tried on the plan of `shell` and on that of `run`.

use std::collections::BTreeMap;
use std::fs;

use cci_core::environment::HostLocale;
use cci_core::idmap::{IdmapFacts, Ids, SubRange};
use cci_core::name::Prefix;
use cci_core::plan::{Ask, HostFacts, LaunchPlan};
use cci_core::session::SessionId;
use cci_core::settings::{KEYS, Settings};
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;

use super::mounts;
use crate::host::caller::Caller;
use crate::settings::{Overrides, Stack, Trust};

/// Where a key takes effect.
enum Effect {
    /// In the launch plan: this text is in it with the value, and not without.
    Plan(&'static str),
    /// In another part of cci, named here; the plan stays as it is.
    Other(&'static str),
}

use Effect::{Other, Plan};

/// The key, a value that is not the default, and the effect.
#[rustfmt::skip]
const ROWS: &[(&str, &str, Effect)] = &[
    ("defaults.image", "\"another\"", Plan("image: \"another\"")),
    ("defaults.persistent", "true", Plan("ephemeral: false")),
    ("defaults.model", "\"opus\"", Plan("\"--model\", \"opus\"")),
    ("defaults.mount_claude_config", "false", Other("the seed of the session's state directory")),
    ("defaults.environment", "{ COLOUR = \"blue\" }", Plan("\"COLOUR\": \"blue\"")),
    ("defaults.docker", "false", Plan("security.nesting: none")),
    ("tool.name", "\"other\"", Plan("user.cci.tool\": \"other\"")),
    ("tool.binary", "\"agent\"", Plan("[\"agent\", \"--permission-mode\"")),
    ("tool.args", "[\"--verbose\"]", Plan("\"--verbose\"")),
    ("paths.sessions_dir", "\"/srv/sessions\"", Other("the session store, which also looks there")),
    ("paths.storage_dir", "\"~/storage\"", Plan("\"path\": \"/storage\"")),
    ("paths.logs_dir", "\"/srv/logs\"", Other("the build log")),
    ("incus.socket", "\"/srv/unix.socket\"", Other("the client")),
    ("incus.project", "\"another\"", Other("the client")),
    ("incus.group", "\"another\"", Other("setup")),
    ("incus.claude_uid", "1500", Plan("GuestUser { uid: 1500, gid: 1500 }")),
    ("incus.storage_pool", "\"fast\"", Plan("\"pool\": \"fast\"")),
    ("incus.idmap", "\"shift\"", Plan("\"shift\": \"true\"")),
    ("network.mode", "\"allowlist\"", Plan("user.cci.network\": \"allowlist\"")),
    ("network.allowed_domains", "[\"a.example\"]", Other("the network policy")),
    ("network.refresh_interval_minutes", "5", Other("the network policy")),
    ("network.block_private_networks", "false", Other("the network policy")),
    ("network.block_metadata_endpoint", "false", Other("the network policy")),
    ("network.allow_local_network_access", "true", Other("the network policy")),
    ("limits.cpu", "3", Plan("\"limits.cpu\": \"3\"")),
    ("limits.memory", "\"3GiB\"", Plan("\"limits.memory\": \"3GiB\"")),
    ("limits.processes", "300", Plan("\"limits.processes\": \"300\"")),
    ("limits.disk", "\"30GiB\"", Plan("\"size\": \"30GiB\"")),
    ("build.from", "\"bootstrap:bookworm\"", Other("build")),
    ("build.host_ca", "false", Other("build")),
    ("build.packages", "[\"jq\"]", Other("build")),
    ("build.tools", "[]", Other("build")),
    ("build.image_server", "\"https://images.example\"", Other("build")),
    ("build.dns", "[]", Other("build")),
    ("mounts.default", "[{ host = \"~/data\", container = \"/data\", readonly = true }]", Plan("\"path\": \"/data\"")),
];

/// A host on which everything can be tried.
struct World {
    dir: tempfile::TempDir,
    caller: Caller,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
        for path in ["home/.config/cci", "home/data", "proj"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let caller = Caller::for_test(dir.path().join("home"), &[]);
        Self { dir, caller }
    }

    fn settings(&self, text: &str) -> Settings {
        fs::write(self.caller.home.join(".config/cci/config.toml"), text).unwrap();
        let stack = Stack::read(&self.caller, &self.workspace(), None, &Overrides::default(), Trust::Judged);
        stack.and_then(|stack| stack.settings()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn workspace(&self) -> Workspace {
        Workspace::at(self.dir.path().join("proj"))
    }

    /// Everything that a launch with these settings does, as text.
    fn plan(&self, settings: &Settings, session: Option<SessionId>) -> String {
        let ranges = vec![SubRange { start: 1000, count: 1 }, SubRange { start: 1_000_000, count: 1_000_000_000 }];
        let host = HostFacts {
            idmap: IdmapFacts {
                agent: Ids { uid: 1000, gid: 1000 },
                guest: settings.incus.claude_uid,
                subuid: ranges.clone(),
                subgid: ranges,
            },
            locale: HostLocale::default(),
            nic: None,
            other_nics: Vec::new(),
            nft: None,
            stop_hook: None,
            root: None,
            mounts: mounts::resolved(settings, &self.workspace(), &self.caller).unwrap(),
        };
        let ask = Ask {
            prefix: Prefix::default(),
            workspace: self.workspace(),
            owner_uid: 1000,
            launch: "nonce".into(),
            session: session.map(|id| (id, "/state".into())),
            environment: BTreeMap::new(),
        };
        let plan = LaunchPlan::new(&ask, settings, &host).unwrap();
        let spec = plan.instance(Slot::new(1).unwrap());
        let id = SessionId::from_random([1; 16]);
        let agent = plan.tool.command(&cci_core::tool::Start::New(id));
        let nesting = if spec.config.contains_key("security.nesting") { "there" } else { "none" };
        format!("{spec:?} {agent:?} {:?} {:?} security.nesting: {nesting}", plan.environment, plan.user)
    }
}

#[test]
fn every_key_has_a_row() {
    let keys: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    let rows: Vec<&str> = ROWS.iter().map(|(key, _, _)| *key).collect();
    for key in &keys {
        assert!(rows.contains(key), "{key} has no row: which effect has it on `shell` and `run`?");
    }
    assert_eq!(rows.len(), keys.len());
}

#[test]
fn every_key_has_its_effect_on_shell_and_on_run() {
    let world = World::new();
    let unset = world.settings("");
    for session in [Some(SessionId::from_random([1; 16])), None] {
        let before = world.plan(&unset, session);
        for (key, value, effect) in ROWS {
            let set = world.settings(&format!("{key} = {value}\n"));
            assert_ne!(set, unset, "{key} = {value} is the default");
            let after = world.plan(&set, session);
            match effect {
                Plan(text) => {
                    assert!(after.contains(text), "{key}: no {text} in {after}");
                    assert!(!before.contains(text), "{key}: {text} is there without it");
                }
                Other(place) => assert_eq!(after, before, "{key} belongs to {place}"),
            }
        }
    }
}

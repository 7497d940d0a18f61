//! A host on which every key can be tried, and what a launch on it comes to.

use std::collections::BTreeMap;
use std::fs;

use cci_agent::Start;
use cci_core::boundary::Boundary;
use cci_core::environment::HostLocale;
use cci_core::idmap::{IdmapFacts, Ids, SubRange};
use cci_core::machine::{Container, container};
use cci_core::name::Prefix;
use cci_core::network::{Keeper, Policy};
use cci_core::plan::{Ask, GitView, GuestUser, HostFacts, LaunchPlan, Roots};
use cci_core::session::SessionId;
use cci_core::settings::Settings;
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;
use cci_guest::author::Author;
use cci_host::caller::Caller;
use cci_host::settings::{Overrides, Stack, Trust};
use cci_incus::{Disk, device};

use crate::launch::mounts;
use crate::site::host_path;

/// Everything that a launch does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) container: Container,
    pub(super) command: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) user: GuestUser,
    pub(super) boundary: Boundary,
}

impl Planned {
    /// A configuration key of the container.
    pub(super) fn key(&self, key: &str) -> Option<&str> {
        self.container.config.get(key).map(String::as_str)
    }

    /// The disk at this place in the container.
    pub(super) fn disk(&self, path: &str) -> Option<&Disk> {
        let mut disks = device::disks(&self.container.devices).map(|(_, disk)| disk);
        disks.find(|disk| disk.path.as_deref() == Some(path))
    }
}

/// A host on which everything can be tried.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) caller: Caller,
}

impl World {
    pub(super) fn new() -> Self {
        let dir = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
        for path in ["home/.config/cci", "home/data", "proj"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let caller = Caller::for_test(dir.path().join("home"), &[]);
        Self { dir, caller }
    }

    pub(super) fn settings(&self, text: &str) -> Settings {
        fs::write(self.caller.home.join(".config/cci/config.toml"), text).unwrap();
        let stack = Stack::read(&self.caller, &self.workspace(), None, &Overrides::default(), Trust::Judged);
        stack.and_then(|stack| stack.settings()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn workspace(&self) -> Workspace {
        Workspace::at(self.dir.path().join("proj"))
    }

    /// What a launch with these settings does.
    pub(super) fn plan(&self, settings: &Settings, session: Option<SessionId>) -> Planned {
        let ranges = vec![SubRange { start: 1000, count: 1 }, SubRange { start: 1_000_000, count: 1_000_000_000 }];
        let host = HostFacts {
            idmap: IdmapFacts {
                agent: Ids { uid: 1000, gid: 1000 },
                guest: settings.incus.agent_uid,
                subuid: ranges.clone(),
                subgid: ranges,
            },
            locale: HostLocale::default(),
            author: Author::default(),
            policy: Policy::new(&settings.network, &Keeper::of(1000, &self.caller.cci_dir())).unwrap(),
            nic: None,
            other_nics: Vec::new(),
            nft: None,
            stop_hook: None,
            root: None,
            workspace: Some(host_path::judged(self.workspace().path(), &[]).unwrap()),
            mounts: mounts::resolved(settings, &self.workspace(), &[], &self.caller).unwrap(),
            git: GitView::default(),
        };
        let ask = Ask {
            prefix: Prefix::default(),
            workspace: self.workspace(),
            owner_uid: 1000,
            launch: "nonce".into(),
            session: session.map(|id| (id, host_path::own(self.dir.path()).unwrap())),
            sockets: None,
            roots: Roots::OfImage,
            login: BTreeMap::new(),
            environment: BTreeMap::new(),
        };
        let plan = LaunchPlan::new(&ask, settings, &host).unwrap();
        let id = SessionId::from_random([1; 16]);
        Planned {
            container: container(&plan.machine(Slot::new(1).unwrap())),
            command: plan.command(&Start::New(id.to_string())),
            environment: plan.environment,
            user: plan.user,
            boundary: plan.boundary,
        }
    }
}

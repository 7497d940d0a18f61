//! The world of this crate's unit tests: a user with a home and a project, and a daemon in memory.

mod container;
mod recorder;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::metadata::Metadata;
use cci_core::name::{ContainerName, Prefix};
use cci_core::session::SessionId;
use cci_core::slot::Slot;
use cci_core::workspace::Workspace;
use cci_host::caller::Caller;
use cci_host::settings::{Overrides, Stack, Trust};
use cci_incus::fake::Daemon;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use container::Container;
use recorder::Recorder;

use crate::context::Context;
use crate::launch;
use crate::ledger::{Ledger, Server};
use crate::scope::Scope;
use crate::supervision::Supervision;

/// The caller.
pub(crate) const OWN: u32 = 1000;
/// Another user.
pub(crate) const ANOTHER: u32 = 1001;
/// The settings of a host that shows nothing of the one the test runs on.
const SETTINGS: &str = "incus.idmap = \"none\"\n";

/// A supervisor that serves whatever is noted.
pub(crate) struct Everywhere;

impl Supervision for Everywhere {
    fn serves(&self, _: SessionId) -> LocalBoxFuture<'_, io::Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// One user's world.
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) daemon: Daemon,
    recorder: Arc<Recorder>,
    settings: String,
}

impl World {
    /// In network mode `open`.
    pub(crate) fn new() -> Self {
        Self::configured("network.mode = \"open\"\n")
    }

    /// With these settings in the user's file.
    pub(crate) fn configured(settings: &str) -> Self {
        let dir = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
        for path in ["home/.config/cci", "proj"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        Self { dir, daemon: Daemon::start(), recorder: Arc::default(), settings: format!("{SETTINGS}{settings}") }
    }

    /// A call by the caller, with a scope of its own.
    pub(crate) fn cx(&self) -> Context {
        self.cx_of(OWN)
    }

    /// A call by this user.
    pub(crate) fn cx_of(&self, uid: u32) -> Context {
        let mut caller = Caller::for_test(self.home(), &[]);
        caller.ids.uid = uid;
        fs::write(self.home().join(".config/cci/config.toml"), &self.settings).unwrap();
        let workspace = Workspace::at(self.proj());
        let stack = Stack::read(&caller, &workspace, None, &Overrides::default(), Trust::Judged).unwrap();
        let server = Server { endpoint: "/fake".into(), project: "default".into() };
        Context {
            client: self.daemon.client(),
            settings: stack.settings().unwrap(),
            stack,
            caller,
            workspace,
            prefix: Prefix::default(),
            environment: [].into(),
            any_owner: false,
            reporter: self.recorder.clone(),
            supervision: Arc::new(Everywhere),
            scope: Scope::new(CancellationToken::new(), Ledger::new(self.unfinished(), server)),
        }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn proj(&self) -> PathBuf {
        self.dir.path().join("proj")
    }

    /// Where the journals of commands are.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.home().join(".cci/unfinished")
    }

    /// The name of the container in a slot of the project.
    pub(crate) fn slot(&self, number: u8) -> String {
        ContainerName::new(&Prefix::default(), &Workspace::at(self.proj()), Slot::new(number).unwrap()).to_string()
    }

    /// A container of the caller, running and ephemeral, to be added as it is or with changes.
    pub(crate) fn container<'a>(&'a self, name: &str) -> Container<'a> {
        Container::new(self, name)
    }

    /// The container as Incus has it.
    pub(crate) fn instance(&self, name: &str) -> Option<Value> {
        self.daemon.get(&format!("/1.0/instances/{name}"))
    }

    /// Whether a container exists and runs.
    pub(crate) fn runs(&self, name: &str) -> bool {
        self.instance(name).is_some_and(|instance| instance["status_code"] == 103)
    }

    /// Adds an image with this fingerprint, these names and these properties.
    pub(crate) fn put_image(&self, fingerprint: &str, aliases: &[&str], properties: &[(&str, &str)]) {
        let properties: Value = properties.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let image = json!({"fingerprint": fingerprint, "type": "container", "properties": properties,
            "created_at": "2026-01-01T00:00:00Z"});
        self.daemon.put(&format!("/1.0/images/{fingerprint}"), image);
        for alias in aliases {
            let object = json!({"name": alias, "target": fingerprint, "type": "container"});
            self.daemon.put(&format!("/1.0/images/aliases/{alias}"), object);
        }
    }

    /// Saves a session of the project whose last container was this.
    pub(crate) fn save_session(&self, id: SessionId, container: &str, saved_at: &str) -> Metadata {
        let metadata = Metadata {
            session_id: id,
            container_name: container.to_owned(),
            persistent: false,
            workspace: self.proj(),
            saved_at: saved_at.to_owned(),
            further: serde_json::Map::default(),
        };
        self.save(&metadata);
        metadata
    }

    /// Saves a session as it is given.
    pub(crate) fn save(&self, metadata: &Metadata) {
        let store = launch::store(&self.cx());
        fs::create_dir_all(store.dir(metadata.session_id)).unwrap();
        store.write(metadata).unwrap();
    }

    /// The events so far except progress, each in the text of its type.
    pub(crate) fn reported(&self) -> Vec<String> {
        self.recorder.reported()
    }

    /// Whether there was an event whose text contains these words.
    pub(crate) fn was_reported(&self, words: &str) -> bool {
        self.reported().iter().any(|line| line.contains(words))
    }

    /// How many requests there were since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.daemon.requests();
        self.daemon.forget_requests();
        requests
    }
}

/// Writes a file and its directories.
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

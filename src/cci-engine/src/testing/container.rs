//! A container to be added to the daemon in memory.

use cci_core::checkpoint::CheckpointId;
use cci_core::lifetime::Lifetime;
use cci_core::mark::{Kind, Marks};
use cci_core::session::SessionId;
use cci_core::slot::Slot;
use serde_json::{Value, json};

use super::{OWN, World};

/// Its properties.
pub(crate) struct Container<'a> {
    world: &'a World,
    name: String,
    marks: Option<Marks>,
    status: u64,
    started: bool,
    project: String,
    config: Value,
    devices: Value,
}

impl<'a> Container<'a> {
    pub(super) fn new(world: &'a World, name: &str) -> Self {
        let marks = Marks {
            kind: Kind::Session,
            workspace: Some(world.proj()),
            slot: Slot::new(1),
            tool: Some("dummy".into()),
            ..Marks::of_build(OWN, "earlier")
        };
        Self {
            world,
            name: name.to_owned(),
            marks: Some(marks),
            status: 103,
            started: true,
            project: "default".into(),
            config: json!({}),
            devices: json!({}),
        }
    }

    fn marked(mut self, change: impl FnOnce(&mut Marks)) -> Self {
        self.marks.as_mut().map(change);
        self
    }

    /// With this at `/workspace`.
    pub(crate) fn workspace(self, workspace: Option<std::path::PathBuf>) -> Self {
        self.marked(|marks| marks.workspace = workspace)
    }

    /// The root file system of a checkpoint.
    pub(crate) fn checkpoint(self, id: &CheckpointId) -> Self {
        let store = self.world.home().join(".cci");
        self.marked(|marks| *marks = marks.of_checkpoint(id, &store, "earlier"))
    }

    /// With its record in this directory.
    pub(crate) fn store(self, dir: &std::path::Path) -> Self {
        self.marked(|marks| marks.store = Some(dir.to_owned()))
    }

    /// Created by this user.
    pub(crate) fn of(self, uid: u32) -> Self {
        self.marked(|marks| marks.owner_uid = uid)
    }

    /// Not created by cci.
    pub(crate) fn unmarked(self) -> Self {
        Self { marks: None, ..self }
    }

    pub(crate) fn kind(self, kind: Kind) -> Self {
        self.marked(|marks| marks.kind = kind)
    }

    /// With the label of this launch.
    pub(crate) fn launch(self, launch: &str) -> Self {
        self.marked(|marks| launch.clone_into(&mut marks.launch))
    }

    pub(crate) fn session(self, session: SessionId) -> Self {
        self.marked(|marks| marks.session = Some(session))
    }

    pub(crate) fn stopped(self) -> Self {
        Self { status: 102, ..self }
    }

    /// Stopped, and never started before: a launch is still creating it.
    pub(crate) fn never_started(self) -> Self {
        Self { started: false, ..self.stopped() }
    }

    pub(crate) fn frozen(self) -> Self {
        Self { status: 110, ..self }
    }

    /// Outlives its stop.
    pub(crate) fn persistent(self) -> Self {
        self.marked(|marks| marks.lifetime = Lifetime::Persistent)
    }

    pub(crate) fn project(self, project: &str) -> Self {
        Self { project: project.to_owned(), ..self }
    }

    pub(crate) fn config(mut self, key: &str, value: &str) -> Self {
        self.config[key] = json!(value);
        self
    }

    pub(crate) fn device(mut self, name: &str, device: Value) -> Self {
        self.devices[name] = device;
        self
    }

    /// As Incus would have it; keys that are not cci's are kept.
    pub(crate) fn object(&self) -> Value {
        let mut config = self.config.clone();
        for (key, value) in self.marks.iter().flat_map(Marks::to_config) {
            config[key] = json!(value);
        }
        let ephemeral = self.marks.as_ref().is_some_and(|marks| !marks.lifetime.is_persistent());
        let word = match self.status {
            103 => "Running",
            110 => "Frozen",
            _ => "Stopped",
        };
        let used = if self.started { "2026-01-01T00:00:01Z" } else { "1970-01-01T00:00:00Z" };
        json!({
            "name": self.name, "type": "container", "status": word, "status_code": self.status, "config": config,
            "devices": self.devices, "profiles": ["default"], "ephemeral": ephemeral, "project": self.project,
            "architecture": "x86_64", "created_at": "2026-01-01T00:00:00Z", "last_used_at": used,
        })
    }

    pub(crate) fn path(&self) -> String {
        let path = format!("/1.0/instances/{}", self.name);
        if self.project == "default" { path } else { format!("{path}?project={}", self.project) }
    }

    /// Adds it, and the project that it is in; the one of the checkpoints is there or not, as the test wants.
    pub(crate) fn put(self) {
        if self.project != "default" && self.marks.as_ref().is_none_or(|marks| marks.kind != Kind::Checkpoint) {
            let project = json!({"name": self.project, "config": {}});
            self.world.daemon.put(&format!("/1.0/projects/{}", self.project), project);
        }
        self.world.daemon.put(&self.path(), self.object());
    }
}

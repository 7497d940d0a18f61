//! The labels `user.cci.*`, which make Incus the database of cci's containers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointId;
use crate::lifetime::Lifetime;
use crate::session::SessionId;
use crate::slot::Slot;

/// What an instance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A workspace's container, for an agent or a single command.
    Session,
    /// Created by `container launch`.
    Plain,
    /// Where an image is being built.
    Build,
    /// The root file system of a checkpoint: it never runs.
    Checkpoint,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Plain => "plain",
            Self::Build => "build",
            Self::Checkpoint => "checkpoint",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Session, Self::Plain, Self::Build, Self::Checkpoint].into_iter().find(|kind| kind.word() == word)
    }
}

/// The labels that cci wrote on an instance with the request that created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// What it is for.
    pub kind: Kind,
    /// The host user it belongs to.
    pub owner_uid: u32,
    /// A random text that only the launch that created it knows in advance.
    pub launch: String,
    /// The workspace, absolute.
    pub workspace: Option<PathBuf>,
    /// The slot of the workspace.
    pub slot: Option<Slot>,
    /// The conversation in it.
    pub session: Option<SessionId>,
    /// The agent in it.
    pub tool: Option<String>,
    /// The profile it was launched with.
    pub profile: Option<String>,
    /// The network mode it was launched with.
    pub network: Option<String>,
    /// The image as it was asked for.
    pub image: Option<String>,
    /// Whether it outlives its stop.
    pub lifetime: Lifetime,
    /// The checkpoint that it is the root file system of.
    pub checkpoint: Option<CheckpointId>,
    /// The directory of cci's that has the record of that checkpoint.
    pub store: Option<PathBuf>,
}

/// Whether this configuration says that cci created the instance.
#[must_use]
pub fn is_managed(config: &BTreeMap<String, String>) -> bool {
    config.get(MANAGED).is_some_and(|value| value == "true")
}

/// Whether this configuration has any key that cci writes on what it creates.
#[must_use]
pub fn is_marked(config: &BTreeMap<String, String>) -> bool {
    config.keys().any(|key| key.starts_with("user.cci."))
}

/// The host user that an instance, a volume or an image belongs to, if that can be read.
#[must_use]
pub fn owner(config: &BTreeMap<String, String>) -> Option<u32> {
    config.get(OWNER)?.parse().ok()
}

/// The key that says that cci created something.
pub const MANAGED: &str = "user.cci.managed";
/// The key that says who owns an instance.
pub const OWNER: &str = "user.cci.owner-uid";
/// The key that identifies a launch.
pub const LAUNCH: &str = "user.cci.launch";
/// The key with the name of the agent.
pub const TOOL: &str = "user.cci.tool";
/// The key with the image that an instance was created from, as it was asked for.
pub const IMAGE: &str = "user.cci.image";
/// The key that says whether a session's container outlives its stop.
pub const PERSISTENT: &str = "user.cci.persistent";

impl Marks {
    /// The labels of a container for cci's own work: it is ephemeral and shown nowhere.
    #[must_use]
    pub fn of_build(owner_uid: u32, launch: &str) -> Self {
        Self {
            kind: Kind::Build,
            owner_uid,
            launch: launch.to_owned(),
            workspace: None,
            slot: None,
            session: None,
            tool: None,
            profile: None,
            network: None,
            image: None,
            lifetime: Lifetime::Ephemeral,
            checkpoint: None,
            store: None,
        }
    }

    /// The labels of what holds a container's root file system: whose it was, under the identity of the checkpoint.
    #[must_use]
    pub fn of_checkpoint(&self, id: &CheckpointId, store: &Path, launch: &str) -> Self {
        Self {
            kind: Kind::Checkpoint,
            launch: launch.to_owned(),
            store: Some(store.to_owned()),
            lifetime: Lifetime::Ephemeral,
            checkpoint: Some(id.clone()),
            ..self.clone()
        }
    }

    /// As instance configuration.
    #[must_use]
    pub fn to_config(&self) -> BTreeMap<String, String> {
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let always = [
            ("managed", Some("true".to_owned())),
            ("kind", Some(self.kind.word().to_owned())),
            ("owner-uid", Some(self.owner_uid.to_string())),
            ("launch", Some(self.launch.clone())),
            ("persistent", Some(self.lifetime.is_persistent().to_string())),
            ("workspace", text(&self.workspace)),
            ("slot", self.slot.map(|slot| slot.to_string())),
            ("session", self.session.map(|id| id.to_string())),
            ("tool", self.tool.clone()),
            ("profile", self.profile.clone()),
            ("network", self.network.clone()),
            ("image", self.image.clone()),
            ("checkpoint", self.checkpoint.as_ref().map(CheckpointId::to_string)),
            ("store", text(&self.store)),
        ];
        always.into_iter().filter_map(|(key, value)| Some((format!("user.cci.{key}"), value?))).collect()
    }

    /// Reads them back; `None` for an instance that cci did not create.
    #[must_use]
    pub fn from_config(config: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| config.get(&format!("user.cci.{key}")).filter(|value| !value.is_empty()).cloned();
        if !is_managed(config) {
            return None;
        }
        Some(Self {
            kind: text("kind").and_then(|word| Kind::parse(&word))?,
            owner_uid: owner(config)?,
            launch: text("launch").unwrap_or_default(),
            workspace: text("workspace").map(PathBuf::from),
            slot: text("slot").and_then(|slot| slot.parse().ok()),
            session: text("session").and_then(|id| id.parse().ok()),
            tool: text("tool"),
            profile: text("profile"),
            network: text("network"),
            image: text("image"),
            lifetime: Lifetime::persistent(text("persistent").is_some_and(|value| value == "true")),
            checkpoint: text("checkpoint").and_then(|id| id.parse().ok()),
            store: text("store").map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_as_they_were_written() {
        let marks = Marks {
            kind: Kind::Session,
            owner_uid: 1234,
            launch: "n".into(),
            workspace: Some("/home/u/my proj".into()),
            slot: Slot::new(3),
            session: Some(SessionId::from_random([7; 16])),
            tool: Some("dummy".into()),
            profile: None,
            network: Some("open".into()),
            image: Some("cci".into()),
            lifetime: Lifetime::Persistent,
            checkpoint: None,
            store: None,
        };
        assert_eq!(Marks::from_config(&marks.to_config()), Some(marks));
    }

    #[test]
    fn what_holds_a_checkpoint_says_whose_it_was_and_is_no_session() {
        let session = SessionId::from_random([7; 16]);
        let of_container = Marks { session: Some(session), lifetime: Lifetime::Persistent, ..Marks::of_build(7, "n") };
        let id = CheckpointId::from_random(0x0101_0101_0100_0000);
        let marks = of_container.of_checkpoint(&id, Path::new("/home/u/.cci"), "m");
        assert_eq!((marks.kind, marks.owner_uid, marks.launch.as_str()), (Kind::Checkpoint, 7, "m"));
        assert_eq!(Marks::from_config(&marks.to_config()), Some(marks.clone()));
        assert_eq!((marks.session, marks.checkpoint), (Some(session), Some(id)));
    }

    #[test]
    fn an_instance_without_the_managed_label_is_not_ours() {
        let mut config = BTreeMap::from([("user.cci.kind".to_owned(), "session".to_owned())]);
        assert_eq!(Marks::from_config(&config), None);
        config.insert("user.cci.managed".into(), "false".into());
        assert_eq!(Marks::from_config(&config), None);
    }
}

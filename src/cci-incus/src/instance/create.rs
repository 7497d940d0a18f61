//! Creating an instance: everything about it in the one request that claims its name.

use cci_incus_types::Devices;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Config;
use crate::{client::Client, error::Result, operation::Operation, request::Request};

/// An instance to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInstance {
    /// Unique within the project; Incus refuses one in use.
    pub name: String,
    /// What its root disk is created from.
    pub source: Source,
    /// Settings, which override those of the profiles.
    pub config: Config,
    /// Devices, which override those of the profiles.
    pub devices: Devices,
    /// Profiles, lowest first; `None` for the `default` one.
    pub profiles: Option<Vec<String>>,
    /// Whether Incus deletes it when it stops.
    pub ephemeral: bool,
    /// Whether it is started in the same operation.
    pub start: bool,
    /// Free text.
    pub description: String,
    /// `None` for the source's own.
    pub architecture: Option<String>,
}

impl NewInstance {
    /// A stopped, persistent container from `source` with the default profile.
    #[must_use]
    pub fn new(name: impl Into<String>, source: Source) -> Self {
        Self {
            name: name.into(),
            source,
            config: Config::new(),
            devices: Devices::new(),
            profiles: None,
            ephemeral: false,
            start: false,
            description: String::new(),
            architecture: None,
        }
    }
}

/// What a new instance is created from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An image, from this server or another.
    Image {
        /// Which one.
        image: ImageName,
        /// Where to get it; `None` for a local image.
        server: Option<ImageServer>,
    },
    /// Another instance, or a snapshot as `instance/snapshot`.
    Copy {
        /// The name of the instance to copy.
        instance: String,
        /// Its project; `None` for this one.
        project: Option<String>,
        /// Whether to leave out its snapshots.
        instance_only: bool,
        /// Whether a running one is copied as it is, where Incus would freeze it first.
        allow_inconsistent: bool,
    },
    /// Nothing: an empty root disk.
    Empty,
}

impl Source {
    /// An image of this server, by alias.
    #[must_use]
    pub fn alias(alias: impl Into<String>) -> Self {
        Self::Image { image: ImageName::Alias(alias.into()), server: None }
    }

    /// An image of this server, by fingerprint or a prefix of one.
    #[must_use]
    pub fn fingerprint(fingerprint: impl Into<String>) -> Self {
        Self::Image { image: ImageName::Fingerprint(fingerprint.into()), server: None }
    }

    /// The instance or snapshot of this project, without the snapshots of it.
    #[must_use]
    pub fn copy_of(instance: impl Into<String>) -> Self {
        Self::Copy { instance: instance.into(), project: None, instance_only: true, allow_inconsistent: false }
    }
}

/// How an image is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageName {
    /// A name that can move from image to image.
    Alias(String),
    /// SHA-256 of the image, as hex; a prefix is enough.
    Fingerprint(String),
}

/// An image server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageServer {
    /// `https://images.linuxcontainers.org`.
    pub url: String,
    /// `simplestreams` or `incus`.
    pub protocol: String,
    /// The server's own certificate as PEM, if no known authority has signed it.
    pub certificate: Option<String>,
}

/// `POST /1.0/instances`, in the form of the wire.
#[derive(Serialize)]
struct Wire<'a> {
    name: &'a str,
    description: &'a str,
    source: Map<String, Value>,
    config: &'a Config,
    devices: &'a Devices,
    #[serde(skip_serializing_if = "Option::is_none")]
    profiles: Option<&'a [String]>,
    ephemeral: bool,
    start: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Client {
    /// Creates a container, and starts it if asked for (`POST /1.0/instances`).
    ///
    /// Of simultaneous creates of one name one wins; how the others fail differs (at once or as an operation, with a
    /// conflict or without a code): after a failure ask [`Client::instance`] whose it is, and do not parse the message.
    pub async fn create_instance(&self, new: &NewInstance) -> Result<Operation> {
        self.start(&create(new)).await
    }
}

fn create(new: &NewInstance) -> Request {
    Request::post(["instances"], format!("create instance {}", new.name)).json(&Wire {
        name: &new.name,
        description: &new.description,
        source: source(&new.source),
        config: &new.config,
        devices: &new.devices,
        profiles: new.profiles.as_deref(),
        ephemeral: new.ephemeral,
        start: new.start,
        architecture: new.architecture.as_deref(),
        kind: "container",
    })
}

fn source(source: &Source) -> Map<String, Value> {
    let mut wire = Map::new();
    let mut set = |key: &str, value: Value| drop(wire.insert(key.to_owned(), value));
    match source {
        Source::Empty => set("type", json!("none")),
        Source::Copy { instance, project, instance_only, allow_inconsistent } => {
            set("type", json!("copy"));
            set("source", json!(instance));
            set("instance_only", json!(instance_only));
            if *allow_inconsistent {
                set("allow_inconsistent", json!(true));
            }
            if let Some(project) = project {
                set("project", json!(project));
            }
        }
        Source::Image { image, server } => {
            set("type", json!("image"));
            match image {
                ImageName::Alias(alias) => set("alias", json!(alias)),
                ImageName::Fingerprint(fingerprint) => set("fingerprint", json!(fingerprint)),
            }
            if let Some(server) = server {
                set("mode", json!("pull"));
                set("server", json!(server.url));
                set("protocol", json!(server.protocol));
                set("certificate", json!(server.certificate.as_deref().unwrap_or_default()));
            }
        }
    }
    wire
}

#[cfg(test)]
mod tests {
    use cci_incus_types::Disk;

    use super::*;

    fn body(new: &NewInstance) -> Value {
        create(new).body.object()
    }

    #[test]
    fn one_request_says_everything() {
        let mut new = NewInstance::new("c1", Source::alias("base"));
        new.config.insert("user.x".into(), "1".into());
        new.devices.insert("d".into(), Disk::default().into());
        new.profiles = Some(vec!["p".into()]);
        (new.ephemeral, new.start) = (true, true);

        assert_eq!(create(&new).target("default"), "/1.0/instances?project=default");
        assert_eq!(
            body(&new),
            json!({
                "name": "c1", "description": "", "type": "container",
                "source": {"type": "image", "alias": "base"},
                "config": {"user.x": "1"}, "devices": {"d": {"type": "disk"}},
                "profiles": ["p"], "ephemeral": true, "start": true,
            })
        );
    }

    #[test]
    fn no_profiles_is_not_the_default_profile() {
        let mut new = NewInstance::new("c1", Source::Empty);
        assert!(body(&new).get("profiles").is_none());
        new.profiles = Some(Vec::new());
        assert_eq!(body(&new)["profiles"], json!([]));
    }

    #[test]
    fn a_copy_names_what_it_copies() {
        let copy = NewInstance::new("c2", Source::copy_of("c1/snap0"));
        assert_eq!(body(&copy)["source"], json!({"type": "copy", "source": "c1/snap0", "instance_only": true}));
    }

    #[test]
    fn a_running_instance_is_copied_as_it_is_on_request() {
        let source =
            Source::Copy { instance: "c1".into(), project: None, instance_only: true, allow_inconsistent: true };
        assert_eq!(
            body(&NewInstance::new("c2", source))["source"],
            json!({"type": "copy", "source": "c1", "instance_only": true, "allow_inconsistent": true})
        );
    }

    #[test]
    fn a_remote_image_is_pulled() {
        let server = ImageServer { url: "https://i".into(), protocol: "simplestreams".into(), certificate: None };
        let image = Source::Image { image: ImageName::Alias("debian/12".into()), server: Some(server) };
        assert_eq!(
            body(&NewInstance::new("c1", image))["source"],
            json!({"type": "image", "alias": "debian/12", "mode": "pull", "server": "https://i",
                "protocol": "simplestreams", "certificate": ""})
        );
    }
}

//! Where layers come from: the files, the environment, the flags.

use std::path::{Path, PathBuf};

use cci_core::boundary::Boundary;
use cci_core::mount::Typed;
use cci_core::network::Mode;
use cci_core::settings::{Kind, MountEntry, Scalar};
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use figment::value::Value;

use super::expand::expand;
use super::layer::{Layer, Origin, Source, Values};
use crate::caller::Caller;

/// What the command line sets.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--image`
    pub image: Option<String>,
    /// `--persistent`
    pub persistent: Option<bool>,
    /// `--network`
    pub network: Option<Mode>,
    /// `--boundary`
    pub boundary: Option<Boundary>,
    /// `--mount`, as typed.
    pub mounts: Vec<String>,
    /// `--storage`
    pub storage: Option<PathBuf>,
    /// `--profile`
    pub profile: Option<String>,
    /// Whether it brings something into a container that a project may not decide about: variables, or a conversation.
    pub brings_credentials: bool,
    /// Whether files of the user's and the administrator's that the caller cannot read are passed over: who looks for the
    /// reason must not fail by it.
    pub passes_over_closed: bool,
}

/// The files of a run, low to high, whether they exist or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The administrator's file.
    pub system: PathBuf,
    /// The user's file.
    pub user: PathBuf,
    /// The project's file.
    pub project: PathBuf,
    /// The file of `--config` or `CCI_CONFIG`.
    pub extra: Option<PathBuf>,
}

/// Where to look for configuration.
#[must_use]
pub fn places(caller: &Caller, workspace: &Workspace, extra: Option<&Path>) -> Places {
    Places {
        system: PathBuf::from("/etc/cci/config.toml"),
        user: caller.config_dir().join("config.toml"),
        project: workspace.path().join(".cci.toml"),
        extra: extra.map(|extra| caller.current_dir.join(extra)),
    }
}

/// cci's own variables for keys, and the variables of the Incus tools for the same.
pub(super) fn environment(caller: &Caller) -> Result<Layer> {
    let mut layer = Layer::new(Source::Named("environment"));
    if let Some(image) = caller.var("CCI_IMAGE") {
        set(&mut layer.values, "defaults.image", image, "CCI_IMAGE");
    }
    if let Some(raw) = caller.var("CCI_PERSISTENT") {
        let persistent = match raw {
            "1" | "true" => true,
            "0" | "false" => false,
            other => return Err(wrong(format!("CCI_PERSISTENT: invalid value '{other}' (valid: true, false)"))),
        };
        set(&mut layer.values, "defaults.persistent", persistent, "CCI_PERSISTENT");
    }
    if let Some(raw) = caller.var("CCI_STORAGE_DIR") {
        let dir = host_path(raw, caller).map_err(|problem| wrong(format!("CCI_STORAGE_DIR: {problem}")))?;
        set(&mut layer.values, "paths.storage_dir", dir, "CCI_STORAGE_DIR");
    }
    if let Some(socket) = caller.var("INCUS_SOCKET") {
        set(&mut layer.values, "incus.socket", socket, "INCUS_SOCKET");
    }
    if let Some(project) = caller.var("INCUS_PROJECT") {
        set(&mut layer.values, "incus.project", project, "INCUS_PROJECT");
    }
    Ok(layer)
}

/// The flags, and the stand-in for the agent that tests ask for: nothing overrides them.
pub(super) fn flags(overrides: &Overrides, caller: &Caller) -> Result<Layer> {
    let mut layer = Layer::new(Source::Named("flags"));
    let values = &mut layer.values;
    if let Some(image) = &overrides.image {
        if !Kind::Text.takes(&Scalar::Text(image)) {
            return Err(Error::usage("--image needs a name"));
        }
        set(values, "defaults.image", image.as_str(), "--image");
    }
    if let Some(persistent) = overrides.persistent {
        set(values, "defaults.persistent", persistent, "--persistent");
    }
    if let Some(network) = overrides.network {
        set(values, "network.mode", network.word(), "--network");
    }
    if let Some(boundary) = overrides.boundary {
        set(values, "defaults.boundary", boundary.word(), "--boundary");
    }
    if let Some(storage) = &overrides.storage {
        let dir = host_path(&storage.to_string_lossy(), caller).map_err(Error::usage)?;
        set(values, "paths.storage_dir", dir, "--storage");
    }
    for raw in &overrides.mounts {
        mount(values, raw, caller)?;
    }
    if caller.var("CCI_USE_DUMMY") == Some("1") {
        set(values, "tool.binary", "dummy", "CCI_USE_DUMMY");
    }
    Ok(layer)
}

fn mount(values: &mut Values, raw: &str, caller: &Caller) -> Result<()> {
    let typed = Typed::parse(raw).map_err(|error| Error::usage(error.to_string()))?;
    let host = host_path(&typed.host, caller).map_err(Error::usage)?;
    let shown = format!("mounts.default.{}", typed.container);
    let is_second = values.origins.contains_key(&shown);
    if is_second {
        return Err(Error::usage(format!("mount conflict: container path {} is used twice", typed.container)));
    }
    let entry = MountEntry { host: host.into(), readonly: typed.readonly, optional: false };
    let value = Value::serialize(entry).map_err(|error| Error::Internal(error.to_string()))?;
    values.set("mounts.default", Some(&typed.container), value, origin("--mount"));
    Ok(())
}

/// A path on the command line or in the environment: expanded, and relative to the current directory.
fn host_path(raw: &str, caller: &Caller) -> Result<String, String> {
    let path = expand(raw, caller)?;
    Ok(Workspace::resolve(&caller.current_dir, &path).path().to_string_lossy().into_owned())
}

fn set(values: &mut Values, path: &str, value: impl Into<Value>, name: &'static str) {
    values.set(path, None, value.into(), origin(name));
}

fn origin(name: &'static str) -> Origin {
    Origin { source: Source::Named(name), place: None }
}

fn wrong(problem: String) -> Error {
    Error::Config { problem, hint: None }
}

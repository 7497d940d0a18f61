//! The stack of layers, low to high, by figment.

use std::path::{Path, PathBuf};

use cci_core::network::Mode;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};

use crate::host::caller::Caller;

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) image: Option<String>,
    pub(crate) persistent: Option<bool>,
    pub(crate) network: Option<Mode>,
}

/// The merged settings of this run.
pub(crate) fn load(
    caller: &Caller,
    workspace: &Workspace,
    extra: Option<&Path>,
    overrides: &Overrides,
) -> Result<Settings> {
    let mut stack = Figment::from(Serialized::defaults(Settings::default()));
    for file in files(caller, workspace) {
        stack = stack.merge(Toml::file(file));
    }
    if let Some(extra) = extra {
        if !extra.is_file() {
            return Err(Error::Config {
                problem: format!("configuration file {} not found", extra.display()),
                hint: None,
            });
        }
        stack = stack.merge(Toml::file_exact(extra));
    }
    let settings: Settings = stack.extract().map_err(|error| refused(&error))?;
    apply_environment(settings, caller).map(|settings| apply(settings, overrides))
}

fn files(caller: &Caller, workspace: &Workspace) -> [PathBuf; 3] {
    [
        PathBuf::from("/etc/cci/config.toml"),
        caller.home.join(".config/cci/config.toml"),
        workspace.path().join(".cci.toml"),
    ]
}

fn apply_environment(mut settings: Settings, caller: &Caller) -> Result<Settings> {
    if let Some(image) = caller.var("CCI_IMAGE") {
        image.clone_into(&mut settings.defaults.image);
    }
    match caller.var("CCI_PERSISTENT") {
        None => {}
        Some("1" | "true") => settings.defaults.persistent = true,
        Some("0" | "false") => settings.defaults.persistent = false,
        Some(other) => {
            return Err(Error::Config {
                problem: format!("CCI_PERSISTENT: invalid value '{other}' (valid: true, false)"),
                hint: None,
            });
        }
    }
    if caller.var("CCI_USE_DUMMY") == Some("1") {
        settings.tool.binary = Some("dummy".into());
    }
    Ok(settings)
}

fn apply(mut settings: Settings, overrides: &Overrides) -> Settings {
    if let Some(image) = &overrides.image {
        settings.defaults.image.clone_from(image);
    }
    if let Some(persistent) = overrides.persistent {
        settings.defaults.persistent = persistent;
    }
    if let Some(network) = overrides.network {
        settings.network.mode = network;
    }
    settings
}

fn refused(error: &figment::Error) -> Error {
    let source = error.metadata.as_ref().and_then(|metadata| metadata.source.as_ref());
    let place = source.map(|source| format!("{source}: ")).unwrap_or_default();
    let key = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path.join(".")) };
    Error::Config { problem: format!("{place}{key}{}", error.kind), hint: None }
}

//! Merges layers: a higher value replaces a lower one.

use cci_core::settings::Settings;
use cci_core::{Error, Result};
use figment::Figment;
use figment::providers::Serialized;

use super::layer::{Layer, Values};
use super::profile;

/// The merged layers, with a profile on top.
pub(super) fn merged(layers: &[&Layer], profile: Option<&str>) -> Result<Settings> {
    extracted(stacked(layers, profile)?)
}

/// The values of some layers, low to high, with those of a profile on top.
pub(super) fn stacked<'a>(layers: &[&'a Layer], profile: Option<&str>) -> Result<Vec<&'a Values>> {
    let mut values: Vec<&Values> = layers.iter().map(|layer| &layer.values).collect();
    if let Some(name) = profile {
        values.extend(profile::chain(name, layers)?);
    }
    Ok(values)
}

/// The settings that result from values, low to high.
pub(super) fn extracted(values: Vec<&Values>) -> Result<Settings> {
    let start = Figment::from(Serialized::defaults(Settings::default()));
    let stack = values.into_iter().fold(start, |stack, values| stack.merge(Serialized::defaults(&values.dict)));
    // every value was checked when it was read
    stack.extract().map_err(|error| Error::Internal(format!("the settings do not fit together: {error}")))
}

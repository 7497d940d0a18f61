//! Names of images, as they are typed and shown.

use cci_core::{Error, Result};

/// A name that an image can have, and that cannot be taken for a remote's.
pub(super) fn image_name(name: &str) -> Result<String> {
    if name.is_empty() || name.contains([':', ' ']) {
        return Err(Error::usage(format!("invalid image name '{name}'")));
    }
    Ok(name.to_owned())
}

/// As much of a fingerprint as Incus shows.
pub(super) fn short_fingerprint(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

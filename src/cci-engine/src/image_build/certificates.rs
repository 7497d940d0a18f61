//! The certificates that the host's administrator added, for the container behind the same TLS proxy.

use std::path::Path;

use cci_core::build::files::{self, GuestFile};
use cci_core::settings::BuildSettings;
use cci_core::{Error, Result};

/// Where Debian and its relatives keep them.
const DIRECTORY: &str = "/usr/local/share/ca-certificates";

/// All of them; none if the host has none or the settings do not want them in the image.
pub(crate) async fn of_the_host(settings: &BuildSettings) -> Result<Vec<GuestFile>> {
    in_directory(Path::new(DIRECTORY), settings).await
}

pub(crate) async fn in_directory(path: &Path, settings: &BuildSettings) -> Result<Vec<GuestFile>> {
    if !settings.host_ca {
        return Ok(Vec::new());
    }
    let Ok(mut directory) = tokio::fs::read_dir(path).await else {
        return Ok(Vec::new());
    };
    let unreadable = |path: &Path, source| Error::Host { step: "read", path: path.to_owned(), source };
    let mut found = Vec::new();
    while let Some(entry) = directory.next_entry().await.map_err(|error| unreadable(path, error))? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // a name is checked before the file is read
        if files::certificate(&name, Vec::new()).is_none() {
            continue;
        }
        let path = entry.path();
        let content = tokio::fs::read(&path).await.map_err(|error| unreadable(&path, error))?;
        found.extend(files::certificate(&name, content));
    }
    Ok(found)
}

//! A small file of the store's own: whole or not there.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::{Result, at};

/// Writes a file in one step, for its owner only.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    let staged = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&staged).map_err(at("make", &staged))?;
    file.write_all(content).map_err(at("write", &staged))?;
    fs::rename(&staged, path).map_err(at("name", path))
}

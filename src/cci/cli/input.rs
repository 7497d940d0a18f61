//! A file that the command line names; `-` is the standard input.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::Path;

use cci_core::workspace::Workspace;
use cci_engine::site::host_path;
use cci_guest::GuestText;

/// The file name that means standard input.
const STDIN: &str = "-";

pub(super) fn is_stdin(file: &Path) -> bool {
    file == Path::new(STDIN)
}

/// Its name in a message.
pub(super) fn shown(file: &Path) -> String {
    if is_stdin(file) { "the standard input".to_owned() } else { GuestText::new(file).to_string() }
}

/// The standard input, at most this many bytes of it.
pub(super) fn standard_input(most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file, at most this many bytes of it. It is opened before it is checked, so that the file read is the one that was checked.
pub(super) fn of_file(path: &Path, workspace: &Workspace, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let place = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if host_path::leads_out(path, &place, &host_path::real(workspace.path())) {
        return Err(io::Error::other("it is in the workspace, and a link leads out of it"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

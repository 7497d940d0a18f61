//! Finds the local daemon's own stop hook, from its process and from LXC's configuration.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cci_core::stop_hook::{StopHook, is_worth_it};

/// The directory of a daemon on the host. Another socket may belong to a forwarder, which a hook that runs long after
/// this process may not find any more; then Incus would wait for the container's end forever.
const DIRECTORY: &str = "/var/lib/incus";

/// The hook of the daemon with this process id behind this socket; `None` if anything is not as expected.
pub fn find(daemon: u32, socket: &Path, project: &str) -> Option<StopHook> {
    let program = program(daemon)?;
    let prefix = program.ancestors().find(|dir| dir.join("share/lxc/config").is_dir())?;
    let added = files_in(&prefix.join("share/lxc/config/common.conf.d"));
    let own = fs::canonicalize(socket).ok()? == Path::new(DIRECTORY).join("unix.socket");
    let worth_it = own && is_worth_it(added.iter().map(String::as_str));
    if worth_it { StopHook::new(&program, Path::new(DIRECTORY), project) } else { None }
}

/// The program of a root process, by the name it was started with: only root may read what its link points to.
fn program(pid: u32) -> Option<PathBuf> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let arguments = fs::read(process.join("cmdline")).ok()?;
    let program = PathBuf::from(String::from_utf8(arguments.split(|byte| *byte == 0).next()?.to_vec()).ok()?);
    let meta = fs::metadata(&program).ok()?;
    let of_root = fs::metadata(process).ok()?.uid() == 0 && meta.uid() == 0;
    let is_daemon = program.is_absolute() && program.ends_with("incusd") && meta.permissions().mode() & 0o111 != 0;
    (of_root && is_daemon).then_some(program)
}

/// What LXC reads from a directory.
fn files_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let read = entries.filter(|path| path.extension().is_some_and(|extension| extension == "conf"));
    read.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

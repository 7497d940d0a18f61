//! Finds what the configured mounts are on this host, and refuses what containers never see.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use cci_core::mount::{self, Mount, MountError, PROTECTED, Protected, STORAGE};
use cci_core::{Error, Result};
use rustix::fs::Access;

use crate::app::context::Context;
use crate::host::incus_socket;

/// The mounts of a launch, the storage directory last.
pub(crate) fn resolved(cx: &Context) -> Result<Vec<Mount>> {
    let protected = protected(cx);
    let mut mounts = Vec::new();
    for (container, entry) in &cx.settings.mounts.default {
        let wanted = cx.workspace.path().join(&entry.host);
        if entry.optional && !wanted.exists() {
            continue;
        }
        let host = usable(&wanted, &protected)?;
        let container = mount::container_path(container).map_err(refused)?;
        mounts.push(Mount { device: format!("mount-{}", mounts.len()), host, container, readonly: entry.readonly });
    }
    if let Some(dir) = &cx.settings.paths.storage_dir {
        let host = storage(dir, &protected)?;
        mounts.push(Mount { device: "storage".into(), host, container: STORAGE.into(), readonly: false });
    }
    mount::check_places(&mounts, &real(cx.workspace.path())).map_err(refused)?;
    Ok(mounts)
}

/// A path with all links resolved; itself where it does not exist.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The resolved place of something that exists, may be read, and may be mounted.
fn usable(path: &Path, protected: &[Protected]) -> Result<PathBuf> {
    let unusable =
        |problem: String| Error::Config { problem: format!("cannot mount {}: {problem}", path.display()), hint: None };
    let host = path.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => unusable("it does not exist".into()),
        _ => unusable(error.to_string()),
    })?;
    mount::check_host(&host, protected).map_err(refused)?;
    let meta = host.metadata().map_err(|error| unusable(error.to_string()))?;
    if !meta.is_dir() && !meta.is_file() {
        return Err(unusable("it is neither a directory nor a file".into()));
    }
    rustix::fs::access(&host, Access::READ_OK).map_err(|_| unusable("it cannot be read by this user".into()))?;
    Ok(host)
}

/// The storage directory, made if it is missing, for this user only; its place is judged before anything is made.
fn storage(dir: &Path, protected: &[Protected]) -> Result<PathBuf> {
    let there = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let missing = dir.strip_prefix(there).unwrap_or(Path::new(""));
    mount::check_host(&real(there).join(missing), protected).map_err(refused)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::Host { step: "create", path: dir.to_owned(), source })?;
    usable(dir, protected)
}

fn protected(cx: &Context) -> Vec<Protected> {
    let home = real(&cx.caller.home);
    let closed = |path: PathBuf, below: bool| Protected { path: real(&path), below, except: None };
    let cci = real(&cx.cci_dir());
    let mut protected = vec![
        closed(home.clone(), false),
        closed(home.join(".ssh"), true),
        closed(home.join(".claude"), true),
        closed(home.join(".config/cci"), true),
        closed(incus_socket::path(&cx.caller, &cx.settings), true),
        Protected { except: Some(cci.join("storage")), path: cci, below: true },
    ];
    let of_every_host = PROTECTED.iter().filter(|path| !home.starts_with(path));
    protected.extend(of_every_host.map(|path| closed(PathBuf::from(path), true)));
    protected
}

fn refused(error: MountError) -> Error {
    Error::Usage { problem: error.to_string(), hint: None }
}

//! Finds what the configured mounts are on this host, and refuses what containers never see.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use cci_core::mount::{self, Mount, MountError, PROTECTED, Protected, STORAGE};
use cci_core::pin::Identity;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;
use cci_core::{Error, GuestText, Result};
use rustix::fs::{Access, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::app::context::Context;
use crate::host::caller::Caller;
use crate::host::incus_socket;

/// The mounts of a launch, the storage directory last.
pub(crate) fn resolved(settings: &Settings, workspace: &Workspace, caller: &Caller) -> Result<Vec<Mount>> {
    let (protected, root) = (protected(settings, caller), real(workspace.path()));
    let mut mounts = Vec::new();
    for (container, entry) in &settings.mounts.default {
        let wanted = Workspace::resolve(workspace.path(), &entry.host);
        if entry.optional && !wanted.path().exists() {
            continue;
        }
        let (host, identity) = usable(wanted.path(), &protected)?;
        stays_inside(wanted.path(), &host, &root)?;
        let container = mount::container_path(container).map_err(|error| refused(&error))?;
        let device = format!("mount-{}", mounts.len());
        mounts.push(Mount { device, host, container, readonly: entry.readonly, identity });
    }
    if let Some(dir) = &settings.paths.storage_dir {
        let (host, identity) = storage(dir, &protected)?;
        mounts.push(Mount { device: "storage".into(), host, container: STORAGE.into(), readonly: false, identity });
    }
    mount::check_places(&mounts, &root).map_err(|error| refused(&error))?;
    Ok(mounts)
}

/// The resolved place of a host directory that a container may see, and the path it gets there.
pub(crate) fn mountable(cx: &Context, source: &Path, path: &str) -> Result<(PathBuf, String)> {
    let (host, _) = usable(&cx.caller.current_dir.join(source), &protected(&cx.settings, &cx.caller))?;
    let container = mount::container_path(path).map_err(|error| refused(&error))?;
    Ok((host, container))
}

/// A path with all links resolved; itself where it does not exist.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What lies in the workspace is the container's to change: a link there never leads a mount out of it.
fn stays_inside(wanted: &Path, host: &Path, root: &Path) -> Result<()> {
    let begins_inside = wanted.ancestors().any(|above| real(above).starts_with(root));
    if host.starts_with(root) || !begins_inside {
        return Ok(());
    }
    let (wanted, host) = (GuestText::new(wanted), GuestText::new(host));
    let problem = format!("cannot mount {wanted}: it leads out of the workspace, to {host}");
    Err(Error::Config { problem, hint: Some("name that place itself, in a configuration file of your own".into()) })
}

/// The resolved place of something that exists, may be read, and may be mounted; and what is there, seen at once, so
/// that nothing can be put in its place in between.
fn usable(path: &Path, protected: &[Protected]) -> Result<(PathBuf, Identity)> {
    let unusable = |problem: String| Error::Config {
        problem: format!("cannot mount {}: {problem}", GuestText::new(path)),
        hint: None,
    };
    let opened = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let there = opened.map_err(|error| match error {
        Errno::NOENT => unusable("it does not exist".into()),
        other => unusable(io::Error::from(other).to_string()),
    })?;
    let host = fs::read_link(format!("/proc/self/fd/{}", there.as_raw_fd()));
    let host = host.map_err(|error| unusable(error.to_string()))?;
    mount::check_host(&host, protected).map_err(|error| refused(&error))?;
    let stat = rustix::fs::fstat(&there).map_err(|error| unusable(io::Error::from(error).to_string()))?;
    if !matches!(FileType::from_raw_mode(stat.st_mode), FileType::Directory | FileType::RegularFile) {
        return Err(unusable("it is neither a directory nor a file".into()));
    }
    rustix::fs::access(&host, Access::READ_OK).map_err(|_| unusable("it cannot be read by this user".into()))?;
    Ok((host, Identity { device: stat.st_dev, inode: stat.st_ino }))
}

/// The storage directory, made if it is missing, for this user only; its place is judged before anything is made.
fn storage(dir: &Path, protected: &[Protected]) -> Result<(PathBuf, Identity)> {
    let there = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let missing = dir.strip_prefix(there).unwrap_or(Path::new(""));
    mount::check_host(&real(there).join(missing), protected).map_err(|error| refused(&error))?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::Host { step: "create", path: dir.to_owned(), source })?;
    usable(dir, protected)
}

fn protected(settings: &Settings, caller: &Caller) -> Vec<Protected> {
    let home = real(&caller.home);
    let closed = |path: PathBuf, below: bool| Protected { path: real(&path), below, except: None };
    let cci = real(&home.join(".cci"));
    let mut protected = vec![
        closed(home.clone(), false),
        closed(home.join(".ssh"), true),
        closed(home.join(".claude"), true),
        closed(home.join(".config/cci"), true),
        closed(incus_socket::path(caller, settings), true),
        Protected { except: Some(cci.join("storage")), path: cci, below: true },
    ];
    let of_every_host = PROTECTED.iter().filter(|path| !home.starts_with(path));
    protected.extend(of_every_host.map(|path| closed(PathBuf::from(path), true)));
    protected
}

fn refused(error: &MountError) -> Error {
    Error::Usage { problem: error.to_string(), hint: None }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use cci_core::settings::MountEntry;

    use super::*;

    struct World {
        dir: tempfile::TempDir,
        settings: Settings,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
            for path in ["home/.ssh", "home/.claude", "home/.cci", "home/data", "proj/.git/hooks"] {
                fs::create_dir_all(dir.path().join(path)).unwrap();
            }
            Self { dir, settings: Settings::default() }
        }

        fn mount(mut self, host: &str, container: &str, readonly: bool, optional: bool) -> Self {
            let entry =
                MountEntry { host: host.replace('~', self.home().to_str().unwrap()).into(), readonly, optional };
            self.settings.mounts.default.insert(container.to_owned(), entry);
            self
        }

        fn home(&self) -> PathBuf {
            self.dir.path().join("home")
        }

        fn resolved(&self) -> Result<Vec<Mount>> {
            let caller = Caller::for_test(self.home(), &[]);
            resolved(&self.settings, &Workspace::at(self.dir.path().join("proj")), &caller)
        }

        fn refusal(&self) -> String {
            let error = self.resolved().expect_err("nothing was refused");
            assert_eq!(error.exit(), 2, "{error}");
            error.to_string().replace(self.dir.path().to_str().unwrap(), "")
        }
    }

    #[test]
    fn what_containers_never_see_is_refused_also_behind_links() {
        let of = |host: &str| World::new().mount(host, "/x", true, false).refusal();
        for host in [
            "/",
            "~",
            "~/.ssh",
            "~/.cci",
            "~/.claude",
            "~/..",
            "/etc",
            "/etc/ssl",
            "/proc",
            "/sys",
            "/run",
            "/dev",
            "/proc/self/root",
            "/var",
            "/proc/self/root/etc",
        ] {
            assert!(of(host).starts_with("cannot mount "), "{host}: {}", of(host));
        }
        let world = World::new().mount("~/link", "/x", false, false);
        symlink(world.home().join(".ssh"), world.home().join("link")).unwrap();
        assert_eq!(world.refusal(), "cannot mount /home/.ssh into a container: containers never see it");
        let world = World::new().mount("~/socket", "/x", false, false);
        let _listener = std::os::unix::net::UnixListener::bind(world.home().join("socket")).unwrap();
        assert_eq!(world.refusal(), "cannot mount /home/socket: it is neither a directory nor a file");
    }

    #[test]
    fn a_link_in_the_workspace_never_leads_a_mount_out_of_it() {
        let world = World::new().mount("out", "/x", false, false);
        symlink(world.home().join("data"), world.dir.path().join("proj/out")).unwrap();
        assert_eq!(world.refusal(), "cannot mount /proj/out: it leads out of the workspace, to /home/data");
        let world = World::new().mount("deep/down", "/x", false, false);
        symlink(world.home(), world.dir.path().join("proj/deep")).unwrap();
        fs::create_dir(world.home().join("down")).unwrap();
        assert!(world.refusal().contains("leads out of the workspace"), "{}", world.refusal());
        let world = World::new().mount("in", "/x", false, false);
        symlink(".git/hooks", world.dir.path().join("proj/in")).unwrap();
        assert_eq!(world.resolved().unwrap()[0].host, real(&world.dir.path().join("proj/.git/hooks")));
        // what no link decides is a place like any other
        assert!(World::new().mount("../home/data", "/x", false, false).resolved().is_ok());
    }

    #[test]
    fn what_is_mounted_is_known_by_what_it_is() {
        let world = World::new().mount("~/data", "/x", false, false);
        let meta = fs::metadata(world.home().join("data")).unwrap();
        let identity = Identity { device: meta.dev(), inode: meta.ino() };
        assert_eq!(world.resolved().unwrap()[0].identity, identity);
    }

    #[test]
    fn a_typo_is_an_error_and_makes_nothing() {
        let world = World::new().mount("~/dtaa", "/x", false, false);
        assert_eq!(world.refusal(), "cannot mount /home/dtaa: it does not exist");
        assert!(!world.home().join("dtaa").exists());
        assert_eq!(World::new().mount("~/dtaa", "/x", false, true).resolved().unwrap(), []);
    }

    #[test]
    fn the_storage_directory_is_made_for_this_user_only() {
        let mut world = World::new().mount("~/data", "/data", false, false);
        world.settings.paths.storage_dir = Some(world.home().join(".cci/storage/deep"));
        let mounts = world.resolved().unwrap();
        let shown: Vec<(&str, &str)> = mounts.iter().map(|m| (m.device.as_str(), m.container.as_str())).collect();
        assert_eq!(shown, [("mount-0", "/data"), ("storage", "/storage")]);
        let mode = fs::metadata(world.home().join(".cci/storage/deep")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        world.settings.paths.storage_dir = Some(world.home().join(".ssh/storage"));
        assert_eq!(world.refusal(), "cannot mount /home/.ssh/storage into a container: it is in /home/.ssh");
        assert!(!world.home().join(".ssh/storage").exists(), "it was judged before it was made");
    }

    #[test]
    fn a_part_of_the_workspace_can_be_closed() {
        let world = World::new().mount(".git/hooks", "/workspace/.git/hooks", true, true);
        assert_eq!(world.resolved().unwrap()[0].host, real(&world.dir.path().join("proj/.git/hooks")));
        let other = World::new().mount("~/data", "/workspace/.git/hooks", true, false);
        assert!(other.refusal().contains("is nested in /workspace"), "{}", other.refusal());
    }
}

//! Resolves the configured mounts on this host, and refuses what containers never see.

use std::path::PathBuf;

use cci_core::Result;
use cci_core::environment;
use cci_core::mount::{self, Mount, STORAGE};
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;

use super::{ensure, same_path};
use crate::site::host_path::{judged, protected, real, refused, stays_inside};
use cci_host::caller::Caller;

/// The mounts of a launch, the storage directory last; `others` are the caller's workspaces besides this one.
pub(crate) fn resolved(
    settings: &Settings,
    workspace: &Workspace,
    others: &[PathBuf],
    caller: &Caller,
) -> Result<Vec<Mount>> {
    let (protected, root) = (protected(settings, caller), real(workspace.path()));
    let roots = || others.iter().chain([&root]);
    let mut mounts = Vec::new();
    for (container, entry) in &settings.mounts.default {
        let wanted = Workspace::resolve(workspace.path(), &entry.host);
        if entry.optional && !wanted.path().exists() {
            continue;
        }
        let source = judged(wanted.path(), &protected)?;
        roots().try_for_each(|root| stays_inside(wanted.path(), source.path(), root))?;
        let container = mount::container_path(container).map_err(|error| refused(&error))?;
        let device = format!("mount-{}", mounts.len());
        mounts.push(Mount { device, source, container, readonly: entry.readonly });
    }
    if let Some(dir) = &settings.paths.storage_dir {
        let source = ensure::storage(dir, &protected)?;
        roots().try_for_each(|root| stays_inside(dir, source.path(), root))?;
        mounts.push(Mount { device: "storage".into(), source, container: STORAGE.into(), readonly: false });
    }
    mounts.extend(same_path::mounted(settings, workspace, &protected)?);
    let state = environment::state(settings.tool.agent());
    mount::check_places(&mounts, &root, &state).map_err(|error| refused(&error))?;
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use cci_agent::{Agent, agents};
    use cci_core::settings::MountEntry;

    use super::*;

    struct World {
        dir: tempfile::TempDir,
        settings: Settings,
    }

    fn of_agents() -> impl Iterator<Item = &'static str> {
        agents().flat_map(Agent::protected).copied()
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
            for path in ["home/.ssh", "home/.cci", "home/data", "proj/.git/hooks", "other/in"] {
                fs::create_dir_all(dir.path().join(path)).unwrap();
            }
            for place in of_agents() {
                fs::create_dir_all(dir.path().join("home").join(place)).unwrap();
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
            let others = [real(&self.dir.path().join("other"))];
            resolved(&self.settings, &Workspace::at(self.dir.path().join("proj")), &others, &caller)
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
        for place in of_agents() {
            let host = format!("~/{place}");
            let refusal = format!("cannot mount /home/{place} into a container: containers never see it");
            assert_eq!(of(&host), refusal);
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
        assert_eq!(
            world.refusal(),
            "cannot mount /proj/out: it leads out of the workspace or mount /proj, to /home/data"
        );
        let world = World::new().mount("deep/down", "/x", false, false);
        symlink(world.home(), world.dir.path().join("proj/deep")).unwrap();
        fs::create_dir(world.home().join("down")).unwrap();
        assert!(world.refusal().contains("leads out of the workspace"), "{}", world.refusal());
        let world = World::new().mount("in", "/x", false, false);
        symlink(".git/hooks", world.dir.path().join("proj/in")).unwrap();
        assert_eq!(world.resolved().unwrap()[0].source.path(), real(&world.dir.path().join("proj/.git/hooks")));
        // other workspaces' containers also plant links
        let world = World::new().mount("../other/planted", "/x", false, false);
        symlink(world.home().join("data"), world.dir.path().join("other/planted")).unwrap();
        assert!(world.refusal().contains("leads out of the workspace"), "{}", world.refusal());
        assert!(World::new().mount("../other/in", "/x", false, false).resolved().is_ok());
        // without a link it is a place like any other
        assert!(World::new().mount("../home/data", "/x", false, false).resolved().is_ok());
    }

    #[test]
    fn what_is_mounted_is_known_by_what_it_is() {
        let world = World::new().mount("~/data", "/x", false, false);
        let meta = fs::metadata(world.home().join("data")).unwrap();
        let identity = world.resolved().unwrap()[0].source.identity();
        assert_eq!((identity.device, identity.inode), (meta.dev(), meta.ino()));
        let born = meta.created().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(u64::try_from(identity.born.seconds), Ok(born.as_secs()));
        assert_eq!(identity.born.nanoseconds, born.subsec_nanos());
    }

    #[test]
    fn a_typo_is_an_error_and_creates_nothing() {
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
        assert!(!world.home().join(".ssh/storage").exists(), "it was checked before it was created");
    }

    #[test]
    fn a_part_of_the_workspace_can_be_closed() {
        let world = World::new().mount(".git/hooks", "/workspace/.git/hooks", true, true);
        assert_eq!(world.resolved().unwrap()[0].source.path(), real(&world.dir.path().join("proj/.git/hooks")));
        let other = World::new().mount("~/data", "/workspace/.git/hooks", true, false);
        assert!(other.refusal().contains("is nested in /workspace"), "{}", other.refusal());
    }
}

//! Where in a container something may be mounted: nowhere that would hide what it needs, and at each place once.

use std::path::Path;

use cci_guest::layout::{HOME, WORKSPACE};

use super::{Mount, MountError};

/// Directories of the image in which nothing is mounted.
const SYSTEM: [&str; 13] =
    ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr"];
/// Directories that may not be hidden, though something may be mounted in them.
const SHARED: [&str; 9] = ["/tmp", "/var", "/var/lib", "/var/log", "/var/tmp", "/var/run", "/opt", HOME, WORKSPACE];

/// Whether mounts at these places leave the container what it needs and do not collide.
///
/// A part of the workspace may be mounted again on its own place: read-only it is closed to the agent, and in any case
/// nobody in the container can rename or remove it. So `.git/hooks` is kept from the agent, and `.git` around it.
/// `state` is where the container has the conversation.
pub fn check_places(mounts: &[Mount], workspace: &Path, state: &str) -> Result<(), MountError> {
    let (own, others): (Vec<&Mount>, Vec<&Mount>) = mounts.iter().partition(|mount| is_in_place(mount, workspace));
    let places = |mounts: &[&Mount]| mounts.iter().map(|mount| mount.container.clone()).collect::<Vec<_>>();
    let (own, others) = (places(&own), places(&others));
    others.iter().try_for_each(|place| check_place(place))?;
    let fixed = [WORKSPACE.to_owned(), state.to_owned()];
    let all: Vec<&String> = fixed.iter().chain(&own).chain(&others).collect();
    let first_other = fixed.len() + own.len();
    for (index, place) in all.iter().enumerate().skip(first_other) {
        all[..index].iter().try_for_each(|before| collide(place, before))?;
    }
    match own.iter().enumerate().find(|(index, place)| own[..*index].contains(place)) {
        Some((_, twice)) => Err(MountError::Equal(twice.clone())),
        None => Ok(()),
    }
}

/// Whether something may be mounted at a place, as far as that place itself says.
pub fn check_place(place: &str) -> Result<(), MountError> {
    let path = Path::new(place);
    let hides = |hidden: &str| MountError::Hides { path: place.to_owned(), hidden: hidden.to_owned() };
    if let Some(system) = SYSTEM.iter().find(|system| path.starts_with(system)) {
        return Err(hides(&format!("the system directory {system}")));
    }
    match SHARED.iter().chain(&SYSTEM).find(|shared| Path::new(shared).starts_with(path)) {
        Some(hidden) => Err(hides(hidden)),
        None => Ok(()),
    }
}

/// Whether a mount is of a part of the workspace, in its own place.
fn is_in_place(mount: &Mount, workspace: &Path) -> bool {
    let below = Path::new(&mount.container).strip_prefix(WORKSPACE);
    below.is_ok_and(|below| below != Path::new("") && workspace.join(below) == mount.source.path())
}

/// Whether two places in a container are neither equal nor one in the other.
pub fn collide(one: &str, other: &str) -> Result<(), MountError> {
    if one == other {
        return Err(MountError::Equal(one.to_owned()));
    }
    let nested = |inner: &str, outer: &str| MountError::Nested { inner: inner.to_owned(), outer: outer.to_owned() };
    if Path::new(one).starts_with(other) {
        return Err(nested(one, other));
    }
    if Path::new(other).starts_with(one) { Err(nested(other, one)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_disk::HostPath;
    use crate::idmap::Ids;
    use crate::mount::container_path;
    use crate::pin::{Birth, Identity};

    fn check_places(mounts: &[Mount], workspace: &Path) -> Result<(), MountError> {
        super::check_places(mounts, workspace, "/home/code/.agent")
    }

    fn mount(host: &str, container: &str, readonly: bool) -> Mount {
        let identity = Identity { device: 1, inode: 2, born: Birth::default() };
        let source = HostPath::new(Path::new(host), identity, Ids { uid: 1000, gid: 1000 }).unwrap();
        Mount { device: "mount-0".into(), source, container: container_path(container).unwrap(), readonly }
    }

    #[test]
    fn what_the_container_needs_is_not_hidden() {
        let proj = Path::new("/home/u/proj");
        let closed = [
            "/",
            "/home",
            "/home/code",
            "/workspace",
            "/etc",
            "/etc/x",
            "/usr/local/x",
            "/proc/x",
            "/var",
            "/var/lib",
            "/tmp",
            "/dev/shm",
            "/run/x",
            "/root/.ssh",
            "/home/code/.agent",
            "/home/code/.agent/x",
            "/workspace/x",
        ];
        for path in closed {
            assert!(check_places(&[mount("/srv/x", path, false)], proj).is_err(), "{path}");
        }
        for path in ["/data", "/home/code/data", "/var/lib/postgresql", "/tmp/x", "/opt/x", "/mnt"] {
            assert_eq!(check_places(&[mount("/srv/x", path, false)], proj), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_part_of_the_workspace_is_mounted_again_only_on_its_own_place() {
        let proj = Path::new("/home/u/proj");
        let own = mount("/home/u/proj/.git/hooks", "/workspace/.git/hooks", true);
        let around = mount("/home/u/proj/.git", "/workspace/.git", false);
        assert_eq!(check_places(&[own.clone(), around], proj), Ok(()));
        assert!(check_places(&[own.clone(), own.clone()], proj).is_err());
        assert!(check_places(&[mount("/home/u/proj", "/workspace", true)], proj).is_err());
        assert!(check_places(&[Mount { source: mount("/home/u/proj/x", "/x", true).source, ..own }], proj).is_err());
    }

    #[test]
    fn two_mounts_do_not_share_a_place() {
        let places = |one: &str, two: &str| {
            check_places(&[mount("/srv/1", one, false), mount("/srv/2", two, false)], Path::new("/p"))
                .map_err(|error| error.to_string())
        };
        assert_eq!(places("/data", "/data2"), Ok(()));
        assert_eq!(places("/data", "/data/"), Err("mount conflict: container path /data is used twice".into()));
        let nested = "mount conflict: container path /data/x is nested in /data";
        assert_eq!(places("/data", "/data/x"), Err(nested.into()));
        assert_eq!(places("/data/x", "/data"), Err(nested.into()));
    }
}

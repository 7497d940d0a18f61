//! Host directories in a container: how they are written, and what may not be mounted from where or to where.

use std::path::{Component, Path, PathBuf};

use cci_guest::GuestText;
use cci_guest::layout::{HOME, WORKSPACE};

use crate::host_disk::HostPath;

/// Where the storage directory is mounted.
pub const STORAGE: &str = "/storage";

/// A directory or file of the host that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device's name in Incus.
    pub device: String,
    /// The place on the host.
    pub source: HostPath,
    /// The place in the container.
    pub container: String,
    /// Whether the container may only read it.
    pub readonly: bool,
}

/// Why something cannot be mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// The text is not of the form.
    #[error("invalid mount '{0}' (the form is HOST:CONTAINER, or HOST:CONTAINER:ro)")]
    Form(String),
    /// The container path is not absolute, or goes up.
    #[error("invalid container path '{0}': it must be absolute and without `..`")]
    ContainerPath(String),
    /// The mount would hide something that the container needs.
    #[error("cannot mount at {path} in the container: it would hide {hidden}")]
    Hides {
        /// The container path.
        path: String,
        /// What would be hidden.
        hidden: String,
    },
    /// The host path is, holds, or lies in something that containers never see.
    #[error("cannot mount {} into a container: {reason}", GuestText::new(host))]
    Protected {
        /// The place on the host, resolved.
        host: PathBuf,
        /// What it is.
        reason: String,
    },
    /// Two mounts want the same place.
    #[error("mount conflict: container path {0} is used twice")]
    Equal(String),
    /// One mount lies in the other.
    #[error("mount conflict: container path {inner} is nested in {outer}")]
    Nested {
        /// The longer path.
        inner: String,
        /// The shorter one.
        outer: String,
    },
}

/// A mount as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The host path as it is typed.
    pub host: String,
    /// The path in the container.
    pub container: String,
    /// Whether the container may only read it.
    pub readonly: bool,
}

impl Typed {
    /// Reads `HOST:CONTAINER[:ro]`; the host path may itself have colons.
    pub fn parse(raw: &str) -> Result<Self, MountError> {
        let form = || MountError::Form(raw.to_owned());
        let (rest, readonly) = match raw.strip_suffix(":ro") {
            Some(rest) => (rest, true),
            None => (raw.strip_suffix(":rw").unwrap_or(raw), false),
        };
        let (host, container) = rest.rsplit_once(':').ok_or_else(form)?;
        if host.is_empty() || container.is_empty() {
            return Err(form());
        }
        Ok(Self { host: host.to_owned(), container: container_path(container)?, readonly })
    }
}

/// A container path in its one spelling: absolute, without `.`, `..`, doubled or trailing slashes.
pub fn container_path(raw: &str) -> Result<String, MountError> {
    let wrong = || MountError::ContainerPath(raw.to_owned());
    if !raw.starts_with('/') || raw.chars().any(char::is_control) {
        return Err(wrong());
    }
    let mut path = String::new();
    for part in Path::new(raw).components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                path.push('/');
                path.push_str(name.to_str().ok_or_else(wrong)?);
            }
            Component::ParentDir | Component::Prefix(_) => return Err(wrong()),
        }
    }
    Ok(if path.is_empty() { "/".to_owned() } else { path })
}

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

fn check_place(place: &str) -> Result<(), MountError> {
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

/// A place of the host that containers never see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The place, with all links resolved.
    pub path: PathBuf,
    /// Whether what lies in it is closed too.
    pub below: bool,
    /// A part of it that is open all the same.
    pub except: Option<PathBuf>,
}

/// Places of every host that containers never see, with all that is below them.
pub const PROTECTED: [&str; 8] = ["/etc", "/proc", "/sys", "/run", "/dev", "/boot", "/root", "/var/lib/incus"];

/// Whether a resolved host path may be mounted: not if it is one of `protected`, holds one, or lies in one.
pub fn check_host(host: &Path, protected: &[Protected]) -> Result<(), MountError> {
    let refused = |reason: String| MountError::Protected { host: host.to_owned(), reason };
    if host == Path::new("/") {
        return Err(refused("it is the whole file system".into()));
    }
    for Protected { path, below, except } in protected {
        if host == path {
            return Err(refused("containers never see it".into()));
        }
        if path.starts_with(host) {
            return Err(refused(format!("{} is in it", GuestText::new(path))));
        }
        let open = except.as_deref().is_some_and(|open| host.starts_with(open));
        if *below && host.starts_with(path) && !open {
            return Err(refused(format!("it is in {}", GuestText::new(path))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::idmap::Ids;
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
    fn a_typed_mount_has_three_parts() {
        let typed = |raw: &str| Typed::parse(raw).map(|typed| (typed.host, typed.container, typed.readonly));
        assert_eq!(typed("~/d:/data"), Ok(("~/d".into(), "/data".into(), false)));
        assert_eq!(typed("/a:b:/data/:ro"), Ok(("/a:b".into(), "/data".into(), true)));
        for wrong in ["", ":", "/a", "/a:", ":/b", "/a:b", "/a:/b/../c", "/a:/b:rx"] {
            assert!(typed(wrong).is_err(), "{wrong}");
        }
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

    #[test]
    fn protected_places_are_closed_from_above_and_below() {
        let closed = |path: &str, below: bool| Protected { path: path.into(), below, except: None };
        let cci = Protected { path: "/home/u/.cci".into(), below: true, except: Some("/home/u/.cci/storage".into()) };
        let protected = [closed("/home/u", false), closed("/home/u/.ssh", true), closed("/etc", true), cci];
        for path in ["/", "/home", "/home/u", "/home/u/.ssh", "/home/u/.ssh/keys", "/etc/ssl", "/home/u/.cci/trust"] {
            assert!(check_host(Path::new(path), &protected).is_err(), "{path}");
        }
        for path in ["/home/u/data", "/home/u/.sshx", "/srv", "/home/u/.cci/storage/a"] {
            assert_eq!(check_host(Path::new(path), &protected), Ok(()), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(raw in any::<String>()) {
            let _ = Typed::parse(&raw);
        }

        #[test]
        fn a_container_path_has_one_spelling(raw in "(/[a-z.]{0,3}){0,5}/?") {
            if let Ok(path) = container_path(&raw) {
                prop_assert_eq!(container_path(&path), Ok(path.clone()));
                prop_assert!(path == "/" || !path.ends_with('/'));
            }
        }
    }
}

//! What is mounted where, as the kernel shows it to this process.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    device: String,
    /// What of the device's file system is there.
    root: PathBuf,
    point: PathBuf,
    is_shared: bool,
    kind: String,
    options: String,
}

/// Where the FUSE file system of a path is mounted, if only the user who mounted it may enter it: neither root nor the
/// daemon.
#[must_use]
pub fn private_fuse(path: &Path) -> Option<PathBuf> {
    private_fuse_in(&all(&table()), path)
}

/// Whether the mount at this path propagates to other mount namespaces; `None` if nothing is mounted there.
#[must_use]
pub fn is_shared(point: &Path) -> Option<bool> {
    is_shared_in(&all(&table()), point)
}

fn is_shared_in(mounts: &[Mount], point: &Path) -> Option<bool> {
    // of two mounts at one place the later one is visible
    mounts.iter().rev().find(|mount| mount.point == point).map(|mount| mount.is_shared)
}

/// What is mounted below a directory, by its outermost places: a container that gets the directory sees what it covers.
#[must_use]
pub fn below(dir: &Path) -> Vec<PathBuf> {
    below_in(&all(&table()), dir)
}

fn below_in(mounts: &[Mount], dir: &Path) -> Vec<PathBuf> {
    let points: BTreeSet<&Path> = mounts.iter().map(|mount| mount.point.as_path()).collect();
    let below = |point: &&Path| *point != dir && point.starts_with(dir);
    let mut outermost: Vec<PathBuf> = Vec::new();
    for point in points.into_iter().filter(below) {
        if !outermost.iter().any(|outer| point.starts_with(outer)) {
            outermost.push(point.to_owned());
        }
    }
    outermost
}

fn table() -> String {
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    String::from_utf8_lossy(&table).into_owned()
}

fn private_fuse_in(mounts: &[Mount], path: &Path) -> Option<PathBuf> {
    let found = mount_of(mounts, path)?;
    let has = |option: &str| found.options.split(',').any(|one| one == option);
    let is_fuse = found.kind == "fuse" || found.kind.starts_with("fuse.");
    (is_fuse && !has("allow_other") && !has("user_id=0")).then(|| found.point.clone())
}

/// The mount that a path is on.
fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    // of two at one place the later one is seen
    let there = mounts.iter().rev().filter(|mount| path.starts_with(&mount.point));
    there.reduce(|best, next| if next.point.starts_with(&best.point) && next.point != best.point { next } else { best })
}

/// What paths without links are names of. It is known by the table alone: a file system that does not answer is not asked.
#[derive(Debug)]
pub struct Names(Vec<Mount>);

impl Names {
    /// By what is mounted now.
    #[must_use]
    pub fn now() -> Self {
        Self(all(&table()))
    }

    /// Whether two paths name one place, as they do on both sides of a bind mount.
    #[must_use]
    pub fn are_one(&self, one: &Path, other: &Path) -> bool {
        one == other || self.place(one).is_some_and(|place| Some(place) == self.place(other))
    }

    fn place(&self, path: &Path) -> Option<(&str, PathBuf)> {
        let mount = mount_of(&self.0, path)?;
        Some((&mount.device, mount.root.join(path.strip_prefix(&mount.point).ok()?)))
    }
}

/// Every line of the table: `id parent major:minor root point options [shared:N …] - kind source options`.
fn all(table: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (before, behind) = line.split_once(" - ")?;
        let (mut before, mut behind) = (before.split(' ').skip(2), behind.split(' '));
        let (device, root, point) = (before.next()?.to_owned(), unescaped(before.next()?), unescaped(before.next()?));
        let is_shared = before.any(|field| field.starts_with("shared:"));
        let kind = behind.next()?.to_owned();
        Some(Mount { device, root, point, is_shared, kind, options: behind.nth(1).unwrap_or_default().to_owned() })
    };
    table.lines().filter_map(mount).collect()
}

/// A field in which spaces and backslashes are written as octal numbers.
fn unescaped(field: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), field.as_bytes());
    while let Some((first, others)) = rest.split_first() {
        let number = others.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        let number = number.filter(|_| *first == b'\\');
        bytes.push(number.unwrap_or(*first));
        rest = if number.is_some() { &others[3..] } else { others };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
70 22 0:50 / /home/ann/far\\040away rw,nosuid - fuse.sshfs ann@h:/ rw,user_id=1000,group_id=1000
71 22 0:51 / /srv/open rw - fuse.bindfs /x rw,user_id=1000,group_id=1000,allow_other
72 22 0:52 / /srv/roots rw - fuse /x rw,user_id=0,group_id=0
73 70 0:53 / /home/ann/far\\040away/in rw - tmpfs tmpfs rw
80 22 0:60 / /var/lib/incus/shmounts rw - tmpfs tmpfs rw
81 80 0:61 / /var/lib/incus/shmounts rw shared:9 - tmpfs tmpfs rw
";

    #[test]
    fn a_fuse_mount_that_only_its_user_may_enter_is_found() {
        let of = |path: &str| private_fuse_in(&all(TABLE), Path::new(path));
        assert_eq!(of("/home/ann/far away/proj"), Some("/home/ann/far away".into()));
        for other in ["/home/ann", "/home/ann/far awayer", "/srv/open/x", "/srv/roots", "/home/ann/far away/in/x"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn both_sides_of_a_bind_mount_are_one_place() {
        let bound = format!("{TABLE}90 22 8:1 /home/ann/proj /srv/bound rw shared:1 - ext4 /dev/sda1 rw\n");
        let names = Names(all(&bound));
        let one = |one: &str, other: &str| names.are_one(Path::new(one), Path::new(other));
        assert!(one("/srv/bound", "/home/ann/proj") && one("/home/ann/proj/a", "/srv/bound/a"));
        assert!(!one("/srv/bound", "/home/ann") && !one("/srv/open", "/srv/roots"));
    }

    #[test]
    fn what_is_mounted_below_is_known_by_its_outermost_places() {
        let of = |dir: &str| below_in(&all(TABLE), Path::new(dir));
        assert_eq!(of("/home/ann"), [PathBuf::from("/home/ann/far away")]);
        assert_eq!(of("/srv"), [PathBuf::from("/srv/open"), PathBuf::from("/srv/roots")]);
        for dir in ["/home/ann/far", "/srv/open", "/var/lib/incus/shmounts"] {
            assert!(of(dir).is_empty(), "{dir}");
        }
    }

    #[test]
    fn of_two_mounts_at_one_place_the_later_counts() {
        let shared = |table: &str| is_shared_in(&all(table), Path::new("/var/lib/incus/shmounts"));
        assert_eq!(shared(TABLE), Some(true));
        assert_eq!(shared(&TABLE.replace(" shared:9", "")), Some(false));
        assert_eq!(is_shared(Path::new("/nonexistent")), None);
    }
}

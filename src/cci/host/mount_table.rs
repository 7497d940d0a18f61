//! The kernel's table of mounts: which part of which file system a path leads to, in this process or another.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A place in a file system, whatever mounts lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `major:minor` of the file system.
    device: String,
    /// The path from its root.
    path: PathBuf,
}

/// The place that a path without links leads to in this process; `None` where the table cannot be read.
pub(crate) fn place_of(path: &Path) -> Option<Place> {
    within(&read("self")?, path)
}

/// What is mounted at exactly this path in a process; the last mount covers those before it.
pub(crate) fn mounted_at(pid: i64, path: &str) -> Option<Place> {
    let table = read(&pid.to_string())?;
    table.into_iter().rev().find(|mount| mount.point == Path::new(path)).map(|mount| mount.root)
}

fn within(table: &[Mount], path: &Path) -> Option<Place> {
    let covers = |mount: &&Mount| path.starts_with(&mount.point);
    // of several on one path the last is seen
    let mount = table.iter().filter(covers).max_by_key(|mount| mount.point.as_os_str().len())?;
    let below = path.strip_prefix(&mount.point).ok()?;
    let place = if below == Path::new("") { mount.root.path.clone() } else { mount.root.path.join(below) };
    Some(Place { device: mount.root.device.clone(), path: place })
}

/// One line of the table.
struct Mount {
    root: Place,
    point: PathBuf,
}

fn read(process: &str) -> Option<Vec<Mount>> {
    let table = fs::read(format!("/proc/{process}/mountinfo")).ok()?;
    Some(table.split(|byte| *byte == b'\n').filter_map(line).collect())
}

/// Reads `ID PARENT MAJOR:MINOR ROOT POINT …`.
fn line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(2);
    let device = String::from_utf8(fields.next()?.to_vec()).ok()?;
    let (root, point) = (plain(fields.next()?), plain(fields.next()?));
    Some(Mount { root: Place { device, path: root }, point })
}

/// A path with its octal escapes (`\040` for a blank) taken back.
fn plain(escaped: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((first, behind)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| behind.get(..3)).flatten();
        let octal = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn table(text: &str) -> Vec<Mount> {
        text.lines().filter_map(|text| line(text.as_bytes())).collect()
    }

    #[test]
    fn a_path_is_found_in_its_file_system() {
        let table = table(
            "1 0 254:0 / / rw - ext4 /dev/a rw\n2 1 254:1 /@home /home rw shared:1 - btrfs /dev/b rw\n\
             3 2 254:2 / /home/u/my\\040disk rw - ext4 /dev/c rw\n",
        );
        let place = |path: &str| within(&table, Path::new(path)).map(|place| (place.device, place.path));
        assert_eq!(place("/srv/x"), Some(("254:0".into(), "/srv/x".into())));
        assert_eq!(place("/home/u/proj"), Some(("254:1".into(), "/@home/u/proj".into())));
        assert_eq!(place("/home/u/my disk/d"), Some(("254:2".into(), "/d".into())));
        assert_eq!(place("/home"), Some(("254:1".into(), "/@home".into())));
    }

    #[test]
    fn this_process_has_a_table() {
        assert!(place_of(Path::new("/proc")).is_some_and(|place| place.path == Path::new("/")));
        assert_eq!(mounted_at(i64::from(std::process::id()), "/no such place"), None);
    }

    #[test]
    fn escapes_are_taken_back_and_nothing_panics() {
        assert_eq!(plain(br"/a\040b\134c"), Path::new("/a b\\c"));
        for odd in [&br"\"[..], br"\0", br"\999", b"\\\xff\xff\xff"] {
            assert!(!plain(odd).as_os_str().as_bytes().is_empty());
        }
    }
}

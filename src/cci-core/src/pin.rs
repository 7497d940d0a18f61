//! Pins a container to the very directories that were checked when it was launched.
//!
//! A disk is given to Incus as a path, which is resolved again at every start, a `reboot` inside included. Below a
//! directory that a container can write, the path may by then be a link to anywhere on the host.

use std::fmt::Write;

use cci_guest::shell::quoted;
use serde::{Deserialize, Serialize};

/// What a path led to: one file or directory, even if it is renamed.
///
/// A freed inode can be reused with the same number, so its birth time is part of the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The file system's device number.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
    /// When that inode was created; zero on a file system that does not record it.
    pub born: Birth,
}

/// A moment as a file system records it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Birth {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within that second.
    pub nanoseconds: u32,
}

/// A path of the host that a container is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The path.
    pub source: String,
    /// What was there when it was checked.
    pub identity: Identity,
}

impl Pinned {
    /// Whether the same is there now. Device numbers do not count: they change with each boot of the host.
    #[must_use]
    pub fn is(&self, now: Identity) -> bool {
        (self.identity.inode, self.identity.born) == (now.inode, now.born)
    }
}

/// What precedes each path in a hook.
const BEFORE_PATH: &str = " \"$LXC_ROOTFS_MOUNT\"";

/// The container paths that the hooks in a `raw.lxc` check, each with what has to be there.
#[must_use]
pub fn pins_in(raw_lxc: &str) -> Vec<(String, Identity)> {
    let hooks = raw_lxc.lines().filter(|line| line.starts_with("lxc.hook.mount = test "));
    hooks.filter_map(pins_of).flatten().collect()
}

fn pins_of(hook: &str) -> Option<Vec<(String, Identity)>> {
    let (looks, wanted) = hook.rsplit_once(")\" = '")?;
    let paths = looks
        .split(BEFORE_PATH)
        .skip(1)
        .map(|word| Some(word.strip_prefix('\'')?.strip_suffix('\'')?.replace(r"'\''", "'")));
    let paths: Vec<String> = paths.collect::<Option<_>>()?;
    let identities: Vec<Identity> =
        wanted.split_once('\'')?.0.split_whitespace().map(identity).collect::<Option<_>>()?;
    (paths.len() == identities.len()).then(|| paths.into_iter().zip(identities).collect())
}

fn identity(text: &str) -> Option<Identity> {
    let mut parts = text.splitn(3, ':');
    let (device, inode) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (seconds, nanoseconds) = parts.next()?.split_once('.')?;
    let born = Birth { seconds: seconds.parse().ok()?, nanoseconds: nanoseconds.parse().ok()? };
    Some(Identity { device, inode, born })
}

/// A line for `raw.lxc` by which a start fails if one of these container paths shows something else.
#[must_use]
pub fn hook(pins: &[(&str, Identity)]) -> String {
    if pins.is_empty() {
        return String::new();
    }
    let (mut paths, mut wanted) = (String::new(), String::new());
    for (path, Identity { device, inode, born: Birth { seconds, nanoseconds } }) in pins {
        // writing to a string cannot fail
        let _ = write!(paths, " \"$LXC_ROOTFS_MOUNT\"{}", quoted(path));
        let _ = write!(wanted, "{device}:{inode}:{seconds}.{nanoseconds:09} ");
    }
    // LXC puts `exec` before a hook and words after it, which the shell takes for a comment
    format!("lxc.hook.mount = test \"$(stat --printf='%d:%i:%.9W ' --{paths})\" = '{wanted}' #\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_path_is_one_word_of_one_line() {
        let born = Birth { seconds: 1_795_702_591, nanoseconds: 799_185 };
        let pins = [
            ("/data", Identity { device: 27, inode: 5, born }),
            ("/a'b $(id)", Identity { device: 1, inode: 6, born: Birth::default() }),
        ];
        assert_eq!(
            hook(&pins),
            "lxc.hook.mount = test \"$(stat --printf='%d:%i:%.9W ' -- \"$LXC_ROOTFS_MOUNT\"'/data' \
             \"$LXC_ROOTFS_MOUNT\"'/a'\\''b $(id)')\" = '27:5:1795702591.000799185 1:6:0.000000000 ' #\n"
        );
        assert_eq!(hook(&[]), "");
    }

    proptest! {
        #[test]
        fn what_a_hook_checks_is_read_back(
            pins in prop::collection::vec(("/[ -~]{0,20}", any::<u64>(), any::<u64>(), 0..2_000_000_000_i64, 0..1_000_000_000_u32), 1..4)
        ) {
            let pins: Vec<(String, Identity)> = pins.into_iter().map(|(path, device, inode, seconds, nanoseconds)| {
                (path, Identity { device, inode, born: Birth { seconds, nanoseconds } })
            }).collect();
            let lines: Vec<(&str, Identity)> = pins.iter().map(|(path, identity)| (path.as_str(), *identity)).collect();
            let raw = format!("lxc.hook.post-stop =\n{}{}lxc.net.0.ipv4.address = 10.0.0.1/24\n", hook(&lines), hook(&lines[..1]));
            prop_assert_eq!(pins_in(&raw), [&pins[..], &pins[..1]].concat());
        }

        #[test]
        fn no_text_makes_it_panic(text in "(lxc.hook.mount = test )?[ -~]{0,40}(\\)\" = ')?[0-9:. ']{0,20}") {
            let _ = pins_in(&text);
        }
    }
}

//! Pins a container to the very directories that were checked when it was launched.
//!
//! A disk is given to Incus as a path, which is resolved again at every start, a `reboot` inside included. Below a
//! directory that a container can write, the path may by then be a link to anywhere on the host.

use std::fmt::Write;

use cci_guest::shell::quoted;

/// What a path led to: one file or directory, even if it is renamed.
///
/// A freed inode can be reused with the same number, so its birth time is part of the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The file system's device number.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
    /// When that inode was created; zero on a file system that does not record it.
    pub born: Birth,
}

/// A moment as a file system records it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Birth {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within that second.
    pub nanoseconds: u32,
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
}

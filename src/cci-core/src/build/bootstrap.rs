//! Bootstrapping a suite: the arguments of `mmdebstrap`, and the subordinate ids that a user needs for it.

use super::source::Suite;
use crate::idmap::Line;

/// What a container needs to boot with a network and a resolver; everything else is installed inside it.
const PACKAGES: &str = "systemd-sysv,systemd-resolved,libnss-myhostname,udev,dbus,ca-certificates,tzdata";
/// What mmdebstrap maps in its user namespace.
const NEEDED: u64 = 65536;

/// All arguments except the target, which follows.
///
/// Root uses a user namespace too: what the packages' scripts do, and mounts that a crash leaves, then cannot reach the
/// host.
#[must_use]
pub fn arguments(suite: &Suite) -> Vec<String> {
    let mut arguments =
        vec!["--mode=unshare".to_owned(), "--variant=minbase".to_owned(), format!("--include={PACKAGES}")];
    arguments.push(r#"--aptopt=Acquire::Languages "none""#.to_owned());
    let dpkg = ["force-unsafe-io", "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*"];
    let more = ["path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/doc/*"];
    let kept = ["path-include=/usr/share/doc/*/copyright"];
    arguments.extend(dpkg.iter().chain(&more).chain(&kept).map(|option| format!("--dpkgopt={option}")));
    arguments.push(suite.as_str().to_owned());
    arguments
}

/// Whether a table of subordinate ids has a range for a user, by name or number, that is wide enough.
#[must_use]
pub fn has_subordinate_ids(table: &[u8], user: &str, uid: u32) -> bool {
    let uid = uid.to_string();
    let owns = |owner: &[u8]| owner == user.as_bytes() || owner == uid.as_bytes();
    Line::all(table).any(|line| owns(line.owner) && line.count >= NEEDED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_comes_last_and_is_one_argument() {
        let arguments = arguments(&Suite::standard());
        assert_eq!(arguments.last().map(String::as_str), Some("trixie"));
        assert!(arguments[..arguments.len() - 1].iter().all(|argument| argument.starts_with("--")));
    }

    #[test]
    fn a_range_counts_by_name_or_number_if_it_is_wide_enough() {
        let table = b"root:1000000:1000000000\nroot:1234:1\nann:100000:65536\n1234:200000:65536\nbob:300000:100\n";
        assert!(has_subordinate_ids(table, "ann", 1000));
        assert!(has_subordinate_ids(table, "unknown", 1234));
        assert!(!has_subordinate_ids(table, "bob", 1001));
        assert!(!has_subordinate_ids(table, "", 1002));
        assert!(!has_subordinate_ids(b"garbage\n::\nann", "ann", 1));
    }
}

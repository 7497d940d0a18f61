//! The last known addresses of names, one file per policy under `~/.cci/network-cache`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cci_core::Result;
use cci_core::network::{PolicyName, Resolved};

use super::put;

fn path(cci_dir: &Path, policy: &PolicyName) -> PathBuf {
    cci_dir.join("network-cache").join(format!("{policy}.json"))
}

/// What was last known; a missing or unreadable file means nothing is.
#[must_use]
pub fn read(cci_dir: &Path, policy: &PolicyName) -> Option<Resolved> {
    serde_json::from_str(&std::fs::read_to_string(path(cci_dir, policy)).ok()?).ok()
}

/// Stores what is known now.
pub fn write(cci_dir: &Path, policy: &PolicyName, resolved: &Resolved) -> Result<()> {
    put::shared(&path(cci_dir, policy), serde_json::json!(resolved).to_string().as_bytes())
}

/// Whether names are due for a lookup, by the age of a file that is touched when they are: of several commands at once,
/// one is enough. A user who never had an allowlist has no such file, and an interval of 0 means never.
#[must_use]
pub fn take_turn(cci_dir: &Path, now: SystemTime, minutes: u32) -> bool {
    let dir = cci_dir.join("network-cache");
    if minutes == 0 || !dir.is_dir() {
        return false;
    }
    let mark = dir.join("looked");
    let looked = std::fs::metadata(&mark).and_then(|meta| meta.modified());
    let age = looked.ok().and_then(|then| now.duration_since(then).ok());
    let due = age.is_none_or(|age| age >= Duration::from_secs(u64::from(minutes) * 60));
    due && put::shared(&mark, b"").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_due_once_an_interval_and_never_without_an_allowlist() {
        let dir = tempfile::tempdir().unwrap();
        // after the time at which the file is written, however long that takes
        let now = SystemTime::now() + Duration::from_secs(60);
        let later = now + Duration::from_secs(31 * 60);
        assert!(!take_turn(dir.path(), now, 30), "no allowlist was ever used");
        let policy = PolicyName::parse("cci-0badcafe").unwrap();
        write(dir.path(), &policy, &Resolved::default()).unwrap();
        assert_eq!(read(dir.path(), &policy), Some(Resolved::default()));
        let turns = [take_turn(dir.path(), now, 30), take_turn(dir.path(), now, 30), take_turn(dir.path(), later, 30)];
        assert_eq!(turns, [true, false, true]);
        assert!(!take_turn(dir.path(), later + Duration::from_secs(86_400), 0), "0 means never");
    }
}

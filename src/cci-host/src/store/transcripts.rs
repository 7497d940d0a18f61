//! Finds the agent's newest transcript in a session's state directory, without trusting its content.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cci_agent::{Agent, Transcripts};
use cci_core::idmap::Ids;
use rustix::fs::{AtFlags, Dir, FileType};

use super::guest_dir::GuestDir;

/// The most entries that are examined; no agent creates more.
const MAX_ENTRIES: usize = 20_000;

/// The newest transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The agent's id of the conversation: the file's name.
    pub id: String,
    /// When the agent last wrote to it.
    pub written: SystemTime,
}

/// The newest transcript in an agent's state directory, if there is one.
pub fn newest(agent: &dyn Agent, state_dir: &Path) -> Option<Transcript> {
    let kept = agent.transcripts()?;
    let nobody = Ids { uid: u32::MAX, gid: u32::MAX };
    let dir = GuestDir::open(state_dir, nobody).ok()?.existing(kept.dir)?;
    let entries = Dir::read_from(&dir).ok()?;
    entries
        .take(MAX_ENTRIES)
        .flatten()
        .filter_map(|entry| transcript(&kept, &dir, entry.file_name()))
        .max_by_key(|found| found.written)
}

fn transcript(kept: &Transcripts, dir: &impl std::os::fd::AsFd, name: &std::ffi::CStr) -> Option<Transcript> {
    let id = (kept.id)(name.to_str().ok()?)?;
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain || id.starts_with('-') {
        return None;
    }
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let since_epoch = Duration::from_secs(u64::try_from(stat.st_mtime).ok()?);
    (regular && stat.st_size > 0).then(|| Transcript { id: id.to_owned(), written: UNIX_EPOCH + since_epoch })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cci_agent::{Start, Tool};
    use std::fs;

    /// An agent that keeps notes.
    #[derive(Debug)]
    struct Notes;

    impl Agent for Notes {
        fn name(&self) -> &'static str {
            "notes"
        }

        fn title(&self) -> &'static str {
            "Notes"
        }

        fn state_dir(&self) -> &'static str {
            ".notes"
        }

        fn command(&self, tool: &Tool, _: &Start) -> Vec<String> {
            vec![tool.binary.clone()]
        }

        fn transcripts(&self) -> Option<Transcripts> {
            Some(Transcripts { dir: "said/here", id: |file| file.strip_suffix(".txt") })
        }
    }

    #[test]
    fn the_newest_real_transcript_is_found_among_what_an_agent_may_plant() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("said/here");
        fs::create_dir_all(&dir).unwrap();
        for (name, age) in [("old.txt", 200), ("new.txt", 100), ("--evil.txt", 0), ("a b.txt", 0), ("x.log", 0)] {
            fs::write(dir.join(name), "x").unwrap();
            let file = fs::File::options().write(true).open(dir.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        fs::write(dir.join("empty.txt"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join("link.txt")).unwrap();
        assert_eq!(newest(&Notes, state.path()).unwrap().id, "new");
    }

    #[test]
    fn a_linked_directory_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir_all(outside.path().join("here")).unwrap();
        fs::write(outside.path().join("here/a.txt"), "x").unwrap();
        let state = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), state.path().join("said")).unwrap();
        assert_eq!(newest(&Notes, state.path()), None);
    }
}

//! Finds the agent's newest transcript in a session's state directory, without trusting its content.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cci_agent::{Agent, Transcripts};
use cci_core::idmap::Ids;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::guest_dir::GuestDir;

/// How much of a file is searched for something said in it; a longer file counts as a conversation.
const LONGEST: u64 = 16 * 1024 * 1024;
/// How much of all files is searched: an agent can write any number of them.
const MOST: u64 = 256 * 1024 * 1024;

/// The newest transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The agent's id of the conversation: the file's name.
    pub id: String,
    /// When the agent last wrote to it.
    pub written: SystemTime,
}

/// A transcript that was brought into a session, as it was then: it is none of the session's until it is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The id of the conversation.
    pub id: String,
    /// When it was last modified, since the epoch.
    pub written: Duration,
}

/// The newest transcript of a conversation in an agent's state directory, if there is one.
pub fn newest(agent: &dyn Agent, state_dir: &Path, brought: &[Brought]) -> Option<Transcript> {
    newest_within(MOST, agent, state_dir, brought)
}

fn newest_within(mut budget: u64, agent: &dyn Agent, state_dir: &Path, brought: &[Brought]) -> Option<Transcript> {
    let (kept, dir) = directory(agent, state_dir)?;
    let entries = Dir::read_from(&dir).ok()?;
    let mut found: Vec<(Duration, String, String)> =
        entries.flatten().filter_map(|entry| own(&kept, &dir, entry.file_name(), brought)).collect();
    found.sort_by_key(|(written, ..)| Reverse(*written));
    let (written, id, _) = found.into_iter().find(|(.., name)| is_talk(&kept, &dir, name, &mut budget))?;
    Some(Transcript { id, written: UNIX_EPOCH + written })
}

/// What was said in a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// How many prompts.
    pub prompts: u64,
    /// How many tokens the answers took.
    pub tokens: u64,
}

/// What was said in a transcript after a time; `None` for an agent whose transcripts do not tell.
pub fn said_since(agent: &dyn Agent, state_dir: &Path, id: &str, since: &str) -> Option<Said> {
    let spoken = agent.spoken()?;
    let (kept, dir) = directory(agent, state_dir)?;
    let entries = Dir::read_from(&dir).ok()?;
    let mut named = entries.flatten().filter_map(|entry| named(&kept, &dir, entry.file_name()));
    let (.., name) = named.find(|(_, other, _)| other == id)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&dir, name, flags, Mode::empty()).ok()?;
    let mut lines = BufReader::new(File::from(file).take(MOST));
    let (mut prompts, mut answers, mut line) = (0, BTreeMap::new(), Vec::new());
    while lines.read_until(b'\n', &mut line).ok()? > 0 {
        let said = spoken(line.trim_ascii_end());
        if said.at.as_str() > since {
            prompts += u64::from(said.is_prompt);
            answers.extend(said.answer);
        }
        line.clear();
    }
    let tokens = answers.into_values().fold(0, u64::saturating_add);
    Some(Said { prompts, tokens })
}

/// Whether an agent has written any transcript, of whatever kind.
pub fn is_any(agent: &dyn Agent, state_dir: &Path, brought: &[Brought]) -> bool {
    let found = || {
        let (kept, dir) = directory(agent, state_dir)?;
        Dir::read_from(&dir).ok()?.flatten().find_map(|entry| own(&kept, &dir, entry.file_name(), brought))
    };
    found().is_some()
}

/// The directory of an agent's transcripts.
fn directory(agent: &dyn Agent, state_dir: &Path) -> Option<(Transcripts, OwnedFd)> {
    let kept = agent.transcripts()?;
    let nobody = Ids { uid: u32::MAX, gid: u32::MAX };
    Some((kept, GuestDir::open(state_dir, nobody).ok()?.existing(kept.dir)?))
}

/// Whether the agent has recorded that something was said, even if the transcript is gone.
pub fn has_trace(agent: &dyn Agent, state_dir: &Path) -> bool {
    let trace = agent.transcripts().and_then(|kept| kept.trace);
    trace.is_some_and(|trace| state_dir.join(trace).symlink_metadata().is_ok_and(|meta| meta.len() > 0))
}

/// The same for one that the session has written in.
fn own(
    kept: &Transcripts,
    dir: &impl AsFd,
    name: &std::ffi::CStr,
    brought: &[Brought],
) -> Option<(Duration, String, String)> {
    named(kept, dir, name)
        .filter(|(written, id, _)| !brought.iter().any(|one| one.id == *id && one.written == *written))
}

/// A file that has a transcript's name: when it was written, the id, the name.
fn named(kept: &Transcripts, dir: &impl AsFd, name: &std::ffi::CStr) -> Option<(Duration, String, String)> {
    let name = name.to_str().ok()?;
    let id = (kept.id)(name)?;
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain || id.starts_with('-') {
        return None;
    }
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    let since_epoch = Duration::new(u64::try_from(stat.st_mtime).ok()?, nanos);
    (regular && stat.st_size > 0).then(|| (since_epoch, id.to_owned(), name.to_owned()))
}

/// Whether something was said in a file, or may have been said after what may be read of it.
fn is_talk(kept: &Transcripts, dir: &impl AsFd, name: &str, budget: &mut u64) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(dir, name, flags, Mode::empty()) else { return false };
    let limit = LONGEST.min(*budget);
    let mut lines = BufReader::new(File::from(file).take(limit));
    let mut line = Vec::new();
    let mut read = 0;
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => return read >= limit,
            Ok(length) => {
                read += length as u64;
                *budget = budget.saturating_sub(length as u64);
            }
            Err(_) => return false,
        }
        if (kept.talk)(line.trim_ascii_end()) {
            return true;
        }
    }
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
            Some(Transcripts {
                dir: "said/here",
                id: |file| file.strip_suffix(".txt"),
                talk: |line| line.starts_with(b"x"),
                trace: Some("log"),
            })
        }
    }

    #[test]
    fn the_newest_real_transcript_is_found_among_what_an_agent_may_plant() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("said/here");
        fs::create_dir_all(&dir).unwrap();
        for (name, age) in [("old.txt", 200), ("new.txt", 100), ("--evil.txt", 0), ("a b.txt", 0), ("x.log", 0)] {
            fs::write(dir.join(name), "x").unwrap();
            let file = File::options().write(true).open(dir.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        fs::write(dir.join("empty.txt"), "").unwrap();
        fs::write(dir.join("summary.txt"), "a summary\n").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join("link.txt")).unwrap();
        assert_eq!(newest(&Notes, state.path(), &[]).unwrap().id, "new");
    }

    #[test]
    fn the_newest_is_the_one_in_which_something_was_said_as_far_as_files_are_searched() {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("said/here");
        fs::create_dir_all(&dir).unwrap();
        for (age, (name, text)) in
            [("later.txt", "summary\n"), ("other.log", "x"), ("said.txt", "first\nx\n")].into_iter().enumerate()
        {
            fs::write(dir.join(name), text).unwrap();
            let file = File::options().write(true).open(dir.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(10 * age as u64)).unwrap();
        }
        assert_eq!(newest(&Notes, state.path(), &[]).unwrap().id, "said");
        let within = |budget| newest_within(budget, &Notes, state.path(), &[]).unwrap().id;
        assert_eq!(within(16), "said");
        assert_eq!(within(7), "later", "what was not searched to its end may be a conversation");
        assert!(!has_trace(&Notes, state.path()));
        fs::write(state.path().join("log"), "x").unwrap();
        assert!(has_trace(&Notes, state.path()));
    }

    #[test]
    fn what_was_brought_is_none_of_the_sessions_until_it_is_written_in() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir_all(state.path().join("said/here")).unwrap();
        let path = state.path().join("said/here/a.txt");
        fs::write(&path, "x").unwrap();
        let written = path.metadata().unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let brought = [Brought { id: "a".into(), written }];
        assert!(newest(&Notes, state.path(), &brought).is_none() && !is_any(&Notes, state.path(), &brought));
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(SystemTime::now() + Duration::from_secs(9))
            .unwrap();
        assert!(newest(&Notes, state.path(), &brought).is_some() && is_any(&Notes, state.path(), &brought));
    }

    #[test]
    fn a_linked_directory_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir_all(outside.path().join("here")).unwrap();
        fs::write(outside.path().join("here/a.txt"), "x").unwrap();
        let state = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), state.path().join("said")).unwrap();
        assert_eq!(newest(&Notes, state.path(), &[]), None);
    }
}

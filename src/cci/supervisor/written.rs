//! Waits until a turn's end is in the transcript: the agent writes it down up to a tenth of a second later.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_agent::{Agent, Turn};
use cci_engine::blocking::blocking;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often to look.
const EACH: Duration = Duration::from_millis(20);
/// How much of the transcript's end is read, besides what was said.
const ROWS: u64 = 256 * 1024;

/// Waits for it. A transcript that is not the agent's own, or does not come, is not waited for any longer.
pub(super) async fn wait(agent: &'static dyn Agent, state: &Path, turn: &Turn) {
    let Some(file) = place(agent, turn).filter(|_| turn.said.is_some()) else { return };
    let until = Instant::now() + PATIENCE;
    let mut ticks = interval(EACH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        ticks.tick().await;
        let (state, file, turn) = (state.to_owned(), file.clone(), turn.clone());
        let look = blocking(move || Ok(tail(&state, &file, &turn).is_none_or(|tail| agent.has_written(&turn, &tail))));
        if look.await.unwrap_or(true) {
            return;
        }
    }
}

/// The transcript below the state directory: of what a guest named, only the name counts.
pub(super) fn place(agent: &dyn Agent, turn: &Turn) -> Option<PathBuf> {
    let (transcripts, name) = (agent.transcripts()?, turn.transcript.as_deref()?);
    (transcripts.id)(name)?;
    Some(Path::new(transcripts.dir).join(name))
}

/// The file and its size; nothing of what is no file, or lies behind a link.
pub(super) fn open(state: &Path, file: &Path) -> Option<(File, u64)> {
    let open = |dir, path: &Path, flags| {
        let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | flags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve).ok()
    };
    let state =
        rustix::fs::openat(CWD, state, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let file = File::from(open(&state, file, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
    let size = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    Some((file, size))
}

/// The end of the file.
fn tail(state: &Path, file: &Path, turn: &Turn) -> Option<Vec<u8>> {
    let (mut file, size) = open(state, file)?;
    // a text takes several times its length as JSON where every character is escaped
    let wanted = ROWS + 6 * turn.said.as_ref().map_or(0, |said| said.len() as u64);
    file.seek(SeekFrom::Start(size.saturating_sub(wanted))).ok()?;
    let mut tail = Vec::new();
    file.take(wanted).read_to_end(&mut tail).ok()?;
    Some(tail)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;

    const NAME: &str = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f.jsonl";

    fn turn(name: &str) -> Turn {
        let (prompt_id, said) = (Some("p".into()), Some("done".into()));
        Turn { transcript: Some(name.into()), prompt_id, said, prompt: None }
    }

    fn agent() -> &'static dyn Agent {
        cci_agent::default_agent()
    }

    fn transcript(state: &Path) -> PathBuf {
        let dir = state.join(agent().transcripts().unwrap().dir);
        fs::create_dir_all(&dir).unwrap();
        dir.join(NAME)
    }

    fn row() -> String {
        json!({ "type": "assistant", "message": { "content": [{ "type": "text", "text": "done" }] } }).to_string()
    }

    /// How long it waits, in milliseconds, while the file gets this row after a while.
    async fn waits(state: &Path, turn: &Turn, written_after: Option<u64>) -> u128 {
        let began = Instant::now();
        let write = async {
            if let Some(after) = written_after {
                tokio::time::sleep(Duration::from_millis(after)).await;
                fs::write(transcript(state), row() + "\n").unwrap();
            }
        };
        tokio::join!(wait(agent(), state, turn), write);
        began.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_until_it_is_written_and_no_longer_than_a_second() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(transcript(dir.path()), "{}\n").unwrap();
        assert!((60..900).contains(&waits(dir.path(), &turn(NAME), Some(60)).await));
        assert!(waits(dir.path(), &turn(NAME), None).await < 500, "it is there");
        fs::write(transcript(dir.path()), "{}\n").unwrap();
        assert!((1_000..3_000).contains(&waits(dir.path(), &turn(NAME), None).await));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_but_a_transcript_is_waited_for_or_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = transcript(dir.path());
        for name in ["../../x", "/etc/passwd", "notes.jsonl", ""] {
            assert!(waits(dir.path(), &turn(name), None).await < 500, "{name}");
        }
        rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(waits(dir.path(), &turn(NAME), None).await < 500, "a pipe");
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert!(waits(dir.path(), &turn(NAME), None).await < 500, "a link");
        let nothing = Turn { said: None, ..turn(NAME) };
        assert!(waits(dir.path(), &nothing, None).await < 500);
    }
}

//! The commands that an agent ran, as its transcript has them at the end of each turn.

use std::cell::{Cell, RefCell};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cci_agent::{Agent, Ran, RanIn, Turn};
use cci_core::audit::Event;
use cci_engine::blocking::blocking;
use jiff::Timestamp;

use super::written;

/// How much of a transcript is read at the end of one turn: its last part.
const MOST: u64 = 8 * 1024 * 1024;
/// So many commands of one turn are kept.
const COUNT: usize = 1_000;
/// How much of a command is kept.
const LONGEST: usize = 4 * 1024;

/// Where in a session's transcript the next turn begins.
pub(super) struct Commands {
    since: Timestamp,
    read: RefCell<PathBuf>,
    until: Cell<u64>,
}

impl Commands {
    /// Those that are run from now on.
    pub(super) fn from_now() -> Self {
        Self { since: Timestamp::now(), read: RefCell::default(), until: Cell::new(0) }
    }

    /// Those of a turn that has ended.
    pub(super) async fn of(&self, agent: &'static dyn Agent, state: &Path, turn: &Turn) -> Vec<Event> {
        let (Some(file), Some(ran)) = (written::place(agent, turn), agent.ran()) else { return Vec::new() };
        if *self.read.borrow() != file {
            self.read.replace(file.clone());
            self.until.set(0);
        }
        let (state, from, since) = (state.to_owned(), self.until.get(), self.since);
        let read =
            blocking(move || Ok(rows(&state, &file, from).map(|(rows, until)| (commands(&rows, ran, since), until))));
        let Ok(Some((commands, until))) = read.await else { return Vec::new() };
        self.until.set(until);
        commands
    }
}

/// The rows of a transcript from a place on, and where they end.
fn rows(state: &Path, file: &Path, from: u64) -> Option<(Vec<u8>, u64)> {
    let (mut file, size) = written::open(state, file)?;
    // one that has become shorter is another
    let from = if from > size { 0 } else { from }.max(size.saturating_sub(MOST));
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut rows = Vec::new();
    file.take(MOST).read_to_end(&mut rows).ok()?;
    let whole = rows.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    rows.truncate(whole);
    Some((rows, from + whole as u64))
}

fn commands(rows: &[u8], ran: RanIn, since: Timestamp) -> Vec<Event> {
    let is_new = |ran: &Ran| ran.at.parse::<Timestamp>().is_ok_and(|at| at >= since);
    let ran = rows.split(|byte| *byte == b'\n').flat_map(ran).filter(is_new).take(COUNT);
    ran.map(|Ran { at, mut command }| {
        let end = (0..=LONGEST.min(command.len())).rev().find(|at| command.is_char_boundary(*at));
        command.truncate(end.unwrap_or_default());
        Event::Command { command, when: at }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    const NAME: &str = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f.jsonl";

    fn row(at: &str, command: &str) -> String {
        let content = serde_json::json!([{ "type": "tool_use", "name": "Bash", "input": { "command": command } }]);
        serde_json::json!({ "type": "assistant", "timestamp": at, "message": { "content": content } }).to_string()
            + "\n"
    }

    #[tokio::test]
    async fn each_turn_has_its_own_commands_and_none_from_before_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let agent = cci_agent::default_agent();
        let transcripts = dir.path().join(agent.transcripts().unwrap().dir);
        fs::create_dir_all(&transcripts).unwrap();
        let path = transcripts.join(NAME);
        let add = |text: &str| {
            fs::OpenOptions::new().create(true).append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        };
        let turn = Turn { transcript: Some(NAME.into()), ..Turn::default() };
        let commands = Commands::from_now();
        let seen = async || {
            let events = commands.of(agent, dir.path(), &turn).await;
            let text = |event| if let Event::Command { command, .. } = event { command } else { String::new() };
            events.into_iter().map(text).collect::<Vec<_>>()
        };
        assert!(seen().await.is_empty(), "there is no transcript yet");
        let later = "2999-01-01T00:00:00Z";
        add(&(row("2026-01-01T00:00:00Z", "old") + &row(later, "ls\n-l") + "no row\n" + "{\"cut"));
        assert_eq!(seen().await, ["ls\n-l"]);
        assert!(seen().await.is_empty());
        fs::write(&path, "").unwrap();
        assert!(seen().await.is_empty(), "another file in its place");
        fs::write(&path, row(later, &"\u{e9}".repeat(4_000))).unwrap();
        let [long] = seen().await.try_into().unwrap();
        assert_eq!(long.len(), LONGEST);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(seen().await.is_empty());
    }
}

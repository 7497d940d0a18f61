//! A stand-in for an agent, for tests and demos: it needs no account. Every image has it (`build-scripts/dummy`).

use super::claude::Claude;
use crate::agent::{Agent, RanIn, Shown, Spoken, Transcripts};
use crate::tool::{Start, Tool};

/// The stand-in. It can also replace Claude Code (`CCI_USE_DUMMY=1`), so it keeps conversations where that does.
#[derive(Debug)]
pub(crate) struct Dummy;

impl Agent for Dummy {
    fn name(&self) -> &'static str {
        "dummy"
    }

    fn title(&self) -> &'static str {
        "Dummy"
    }

    fn state_dir(&self) -> &'static str {
        Claude.state_dir()
    }

    fn command(&self, tool: &Tool, start: &Start) -> Vec<String> {
        let mut argv = vec![tool.binary.clone()];
        argv.extend(tool.args.iter().cloned());
        let words: &[&str] = match start {
            Start::New(id) => &["--session-id", id],
            Start::Resume(id) => &["--resume", id],
            Start::Fork { from, to } => &["--resume", from, "--fork-session", "--session-id", to],
        };
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv
    }

    fn environment(&self, state: &str) -> Vec<(&'static str, String)> {
        Claude.environment(state)
    }

    fn transcripts_of(&self, directory: &str) -> Option<String> {
        Claude.transcripts_of(directory)
    }

    fn transcripts(&self) -> Option<Transcripts> {
        Claude.transcripts()
    }

    fn conversation(&self) -> &'static [&'static str] {
        Claude.conversation()
    }

    fn spoken(&self) -> Option<fn(&[u8]) -> Spoken> {
        Claude.spoken()
    }

    fn ran(&self) -> Option<RanIn> {
        Claude.ran()
    }

    fn screen(&self) -> Option<fn(&str) -> Shown> {
        Some(shown)
    }
}

/// Its last line asks for a prompt.
fn shown(screen: &str) -> Shown {
    let last = screen.lines().rfind(|line| !line.trim().is_empty());
    let typed = last.and_then(|line| line.strip_prefix("You:"));
    typed.map_or(Shown::Other, |typed| Shown::Prompt(typed.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_last_line_says_whether_it_waits_for_a_prompt() {
        assert_eq!(shown("Session: a\nYou: hi\nhi-BACK\nYou:\n\n"), Shown::Prompt(String::new()));
        assert_eq!(shown("You: half a pro"), Shown::Prompt("half a pro".into()));
        assert_eq!(shown("You: hi\ncode@x:/workspace$"), Shown::Other);
    }

    #[test]
    fn it_is_told_which_conversation_and_nothing_else() {
        let tool = Tool { name: "dummy".into(), binary: "dummy".into(), args: vec!["-v".into()], model: None };
        assert_eq!(Dummy.command(&tool, &Start::New("a".into())).join(" "), "dummy -v --session-id a");
        assert_eq!(Dummy.command(&tool, &Start::Resume("a".into())).join(" "), "dummy -v --resume a");
        assert!(Dummy.seed(&crate::Given::default()).files.is_empty(), "it has no account");
    }
}

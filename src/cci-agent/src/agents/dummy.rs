//! A stand-in for an agent, for tests and demos: it needs no account. Every image has it (`build-scripts/dummy`).

use super::claude::Claude;
use crate::agent::{Agent, Transcripts};
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
        argv.extend(match start {
            Start::New(id) => ["--session-id".into(), id.clone()],
            Start::Resume(id) => ["--resume".into(), id.clone()],
        });
        argv
    }

    fn environment(&self, state: &str) -> Vec<(&'static str, String)> {
        Claude.environment(state)
    }

    fn transcripts(&self) -> Option<Transcripts> {
        Claude.transcripts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_which_conversation_and_nothing_else() {
        let tool = Tool { name: "dummy".into(), binary: "dummy".into(), args: vec!["-v".into()], model: None };
        assert_eq!(Dummy.command(&tool, &Start::New("a".into())).join(" "), "dummy -v --session-id a");
        assert_eq!(Dummy.command(&tool, &Start::Resume("a".into())).join(" "), "dummy -v --resume a");
        assert!(Dummy.seed(&crate::Given::default()).unwrap().files.is_empty(), "it has no account");
    }
}

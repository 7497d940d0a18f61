//! Claude Code.

mod config;
mod named;
mod place;
mod screen;
mod secrets;
mod servers;
mod settings;
mod talk;

use self::place::{STATE, directory, state_file};
use crate::agent::{Agent, Shown, Transcripts};
use crate::json::Keep;
use crate::seed::{Copied, Document, Form, Given, HostPlace, Seeded, Sources};
use crate::tool::{Start, Tool};

/// Claude Code.
#[derive(Debug)]
pub(crate) struct Claude;

/// Its login.
const LOGIN: &str = ".credentials.json";
/// What is copied from its directory on the host as it is: what the user has written for it, and never what it has
/// recorded about other workspaces.
const COPIED: [&str; 11] = [
    config::MEMORY,
    "config.yml",
    "keybindings.json",
    "commands",
    "agents",
    "skills",
    "hooks",
    "output-styles",
    "rules",
    "themes",
    "workflows",
];

impl Agent for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn title(&self) -> &'static str {
        "Claude Code"
    }

    fn state_dir(&self) -> &'static str {
        ".claude"
    }

    fn command(&self, tool: &Tool, start: &Start) -> Vec<String> {
        let mut argv = vec![tool.binary.clone(), "--permission-mode".into(), "bypassPermissions".into()];
        if let Some(model) = &tool.model {
            argv.extend(["--model".into(), model.clone()]);
        }
        argv.extend(tool.args.iter().cloned());
        argv.extend(match start {
            Start::New(id) => ["--session-id".into(), id.clone()],
            Start::Resume(id) => ["--resume".into(), id.clone()],
        });
        argv
    }

    fn environment(&self, state: &str) -> Vec<(&'static str, String)> {
        vec![("CLAUDE_CONFIG_DIR", state.to_owned())]
    }

    fn transcripts(&self) -> Option<Transcripts> {
        Some(Transcripts {
            dir: "projects/-workspace",
            id: talk::id,
            talk: talk::is_talk,
            trace: Some("history.jsonl"),
        })
    }

    fn place_variable(&self) -> Option<&'static str> {
        Some("CLAUDE_CONFIG_DIR")
    }

    fn sources(&self, place: &HostPlace) -> Sources {
        let directory = directory(place);
        let copied = COPIED.map(|name| Copied::plain(directory.join(name), name));
        let login = Copied { login: true, ..Copied::plain(directory.join(LOGIN), LOGIN) };
        let document = |name, path, form| Document { name, path, form };
        Sources {
            copied: [login].into_iter().chain(copied).collect(),
            host: vec![
                document(config::SETTINGS, directory.join(config::SETTINGS), Form::Json(Keep::All)),
                document(STATE, state_file(place), Form::Json(config::OF_STATE)),
                document(config::MEMORY, directory.join(config::MEMORY), Form::Text),
            ],
            directory,
            session: &[config::SETTINGS, STATE],
            // hooks, variables, key helpers and servers
            workspace: &[".claude/settings.json", ".claude/settings.local.json", ".mcp.json"],
        }
    }

    fn seed(&self, given: &Given<'_>) -> Seeded {
        config::seed(given)
    }

    fn screen(&self) -> Option<fn(&str) -> Shown> {
        Some(screen::shown)
    }

    fn api_key_variable(&self) -> Option<&'static str> {
        Some("ANTHROPIC_API_KEY")
    }

    fn protected(&self) -> &'static [&'static str] {
        &[".claude"]
    }

    fn domains(&self) -> &'static [&'static str] {
        &["api.anthropic.com", "platform.claude.com"]
    }

    fn install(&self) -> Option<&'static str> {
        Some(include_str!("../../../../build-scripts/claude.sh"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_started_as_the_contract_says() {
        let tool = Tool { name: "claude".into(), binary: "claude".into(), args: vec![], model: None };
        assert_eq!(
            Claude.command(&tool, &Start::New("x".into())).join(" "),
            "claude --permission-mode bypassPermissions --session-id x"
        );
        let tool = Tool { model: Some("opus".into()), args: vec!["--verbose".into()], ..tool };
        assert_eq!(
            Claude.command(&tool, &Start::Resume("x".into())).join(" "),
            "claude --permission-mode bypassPermissions --model opus --verbose --resume x"
        );
    }
}

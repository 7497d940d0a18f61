//! Claude Code.

mod config;
mod screen;
mod secrets;

use crate::agent::{Agent, Shown, Transcripts};
use crate::seed::{Broken, Copied, Given, Seeded, Sources};
use crate::tool::{Start, Tool};

/// Claude Code.
#[derive(Debug)]
pub(crate) struct Claude;

/// What is copied from the host as it is.
const FILES: [Copied; 3] = [
    Copied { host: ".claude/.credentials.json", session: ".credentials.json" },
    Copied { host: ".claude/CLAUDE.md", session: "CLAUDE.md" },
    Copied { host: ".claude/config.yml", session: "config.yml" },
];
const TREES: [Copied; 3] = [
    Copied { host: ".claude/commands", session: "commands" },
    Copied { host: ".claude/agents", session: "agents" },
    Copied { host: ".claude/skills", session: "skills" },
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
        Some(Transcripts { dir: "projects/-workspace", id: |file| file.strip_suffix(".jsonl") })
    }

    fn sources(&self) -> Sources {
        Sources {
            files: &FILES,
            trees: &TREES,
            host: &[config::HOST_SETTINGS, config::STATE],
            session: &[config::SETTINGS, config::STATE],
            // hooks, variables, key helpers and servers
            workspace: &[".claude/settings.json", ".claude/settings.local.json", ".mcp.json"],
        }
    }

    fn seed(&self, given: &Given<'_>) -> Result<Seeded, Broken> {
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

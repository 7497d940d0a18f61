//! Claude Code.

mod config;
mod cost;
mod history;
mod keys;
mod login;
mod named;
mod place;
mod programs;
mod provider;
mod screen;
mod secrets;
mod servers;
mod settings;
mod talk;
mod turns;
mod words;

use self::login::LOGIN;
use self::place::{STATE, directory, state_file};
use crate::agent::{Agent, FirstPrompt, RanIn, Shown, Spoken, Transcripts};
use crate::history::History;
use crate::import::{Import, Part};
use crate::json::Keep;
use crate::login::Login;
use crate::seed::{Copied, Document, Form, Given, HostPlace, Seeded, Sources};
use crate::tool::{Start, Tool};
use crate::turn::Turn;
use serde_json::Value;

/// Claude Code.
#[derive(Debug)]
pub(crate) struct Claude;

/// A longer name of a directory is not made by one character for another.
const LONGEST_NAME: usize = 200;

/// What is copied from its directory on the host as it is: what the person has written for it, and never what it noted
/// of other workspaces.
const COPIED: [(&str, Part); 12] = [
    (config::MEMORY, Part::Instructions),
    ("config.yml", Part::Settings),
    ("keybindings.json", Part::Settings),
    ("loop.md", Part::Instructions),
    ("commands", Part::Commands),
    ("agents", Part::Agents),
    ("skills", Part::Skills),
    ("hooks", Part::Hooks),
    ("output-styles", Part::OutputStyles),
    ("rules", Part::Rules),
    ("themes", Part::Settings),
    ("workflows", Part::Workflows),
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
        let words: &[&str] = match start {
            Start::New(id) => &["--session-id", id],
            Start::Resume(id) => &["--resume", id],
            Start::Fork { from, to } => &["--resume", from, "--fork-session", "--session-id", to],
        };
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv
    }

    fn environment(&self, state: &str) -> Vec<(&'static str, String)> {
        vec![("CLAUDE_CONFIG_DIR", state.to_owned())]
    }

    fn variables(&self) -> &'static [&'static str] {
        &["ANTHROPIC_", "CLAUDE_"]
    }

    fn transcripts(&self) -> Option<Transcripts> {
        Some(Transcripts {
            dir: "projects/-workspace",
            id: talk::id,
            talk: talk::is_talk,
            trace: Some("history.jsonl"),
        })
    }

    fn transcripts_of(&self, directory: &str) -> Option<String> {
        let name = directory.replace(|char: char| !char.is_ascii_alphanumeric(), "-");
        // it shortens longer ones in a way of its own
        (name.len() <= LONGEST_NAME).then(|| format!("projects/{name}"))
    }

    fn history(&self) -> Option<History> {
        Some(History { directory, began_in: history::began_in, said: history::said })
    }

    fn conversation(&self) -> &'static [&'static str] {
        &["projects", "file-history", "history.jsonl", "plans", "tasks", "todos"]
    }

    fn spoken(&self) -> Option<fn(&[u8]) -> Spoken> {
        Some(talk::spoken)
    }

    fn ran(&self) -> Option<RanIn> {
        Some(talk::ran)
    }

    fn place_variable(&self) -> Option<&'static str> {
        Some("CLAUDE_CONFIG_DIR")
    }

    fn sources(&self, place: &HostPlace, import: &Import) -> Sources {
        let directory = directory(place);
        let (copied, left): (Vec<_>, Vec<_>) = COPIED.into_iter().partition(|(_, part)| import.has(*part));
        let copied = copied.into_iter().map(|(name, _)| Copied::plain(directory.join(name), name));
        let login = Copied { login: true, ..Copied::plain(directory.join(LOGIN), LOGIN) };
        let document = |name, form| Document { name, path: directory.join(name), form };
        let settings = settings::is_read(import).then(|| document(place::SETTINGS, Form::Json(Keep::All)));
        let state = Document { path: state_file(place), ..document(STATE, Form::Json(config::OF_STATE)) };
        let memory = import.has(Part::Instructions).then(|| document(config::MEMORY, Form::Text));
        let markets = import.has(Part::Plugins).then(|| document(settings::MARKETS, Form::Json(settings::OF_MARKETS)));
        Sources {
            copied: [login].into_iter().chain(copied).collect(),
            host: [settings, Some(state), memory, markets].into_iter().flatten().collect(),
            directory,
            session: &[place::SETTINGS, STATE],
            // hooks, variables, key helpers and servers
            workspace: &[".claude/settings.json", ".claude/settings.local.json", ".mcp.json"],
            stays: place::NOTED.into_iter().chain(place::STAYS).chain(left.into_iter().map(|(name, _)| name)).collect(),
        }
    }

    fn seed(&self, given: &Given<'_>) -> Seeded {
        config::seed(given)
    }

    fn screen(&self) -> Option<fn(&str) -> Shown> {
        Some(screen::shown)
    }

    /// What is not a terminal there is the prompt, however long, as it is: it then opens the terminal itself.
    fn first_prompt(&self) -> Option<FirstPrompt> {
        Some(FirstPrompt::Read)
    }

    /// A backslash before Enter is a new line for it, and is lost; blanks at the end of a prompt are.
    fn ends_with(&self, prompt: &[u8]) -> &'static str {
        if prompt.ends_with(b"\\") { " " } else { "" }
    }

    fn api_key_variable(&self) -> Option<&'static str> {
        Some("ANTHROPIC_API_KEY")
    }

    fn login(&self) -> Option<&'static dyn Login> {
        Some(&login::Account)
    }

    fn tells_turns(&self) -> bool {
        true
    }

    fn turn(&self, told: &Value) -> Option<Turn> {
        turns::turn(told)
    }

    fn has_written(&self, turn: &Turn, tail: &[u8]) -> bool {
        turns::has_written(turn, tail)
    }

    fn protected(&self) -> &'static [&'static str] {
        &[".claude"]
    }

    fn settings_in_workspace(&self) -> &'static [&'static str] {
        &[
            "**/.claude/settings.json",
            "**/.claude/settings.local.json",
            "**/.claude/hooks/",
            "**/.claude/commands/",
            "**/.claude/agents/",
            "**/.claude/skills/",
            ".mcp.json",
        ]
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
    fn transcripts_are_kept_by_directory() {
        let kept = Claude.transcripts().unwrap().dir;
        assert_eq!(Claude.transcripts_of("/workspace").as_deref(), Some(kept));
        assert_eq!(Claude.transcripts_of("/home/u/my_proj.x").as_deref(), Some("projects/-home-u-my-proj-x"));
        assert_eq!(Claude.transcripts_of(&"/x".repeat(101)), None);
    }

    #[test]
    fn a_backslash_at_the_end_of_a_prompt_is_no_new_line() {
        assert_eq!(Claude.ends_with(b"trailing backslash \\"), " ");
        assert_eq!(Claude.ends_with(b"a \\ within"), "");
    }

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
        let tool = Tool { model: None, args: vec![], ..tool };
        assert_eq!(
            Claude.command(&tool, &Start::Fork { from: "x".into(), to: "y".into() }).join(" "),
            "claude --permission-mode bypassPermissions --resume x --fork-session --session-id y"
        );
    }
}
